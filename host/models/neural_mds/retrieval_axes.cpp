#include "clipk/models/retrieval_axes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "clipk/core/check_finite.hpp"
#include "core/check.hpp"
#include "linalg/fixed_dot.hpp"
#include "linalg/gemm.hpp"
#include "linalg/householder.hpp"
#include "linalg/matrix_algebra.hpp"
#include "linalg/symmetric_eigen.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "retrieval_axes";
using cpu::Transpose;

Matrix<double> product(const Matrix<double>& a, const Matrix<double>& b,
                       Transpose b_transposed = Transpose::no) {
  return cpu::product(1, Transpose::no, a, b_transposed, b);
}

// a + factor b, element by element.
Matrix<double> sum(const Matrix<double>& a, double factor, const Matrix<double>& b) {
  Matrix<double> result(a.rows(), a.cols());
  std::transform(a.data(), a.data() + a.rows() * a.cols(), b.data(), result.data(),
                 [&](double x, double y) { return x + factor * y; });
  return result;
}

// The covariance of centred rows, divided by its trace.
Matrix<double> covariance(MatrixView<const float> centred) {
  const Matrix<double> rows = cpu::cast<double>(centred);
  Matrix<double> result(rows.cols(), rows.cols());
  cpu::gemm_symmetric(1, Transpose::yes, rows.cols(), rows.rows(), 1.0, rows.data(), rows.cols(),
                      0.0, result.data(), rows.cols());
  const double trace = cpu::trace(result);
  if (!(trace > 0)) check::fail(kName, "rows that differ", "equal ones");
  for (std::int64_t i = 0; i < result.rows() * result.cols(); ++i) result.data()[i] /= trace;
  return result;
}

// The inverse root of the mean of both covariances, after a constant (`floor`) is added to
// its eigenvalues.
Matrix<double> soft_inverse_root(const Matrix<double>& images, const Matrix<double>& texts,
                                 double floor) {
  const std::int64_t d = images.rows();
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(1, sum(images, 1, texts));
  Matrix<double> scaled(d, d);
  for (std::int64_t i = 0; i < d; ++i) {
    const double value = std::max(eigen.values[static_cast<std::size_t>(i)] / 2, 0.0);
    const double scale = 1 / std::sqrt(value + floor);
    for (std::int64_t j = 0; j < d; ++j) scaled(i, j) = scale * eigen.vectors(i, j);
  }
  return cpu::product(1, Transpose::yes, eigen.vectors, Transpose::no, scaled);
}

// [dim, D], of any length and sign.
Matrix<double> axes_of_many(MatrixView<const float> x, MatrixView<const float> y, std::int64_t dim,
                            const RetrievalAxesOptions& options) {
  const std::int64_t d = x.cols;
  const Matrix<double> images = covariance(x), texts = covariance(y);
  const Matrix<double> half =
      soft_inverse_root(images, texts, options.whitening / static_cast<double>(d));
  const Matrix<double> wanted = product(product(half, sum(texts, options.images, images)), half);
  Matrix<double> symmetric(d, d);
  for (std::int64_t i = 0; i < d; ++i) {
    for (std::int64_t j = 0; j < d; ++j) symmetric(i, j) = (wanted(i, j) + wanted(j, i)) / 2;
  }
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(1, symmetric);
  Matrix<double> largest(dim, d);
  for (std::int64_t c = 0; c < dim; ++c) {
    std::copy_n(eigen.vectors.view().row(d - 1 - c), d, largest.view().row(c));
  }
  return product(largest, half);
}

// Rows of one modality, divided by the root of twice the trace of their scatter.
void add_scaled(MatrixView<const float> rows, MatrixView<double> out) {
  double trace = 0;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    std::copy_n(rows.row(i), rows.cols, out.row(i));
    trace += cpu::fixed_dot(out.row(i), out.row(i), rows.cols);
  }
  if (!(trace > 0)) check::fail(kName, "rows that differ", "equal ones");
  const double scale = 1 / std::sqrt(2 * trace);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) out(i, j) *= scale;
  }
}

// Row i times `factor_of(i)`.
template <class F>
Matrix<double> scaled_rows(const Matrix<double>& rows, F&& factor_of) {
  Matrix<double> result(rows.rows(), rows.cols());
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    const double factor = factor_of(i);
    for (std::int64_t j = 0; j < rows.cols(); ++j) result(i, j) = factor * rows(i, j);
  }
  return result;
}

