#pragma once

#include <cstdint>

#include "clipk/core/view.hpp"

namespace clipk::cpu {

/// Into so many parts the rows are cut.
std::int64_t column_moment_parts(std::int64_t rows);

/// Shapes as in clipk::column_moments, not empty. parts [column_moment_parts(n), 2 d] is scratch.
void column_moments(int threads, MatrixView<const float> x, MatrixView<double> parts,
                    VectorView<double> mean, VectorView<double> variance);

}  // namespace clipk::cpu
