#pragma once

#include <cstdint>

#include "clipk/core/matrix.hpp"

namespace clipk::cpu {

/// The reflector I - tau v v^T that turns x [n] into (value, 0, ...); v, whose first element is 1,
/// replaces x. Returns tau. x belongs to a matrix whose largest values are near 1: elements below
/// 1e-145 count as 0.
double make_reflector(double* x, std::int64_t n, double& value);

/// `count` orthonormal rows. The first k of them span the same space as the first k rows of `rows`
/// [r, d], where those are independent; those past r complete the basis. The signs of the rows are
/// arbitrary. r <= count <= d. Deterministic: the same bytes for any number of threads and on
/// every processor.
Matrix<double> orthonormal_rows(int threads, MatrixView<const double> rows, std::int64_t count);

}  // namespace clipk::cpu
