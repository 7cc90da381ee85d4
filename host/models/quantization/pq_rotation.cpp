#include "models/quantization/pq_rotation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "clipk/ops/dense.hpp"
#include "core/math/math.hpp"
#include "linalg/fixed_dot.hpp"
#include "linalg/gemm.hpp"
#include "linalg/householder.hpp"
#include "linalg/matrix_algebra.hpp"
#include "linalg/symmetric_eigen.hpp"
#include "models/quantization/pq_centroids.hpp"
#include "models/quantization/pq_codes.hpp"

namespace clipk {
namespace {

using cpu::Transpose;

constexpr std::int64_t kFirstIterations = 8;  // of k-means before the first update
constexpr std::int64_t kBlockRows = 512;      // of double-precision rows held at a time
constexpr double kLeastGain = 1e-4;           // of an update, as a part of the error

// The covariance of rows, times their number.
Matrix<double> scatter_of(int threads, const Matrix<float>& rows) {
  const std::int64_t n = rows.rows(), d = rows.cols();
  std::vector<double> mean(static_cast<std::size_t>(d));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < d; ++j) mean[static_cast<std::size_t>(j)] += rows(i, j);
  }
  for (double& value : mean) value /= static_cast<double>(n);
  Matrix<double> scatter(d, d), block(std::min(n, kBlockRows), d);
  for (std::int64_t first = 0; first < n; first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, n - first);
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = rows.view().row(first + i);
      for (std::int64_t j = 0; j < d; ++j) {
        block(i, j) = static_cast<double>(row[j]) - mean[static_cast<std::size_t>(j)];
      }
    }
    cpu::gemm_symmetric(threads, Transpose::yes, d, count, 1.0, block.data(), d, 1.0,
                        scatter.data(), d);
  }
  return scatter;
}

// y^T x in double precision.
Matrix<double> cross_product(int threads, const Matrix<float>& y, const Matrix<float>& x) {
  const std::int64_t n = y.rows(), d = y.cols();
  Matrix<double> sum(d, d);
  for (std::int64_t first = 0; first < n; first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, n - first);
    const Matrix<double> left = cpu::cast<double>(y.view().row_range(first, count));
    const Matrix<double> right = cpu::cast<double>(x.view().row_range(first, count));
    cpu::gemm(threads, Transpose::yes, Transpose::no, d, d, count, 1.0, left.data(), d,
              right.data(), d, 1.0, sum.data(), d);
  }
  return sum;
}

}  // namespace

Matrix<float> pq_rotate(Context& context, MatrixView<const float> rows,
                        MatrixView<const float> rotation) {
  Matrix<float> result(context, rows.rows, rotation.rows);
  dense(context, rows, rotation, {}, Activation::identity, result.view());
  return result;
}

Matrix<float> pq_balanced_axes(int threads, const Matrix<float>& rows, std::int64_t m) {
  const std::int64_t d = rows.cols();
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(threads, scatter_of(threads, rows));
  const double floor = std::max(eigen.values.back() * 1e-10, std::numeric_limits<double>::min());
  const auto log_variance = [&](std::int64_t i) {
    return math::log(std::max(eigen.values[static_cast<std::size_t>(i)], floor));
  };
  std::vector<std::int64_t> filled(static_cast<std::size_t>(m));
  std::vector<double> products(static_cast<std::size_t>(m));
  Matrix<float> result(d, d);
  for (std::int64_t i = d - 1; i >= 0; --i) {  // the largest come last
    std::int64_t best = -1;
    for (std::int64_t s = 0; s < m; ++s) {
      const auto at = static_cast<std::size_t>(s);
      const std::int64_t width = pq_first_column(d, m, s + 1) - pq_first_column(d, m, s);
      if (filled[at] == width) continue;
      if (best < 0 || products[at] < products[static_cast<std::size_t>(best)]) best = s;
    }
    const auto at = static_cast<std::size_t>(best);
    // From the least variance, so that no factor is below 1: else the fullest part had the least
    // product.
    products[at] += log_variance(i) - log_variance(0) + 1;
    std::transform(eigen.vectors.view().row(i), eigen.vectors.view().row(i) + d,
                   result.view().row(pq_first_column(d, m, best) + filled[at]),
                   [](double value) { return static_cast<float>(value); });
    ++filled[at];
  }
  return result;
}

Matrix<double> pq_polar_factor(int threads, const Matrix<double>& a) {
  const std::int64_t d = a.rows();
  double largest = 0;
  for (std::int64_t i = 0; i < d * d; ++i) largest = std::max(largest, std::abs(a.data()[i]));
  Matrix<double> scaled(d, d);
  for (std::int64_t i = 0; i < d * d && largest > 0; ++i) scaled.data()[i] = a.data()[i] / largest;
  // a = sum of s u v^T. The eigenvectors v of a^T a, in descending order, give s u = a v.
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(
      threads, cpu::product(threads, Transpose::yes, scaled, Transpose::no, scaled));
  Matrix<double> v(d, d);
  for (std::int64_t i = 0; i < d; ++i) {
    std::copy_n(eigen.vectors.view().row(d - 1 - i), d, v.view().row(i));
  }
  const Matrix<double> along = cpu::product(threads, Transpose::no, v, Transpose::yes, scaled);
  std::int64_t rank = 0;
  while (rank < d && eigen.values[static_cast<std::size_t>(d - 1 - rank)] >
                         eigen.values.back() * static_cast<double>(d) *
                             std::numeric_limits<double>::epsilon()) {
    ++rank;
  }
  // Small ones are orthogonal up to rounding only: reflectors make them so, and complete them.
  Matrix<double> u = cpu::orthonormal_rows(threads, along.view().row_range(0, rank), d);
  for (std::int64_t i = 0; i < rank; ++i) {
    double* const row = u.view().row(i);
    if (cpu::fixed_dot(row, along.view().row(i), d) >= 0) continue;
    std::transform(row, row + d, row, [](double value) { return -value; });
  }
  return cpu::product(threads, Transpose::yes, u, Transpose::no, v);
}

PqRotated pq_learn_rotation(Context& context, const Matrix<float>& rows, std::int64_t m,
                            std::int64_t centroids, std::int64_t updates) {
  const int threads = context.threads();
  const std::int64_t n = rows.rows(), d = rows.cols();
  const Matrix<float> on_device =
      context.device() == Device::cpu ? Matrix<float>() : rows.to_device(context);
  const MatrixView<const float> device = on_device.empty() ? rows.view() : on_device.view();
  const auto rotated = [&](const Matrix<float>& rotation) {
    return PqRows(context,
                  pq_rotate(context, device, rotation.to_device(context)).to_host(context));
  };
  PqRotated result{pq_balanced_axes(threads, rows, m), {}};
  PqClusters clusters =
      pq_cluster(context, rotated(result.rotation), m, centroids, kFirstIterations, 0);
  Matrix<float> decoded(n, d);
  for (std::int64_t update = 0; update < updates; ++update) {
    pq_reconstruct(threads, clusters.codebook, clusters.labels, decoded.view());
    const Matrix<double> best = pq_polar_factor(threads, cross_product(threads, decoded, rows));
    const Matrix<float> rotation = cpu::cast<float>(best.view());
    PqClusters next = pq_recluster(context, rotated(rotation), m, clusters.codebook, 1);
    const bool better = next.error < clusters.error;
    const bool enough = next.error > (1 - kLeastGain) * clusters.error;
    if (better) {
      copy<float>(context, rotation, result.rotation.view());
      clusters = std::move(next);
    }
    if (enough) break;
  }
  result.codebook = std::move(clusters.codebook);
  return result;
}

}  // namespace clipk
