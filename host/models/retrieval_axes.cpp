#include "clipk/models/retrieval_axes.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "clipk/io/check_finite.hpp"
#include "cpu/gemm.hpp"
#include "cpu/symmetric_eigen.hpp"
#include "ops/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "retrieval_axes";
using cpu::Transpose;

Matrix<double> product(Transpose a_transposed, const Matrix<double>& a, const Matrix<double>& b) {
  const std::int64_t k = b.rows(), m = a_transposed == Transpose::yes ? a.cols() : a.rows();
  Matrix<double> result(m, b.cols());
  cpu::gemm(1, a_transposed, Transpose::no, m, b.cols(), k, 1.0, a.data(), a.cols(), b.data(),
            b.cols(), 0.0, result.data(), b.cols());
  return result;
}

// a + factor b, element by element.
Matrix<double> sum(const Matrix<double>& a, double factor, const Matrix<double>& b) {
  Matrix<double> result(a.rows(), a.cols());
  std::transform(a.data(), a.data() + a.rows() * a.cols(), b.data(), result.data(),
                 [&](double x, double y) { return x + factor * y; });
  return result;
}

// The covariance of centred rows, over its trace.
Matrix<double> covariance(MatrixView<const float> centred) {
  Matrix<double> rows(centred.rows, centred.cols);
  for (std::int64_t i = 0; i < centred.rows; ++i) {
    std::copy_n(centred.row(i), centred.cols, rows.view().row(i));
  }
  Matrix<double> result(rows.cols(), rows.cols());
  cpu::gemm_symmetric(1, Transpose::yes, rows.cols(), rows.rows(), 1.0, rows.data(), rows.cols(),
                      0.0, result.data(), rows.cols());
  double trace = 0;
  for (std::int64_t i = 0; i < result.rows(); ++i) trace += result(i, i);
  if (!(trace > 0)) check::fail(kName, "rows that differ", "equal ones");
  for (std::int64_t i = 0; i < result.rows() * result.cols(); ++i) result.data()[i] /= trace;
  return result;
}

// The inverse root of the mean of both covariances, softly: a floor is added to its eigenvalues.
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
  return product(Transpose::yes, eigen.vectors, scaled);
}

Matrix<float> axes_of(MatrixView<const float> x, MatrixView<const float> y, std::int64_t dim,
                      const RetrievalAxesOptions& options) {
  const std::int64_t d = x.cols;
  const Matrix<double> images = covariance(x), texts = covariance(y);
  const Matrix<double> half =
      soft_inverse_root(images, texts, options.whitening / static_cast<double>(d));
  const Matrix<double> wanted = product(
      Transpose::no, product(Transpose::no, half, sum(texts, options.images, images)), half);
  Matrix<double> symmetric(d, d);
  for (std::int64_t i = 0; i < d; ++i) {
    for (std::int64_t j = 0; j < d; ++j) symmetric(i, j) = (wanted(i, j) + wanted(j, i)) / 2;
  }
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(1, symmetric);
  Matrix<double> largest(dim, d);
  for (std::int64_t c = 0; c < dim; ++c) {
    std::copy_n(eigen.vectors.view().row(d - 1 - c), d, largest.view().row(c));
  }
  const Matrix<double> axes = product(Transpose::no, largest, half);

  double squares = 0;
  for (std::int64_t i = 0; i < dim * d; ++i) squares += axes.data()[i] * axes.data()[i];
  // Lengths near one, as PCA's: codes then have the scale of the rows.
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
