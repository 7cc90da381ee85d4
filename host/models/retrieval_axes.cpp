#include "clipk/models/retrieval_axes.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <string>

#include "clipk/io/check_finite.hpp"
#include "cpu/parallel.hpp"
#include "models/dense_products.hpp"
#include "ops/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "retrieval_axes";
using Dense = Eigen::MatrixXd;
using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

RowMajor to_double(MatrixView<const float> m) {
  return Eigen::Map<const Rows, 0, Eigen::OuterStride<>>(m.data, m.rows, m.cols,
                                                         Eigen::OuterStride<>(m.stride))
      .cast<double>();
}

// The covariance of centred rows, over its trace.
Dense covariance(const RowMajor& rows) {
  const Dense sum = gram(1, rows);
  const double trace = sum.trace();
  if (!(trace > 0)) check::fail(kName, "rows that differ", "equal ones");
  return sum / trace;
}

Eigen::SelfAdjointEigenSolver<Dense> eigen_of(const Dense& symmetric) {
  Eigen::SelfAdjointEigenSolver<Dense> solver(symmetric);
  if (solver.info() != Eigen::Success) {
    check::fail(kName, "an eigenvalue solver that converges", "no convergence");
  }
  return solver;
}

Dense axes_of(const RowMajor& x, const RowMajor& y, std::int64_t dim,
              const RetrievalAxesOptions& options) {
  const Dense images = covariance(x);
  const Dense texts = covariance(y);

  const auto both = eigen_of((images + texts) / 2);
  const double floor = options.whitening / static_cast<double>(x.cols());
  const Eigen::VectorXd scale = both.eigenvalues().unaryExpr(
      [&](double v) { return 1 / std::sqrt(std::max(v, 0.0) + floor); });
  const Dense half = both.eigenvectors() * scale.asDiagonal() * both.eigenvectors().transpose();
  const Dense wanted = half * (texts + options.images * images) * half;
  const auto solver = eigen_of((wanted + wanted.transpose()) / 2);

  Dense axes = (half * solver.eigenvectors().rightCols(dim)).transpose().colwise().reverse();
  for (Eigen::Index c = 0; c < axes.rows(); ++c) {
    Eigen::Index largest = 0;
    axes.row(c).cwiseAbs().maxCoeff(&largest);
    if (axes(c, largest) < 0) axes.row(c) = -axes.row(c);
  }
  // Lengths near one, as PCA's: codes then have the scale of the rows.
  axes *= std::sqrt(static_cast<double>(dim)) / axes.norm();
  return axes;
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
  Matrix<float> result(dim, images.cols);
  // Within a parallel region of one, Eigen starts no threads: its results stay the same.
  cpu::parallel_for(1, 1, [&](std::int64_t) {
    Eigen::Map<Rows>(result.data(), dim, images.cols) =
        axes_of(to_double(images), to_double(texts), dim, options).cast<float>();
  });
  return result;
}

}  // namespace clipk