// The same for fewer rows than columns, by matrices [N, N]. Let A [N, D] hold the scaled rows of
// both modalities, so that the mean of the covariances is A^T A, and E their weights in S_t +
// images S_i = A^T E A. With A A^T = U^T L U and the constant f,
//   A H = U^T (L + f)^(-1/2) U A,   H (S_t + images S_i) H = B^T B,   B = E^(1/2) A H,
// and an eigenvector w of B B^T of eigenvalue m gives the eigenvector w^T B / sqrt(m) of B^T B.
Matrix<double> axes_of_few(MatrixView<const float> x, MatrixView<const float> y, std::int64_t dim,
                           const RetrievalAxesOptions& options) {
  const std::int64_t d = x.cols, n = x.rows + y.rows;
  const double floor = options.whitening / static_cast<double>(d);
  Matrix<double> rows(n, d);
  add_scaled(x, rows.view().row_range(0, x.rows));
  add_scaled(y, rows.view().row_range(x.rows, y.rows));
  Matrix<double> gram(n, n);
  cpu::gemm_symmetric(1, Transpose::no, n, d, 1.0, rows.data(), d, 0.0, gram.data(), n);
  const cpu::SymmetricEigen of_gram = cpu::symmetric_eigen(1, gram);
  const Matrix<double>& u = of_gram.vectors;
  const auto value = [&](std::int64_t i) {
    return std::max(of_gram.values[static_cast<std::size_t>(i)], 0.0);
  };
  const auto root_weight = [&](std::int64_t i) {
    return std::sqrt(2 * (i < x.rows ? options.images : 1));
  };

  Matrix<double> root =
      scaled_rows(u, [&](std::int64_t i) { return std::sqrt(value(i) / (value(i) + floor)); });
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) root(i, j) *= root_weight(j);
  }
  Matrix<double> wanted(n, n);
  cpu::gemm_symmetric(1, Transpose::yes, n, n, 1.0, root.data(), n, 0.0, wanted.data(), n);
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(1, wanted);

  const double least =
      eigen.values.back() * static_cast<double>(d) * std::numeric_limits<double>::epsilon();
  std::int64_t rank = 0;
  while (rank < std::min(n, dim) && eigen.values[static_cast<std::size_t>(n - 1 - rank)] > least) {
    ++rank;
  }
  // w^T E^(1/2) U^T / sqrt(m).
  Matrix<double> combined(rank, n);
  for (std::int64_t c = 0; c < rank; ++c) {
    const double scale = 1 / std::sqrt(eigen.values[static_cast<std::size_t>(n - 1 - c)]);
    for (std::int64_t i = 0; i < n; ++i) {
      combined(c, i) = scale * root_weight(i) * eigen.vectors(n - 1 - c, i);
    }
  }
  combined = product(combined, u, Transpose::yes);
  // Maps each of them to the rows by U^T's columns, scaled by factor_of.
  const auto of_rows = [&](const Matrix<double>& in, auto&& factor_of) {
    return product(product(in, scaled_rows(u, factor_of)), rows);
  };
  // Small directions are orthogonal to the others only up to rounding. Reflectors make them exactly
  // so, and complete them by directions of no relevant variance.
  const Matrix<double> basis = cpu::orthonormal_rows(
      1, of_rows(combined, [&](std::int64_t i) { return 1 / std::sqrt(value(i) + floor); }), dim);
  // H = f^(-1/2) + A^T U^T ((L + f)^(-1/2) - f^(-1/2)) / L U A.
  const double outside = 1 / std::sqrt(floor);
  Matrix<double> axes = of_rows(product(product(basis, rows, Transpose::yes), u, Transpose::yes),
                                [&](std::int64_t i) {
                                  const double inside = std::sqrt(value(i) + floor);
                                  return -outside / (inside * (inside + std::sqrt(floor)));
                                });
  for (std::int64_t i = 0; i < dim * d; ++i) axes.data()[i] += outside * basis.data()[i];
  return axes;
}

Matrix<float> axes_of(MatrixView<const float> x, MatrixView<const float> y, std::int64_t dim,
                      const RetrievalAxesOptions& options) {
  const std::int64_t d = x.cols;
  const bool few = x.rows + y.rows < d && options.images >= 0;
  const Matrix<double> axes =
      few ? axes_of_few(x, y, dim, options) : axes_of_many(x, y, dim, options);
  double squares = 0;
  for (std::int64_t i = 0; i < dim * d; ++i) squares += axes.data()[i] * axes.data()[i];
  // Scales the axes to lengths near one, as PCA's have: codes then have the scale of the rows.
  const double scale = std::sqrt(static_cast<double>(dim)) / std::sqrt(squares);
  Matrix<float> result(dim, d);
  for (std::int64_t c = 0; c < dim; ++c) {
    const double* const row = axes.view().row(c);
    const double top = *std::max_element(
        row, row + d, [](double a, double b) { return std::abs(a) < std::abs(b); });
    for (std::int64_t j = 0; j < d; ++j) {
      result(c, j) = static_cast<float>((top < 0 ? -scale : scale) * row[j]);
    }
  }
  return result;
}

}  // namespace

Matrix<float> retrieval_axes(MatrixView<const float> images, MatrixView<const float> texts,
                             std::int64_t dim, const RetrievalAxesOptions& options) {
  if (texts.cols != images.cols) {
    check::fail(kName, "texts of width " + std::to_string(images.cols), std::to_string(texts.cols));
  }
  if (dim < 1 || dim > images.cols) {
    check::fail(kName, "a dimension from 1 to " + std::to_string(images.cols), std::to_string(dim));
  }
  if (!(options.whitening > 0 && std::isfinite(options.whitening))) {
    check::fail(kName, "a whitening above 0", std::to_string(options.whitening));
  }
  check::same_device(kName, "images", Device::cpu, images.device);
  check::same_device(kName, "texts", Device::cpu, texts.device);
  check_finite(images, "images");
  check_finite(texts, "texts");
  return axes_of(images, texts, dim, options);
}

}  // namespace clipk
