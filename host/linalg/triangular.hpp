#pragma once

#include "clipk/core/matrix.hpp"

// Small dense factorisations in double. Deterministic: the same bytes for any number of threads and
// on every processor.
namespace clipk::cpu {

/// A = L L^T of a symmetric A, whose lower triangle is read. L replaces it, with zeros above.
/// Returns false, with A partly overwritten, if A is not positive definite.
bool cholesky(MatrixView<double> a);

/// Each row x of `rows` [n, d] becomes L^-1 x, L [d, d] lower triangular.
void solve_lower(int threads, MatrixView<const double> lower, MatrixView<double> rows);

/// Each row x of `rows` [n, d] becomes L^-T x.
void solve_lower_transposed(int threads, MatrixView<const double> lower, MatrixView<double> rows);

/// log |det A| of a square A, by elimination with row exchanges; -infinity where it is singular.
double log_abs_determinant(Matrix<double> a);

}  // namespace clipk::cpu
