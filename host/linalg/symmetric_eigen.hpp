#pragma once

#include <vector>

#include "clipk/core/matrix.hpp"

namespace clipk::cpu {

/// A = sum_i values[i] v_i v_i^T, where v_i is row i of vectors.
struct SymmetricEigen {
  std::vector<double> values;  ///< [n], ascending
  Matrix<double> vectors;      ///< [n, n], orthonormal rows; their signs are arbitrary
};

/// Eigenvalues and eigenvectors of a symmetric matrix [n, n]: Householder's tridiagonal form, then
/// implicit QR steps with Wilkinson's shift (Golub and Van Loan, Matrix Computations, 8.3). The
/// error of a value is a small multiple of n epsilon |A|.
/// Deterministic: the same bytes for any number of threads and on every processor.
/// @throws Error if the matrix is not square or holds a value that is not finite.
SymmetricEigen symmetric_eigen(int threads, MatrixView<const double> a);

}  // namespace clipk::cpu
