#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/memory.hpp"
#include "clipk/core/target_distances.hpp"
#include "kernels/detail/gemm.hpp"
#include "kernels/detail/packed_rows.hpp"

// What losses share that are sums of distances with integer coefficients.
namespace clipk::gpu {

/// Codes made ready, and their distances.
struct CountedCodes {
  PackedRows x, y;
  float* e;  ///< [x.rows, y.rows]
};

/// Everything lies in scratch. Within one set (`self`) y is x.
CountedCodes counted_codes(MatrixView<const float> x, MatrixView<const float> y, bool self,
                           Precision precision, Scratch& scratch, cudaStream_t stream);

/// The target made from its rows. Rounding must not exchange two of them: always fp32. Only the
/// order counts, so no roots.
MatrixView<const float> target_distances(const TargetDistances& target, bool self, Scratch& scratch,
                                         cudaStream_t stream);

/// Adds the gradient of factor * sum of c_ij e_ij; an empty gradient is not computed. Within one
/// set grad_x takes both sides. Overwrites c and the distances. Scratch: sums of rows and columns,
/// and the products.
void counted_gradient(const CountedCodes& codes, bool self, int* c, double factor,
                      MatrixView<float> grad_x, MatrixView<float> grad_y, Precision precision,
                      GemmHandle& handle, Scratch& scratch, cudaStream_t stream);

}  // namespace clipk::gpu
