#include "models/quantization/learned_rotation.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "linalg/matrix_algebra.hpp"
#include "linalg/symmetric_eigen.hpp"

namespace clipk {
namespace {

using cpu::Transpose;

// How much of the old rotation is added, relative to the target. Directions that the rows do not
// span have no best rotation; this keeps the one they had.
constexpr double kOldPart = 1e-4;

// X (3 I - X^T X) / 2: makes a nearly orthonormal matrix so to the last bits (Newton-Schulz).
Matrix<double> polished(int threads, const Matrix<double>& x) {
  Matrix<double> middle = cpu::product(threads, Transpose::yes, x, Transpose::no, x);
  for (double& value : middle.flat()) value *= -0.5;
  for (std::int64_t i = 0; i < middle.rows(); ++i) middle(i, i) += 1.5;
  return cpu::product(threads, Transpose::no, x, Transpose::no, middle);
}

// The rotation nearest to a square matrix: U V^T of its singular value decomposition U S V^T, from
// the eigenvectors V and values S^2 of M^T M.
Matrix<double> nearest_rotation(int threads, const Matrix<double>& m) {
  const cpu::SymmetricEigen eigen =
      cpu::symmetric_eigen(threads, cpu::product(threads, Transpose::yes, m, Transpose::no, m));
  // Rows v_i / s_i, so that M V S^-1 V^T = M (rows)^T (vectors).
  Matrix<double> scaled = Matrix<double>(m.rows(), m.cols());
  for (std::int64_t i = 0; i < scaled.rows(); ++i) {
    const double value = std::max(eigen.values[static_cast<std::size_t>(i)], 0.0);
    const double per = value > 0 ? 1 / std::sqrt(value) : 0;
    for (std::int64_t j = 0; j < scaled.cols(); ++j) scaled(i, j) = eigen.vectors(i, j) * per;
  }
  const Matrix<double> root =
      cpu::product(threads, Transpose::yes, scaled, Transpose::no, eigen.vectors);
  return polished(threads,
                  polished(threads, cpu::product(threads, Transpose::no, m, Transpose::no, root)));
}

}  // namespace

Matrix<double> learned_rotation(int threads, const Matrix<double>& rows, Matrix<double> rotation,
                                std::int64_t iterations) {
  for (std::int64_t iteration = 0; iteration < iterations; ++iteration) {
    Matrix<double> signs = cpu::product(threads, Transpose::no, rows, Transpose::yes, rotation);
    for (double& value : signs.flat()) value = value >= 0 ? 1 : -1;
    // Of all R the one that maximises tr(R X^T B) = <R, B^T X>.
    Matrix<double> target = cpu::product(threads, Transpose::yes, signs, Transpose::no, rows);
    double squares = 0;
    for (const double value : std::as_const(target).flat()) squares += value * value;
    const double part = kOldPart * std::sqrt(squares / static_cast<double>(target.rows()));
    if (!(part > 0)) return rotation;  // rows that are all equal
    for (std::int64_t i = 0; i < target.rows(); ++i) {
      for (std::int64_t j = 0; j < target.cols(); ++j) target(i, j) += part * rotation(i, j);
    }
    rotation = nearest_rotation(threads, target);
  }
  return rotation;
}

}  // namespace clipk
