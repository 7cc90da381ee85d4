#pragma once

#include <cstdint>

#include "clipk/core/matrix.hpp"
#include "linalg/gemm.hpp"

// Functions of whole host matrices that return a new one, for models that solve small systems.
namespace clipk::cpu {

/// op(A) op(B), by gemm.
template <class T>
Matrix<T> product(int threads, Transpose a_transposed, const Matrix<T>& a, Transpose b_transposed,
                  const Matrix<T>& b) {
  const std::int64_t m = a_transposed == Transpose::yes ? a.cols() : a.rows();
  const std::int64_t k = a_transposed == Transpose::yes ? a.rows() : a.cols();
  const std::int64_t n = b_transposed == Transpose::yes ? b.rows() : b.cols();
  Matrix<T> result(m, n);
  gemm(threads, a_transposed, b_transposed, m, n, k, T{1}, a.data(), a.cols(), b.data(), b.cols(),
       T{0}, result.data(), n);
  return result;
}

/// A^T.
inline Matrix<double> transposed(const Matrix<double>& a) {
  Matrix<double> result(a.cols(), a.rows());
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    for (std::int64_t j = 0; j < a.cols(); ++j) result(j, i) = a(i, j);
  }
  return result;
}

/// The sum of the diagonal of a square matrix.
inline double trace(const Matrix<double>& a) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.rows(); ++i) sum += a(i, i);
  return sum;
}

/// The same values in another type.
template <class To, class From>
Matrix<To> cast(MatrixView<const From> rows) {
  Matrix<To> result(rows.rows, rows.cols);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) result(i, j) = static_cast<To>(rows(i, j));
  }
  return result;
}

}  // namespace clipk::cpu
