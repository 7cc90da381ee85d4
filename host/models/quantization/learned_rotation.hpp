#pragma once

#include <cstdint>

#include "clipk/core/matrix.hpp"

namespace clipk {

/// Iterative quantisation (Gong and Lazebnik 2011): from a rotation [d, d], the rotation R under
/// which the signs of the turned rows lose least, sum |sign(R x) - R x|^2, found by turns: the
/// signs of all rows, and the rotation nearest to them (orthogonal Procrustes).
/// @param rows [n, d] centred  @param rotation [d, d] where to start, orthonormal rows
Matrix<double> learned_rotation(int threads, const Matrix<double>& rows, Matrix<double> rotation,
                                std::int64_t iterations);

}  // namespace clipk
