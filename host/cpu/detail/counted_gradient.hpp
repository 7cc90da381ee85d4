#pragma once

#include <cstdint>

#include "clipk/core/memory.hpp"
#include "cpu/detail/packed_rows.hpp"

// What losses share that are sums of distances with integer coefficients.
namespace clipk::cpu {

/// Distances of all rows of one side to all of the other, in scratch.
MatrixView<float> distances_of(int threads, Scratch& scratch, const PackedSides<float>& rows,
                               Metric metric);
MatrixView<double> distances_of(int threads, Scratch& scratch, const PackedSides<double>& rows,
                                Metric metric);

/// Adds the gradient of factor * sum_ij c_ij e_ij, with e_ij the distances of the codes; an empty
/// gradient is not computed. Within one set (`self`) grad_x takes both sides of each, grad_y is
/// empty, and c_ij and c_ji count alike.
void counted_gradient(int threads, Scratch& scratch, const PackedSides<float>& codes, bool self,
                      MatrixView<const std::int32_t> c, MatrixView<const float> e, double factor,
                      MatrixView<float> grad_x, MatrixView<float> grad_y);
void counted_gradient(int threads, Scratch& scratch, const PackedSides<double>& codes, bool self,
                      MatrixView<const std::int32_t> c, MatrixView<const double> e, double factor,
                      MatrixView<double> grad_x, MatrixView<double> grad_y);

}  // namespace clipk::cpu
