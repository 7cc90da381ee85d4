#include "models/paired_axes/paired_covariances.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "linalg/gemm.hpp"
#include "linalg/householder.hpp"
#include "linalg/matrix_algebra.hpp"

namespace clipk {
namespace {

using cpu::Transpose;

constexpr std::int64_t kBlockRows = 512;  // of double-precision rows held at a time

std::vector<double> mean_of(int threads, const PairRows& pairs, int modality) {
  std::vector<double> mean(static_cast<std::size_t>(pairs.images.cols));
  cpu::parallel_chunks(threads, pairs.images.cols, 128,
                       [&](std::int64_t first, std::int64_t count) {
                         double* const sums = mean.data() + first;
                         for (std::int64_t i = 0; i < pairs.size(); ++i) {
                           const float* const row = pairs.row(modality, i) + first;
                           for (std::int64_t j = 0; j < count; ++j) sums[j] += double{row[j]};
                         }
                         for (std::int64_t j = 0; j < count; ++j)
                           sums[j] /= static_cast<double>(pairs.size());
                       });
  return mean;
}

// out [count, D] = centred rows of a modality from `first` on.
void center(int threads, const PairRows& pairs, int modality, const std::vector<double>& mean,
            std::int64_t first, std::int64_t count, double* out) {
  const std::int64_t dim = pairs.images.cols;
  cpu::parallel_chunks(threads, count, 64, [&](std::int64_t begin, std::int64_t rows) {
    for (std::int64_t i = begin; i < begin + rows; ++i) {
      const float* const row = pairs.row(modality, first + i);
      double* const to = out + i * dim;
      for (std::int64_t j = 0; j < dim; ++j)
        to[j] = double{row[j]} - mean[static_cast<std::size_t>(j)];
    }
  });
}

// Sums over all centred pairs, [c, c] in c coordinates.
struct Sums {
  Matrix<double> of[2];  // X^T X by modality
  Matrix<double> cross;  // X^T Y

  explicit Sums(std::int64_t c) : of{Matrix<double>(c, c), Matrix<double>(c, c)}, cross(c, c) {}
  void add(int threads, const double* images, const double* texts, std::int64_t rows) {
    const std::int64_t c = cross.rows();
    for (int m = 0; m < 2; ++m) {
      cpu::gemm_symmetric(threads, Transpose::yes, c, rows, 1.0, m == 0 ? images : texts, c, 1.0,
                          of[m].data(), c);
    }
    cpu::gemm(threads, Transpose::yes, Transpose::no, c, c, rows, 1.0, images, c, texts, c, 1.0,
              cross.data(), c);
  }
};

Sums sums_of_columns(int threads, const PairRows& pairs, const std::vector<double>* means) {
  const std::int64_t dim = pairs.images.cols;
  Sums sums(dim);
  Matrix<double> images(std::min(kBlockRows, pairs.size()), dim), texts(images.rows(), dim);
  for (std::int64_t first = 0; first < pairs.size(); first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, pairs.size() - first);
    center(threads, pairs, 0, means[0], first, count, images.data());
    center(threads, pairs, 1, means[1], first, count, texts.data());
    sums.add(threads, images.data(), texts.data(), count);
  }
  return sums;
}

// The same in coordinates of the span of fewer rows than columns: with A [N, D] the centred rows
// of both modalities and A A^T = U^T L U, the basis L^(-1/2) U A gives the coordinates U^T L^(1/2).
Sums sums_in_span(int threads, const PairRows& pairs, PairedCovariances& into) {
  const std::int64_t n = pairs.size(), dim = pairs.images.cols;
  Matrix<double> rows(2 * n, dim);
  for (int m = 0; m < 2; ++m) {
    center(threads, pairs, m, into.means[m], 0, n, rows.view().row(m * n));
  }
  Matrix<double> gram(2 * n, 2 * n);
  cpu::gemm_symmetric(threads, Transpose::no, 2 * n, dim, 1.0, rows.data(), dim, 0.0, gram.data(),
                      2 * n);
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(threads, gram);
  const double floor =
      eigen.values.back() * static_cast<double>(dim) * std::numeric_limits<double>::epsilon();
  into.rank = std::count_if(eigen.values.begin(), eigen.values.end(),
                            [&](double value) { return value > floor; });
  Matrix<double> vectors(into.rank, 2 * n);
  for (std::int64_t c = 0; c < into.rank; ++c) {
    std::copy_n(eigen.vectors.view().row(2 * n - 1 - c), 2 * n, vectors.view().row(c));
  }
  // Small directions are orthogonal to the others only up to rounding; reflectors make them so.
  into.basis = cpu::orthonormal_rows(
      threads, cpu::product(threads, Transpose::no, vectors, Transpose::no, rows), into.rank);
  const Matrix<double> coordinates =
      cpu::product(threads, Transpose::no, rows, Transpose::yes, into.basis);
  Sums sums(coordinates.cols());
  sums.add(threads, coordinates.data(), coordinates.view().row(n), n);
  return sums;
}

void divide(Matrix<double>& matrix, double by) {
  const VectorView<double> all = matrix.flat();
  std::transform(all.begin(), all.end(), all.begin(), [&](double value) { return value / by; });
}

}  // namespace

PairedCovariances paired_covariances(int threads, const PairRows& pairs) {
  PairedCovariances result;
  result.width = pairs.images.cols;
  for (int m = 0; m < 2; ++m) result.means[m] = mean_of(threads, pairs, m);
  const bool few = 2 * pairs.size() < result.width;
  result.rank = std::min(result.width, 2 * (pairs.size() - 1));
  Sums sums =
      few ? sums_in_span(threads, pairs, result) : sums_of_columns(threads, pairs, result.means);
  const double traces[2] = {cpu::trace(sums.of[0]), cpu::trace(sums.of[1])};
  for (int m = 0; m < 2; ++m) {
    if (!(traces[m] > 0)) {
      check::fail("paired_axes", m == 0 ? "images that differ" : "texts that differ",
                  std::to_string(pairs.size()) + " equal ones");
    }
    divide(sums.of[m], traces[m]);
  }
  divide(sums.cross, std::sqrt(traces[0]) * std::sqrt(traces[1]));
  result.cross = std::move(sums.cross);
  cpu::parallel_for(threads, 2, [&](std::int64_t m) {
    result.variances[m] = cpu::symmetric_eigen(1, sums.of[m]);
  });
  return result;
}

Matrix<double> PairedCovariances::coordinates_of(int threads, const PairRows& pairs,
                                                 int modality) const {
  Matrix<double> centred(pairs.size(), width);
  center(threads, pairs, modality, means[modality], 0, pairs.size(), centred.data());
  if (basis.empty()) return centred;
  return cpu::product(threads, Transpose::no, centred, Transpose::yes, basis);
}

WhitenedPairs::WhitenedPairs(int threads, const PairedCovariances& of, double ridge) {
  const std::int64_t r = of.coordinates();
  const double floor = ridge / static_cast<double>(of.width);
  for (int m = 0; m < 2; ++m) {
    const cpu::SymmetricEigen& eigen = of.variances[m];
    Matrix<double> root(r, r), variance(r, r);
    for (std::int64_t i = 0; i < r; ++i) {
      const double value = std::max(eigen.values[static_cast<std::size_t>(i)], 0.0);
      for (std::int64_t j = 0; j < r; ++j) {
        root(i, j) = eigen.vectors(i, j) / std::sqrt(value + floor);
        variance(i, j) = eigen.vectors(i, j) * (value / (value + floor));
      }
    }
    roots_[m] = cpu::product(threads, Transpose::yes, eigen.vectors, Transpose::no, root);
    variances_[m] = cpu::product(threads, Transpose::yes, eigen.vectors, Transpose::no, variance);
  }
  const Matrix<double> left =
      cpu::product(threads, Transpose::no, roots_[0], Transpose::no, of.cross);
  cross_ = cpu::product(threads, Transpose::no, left, Transpose::no, roots_[1]);
  for (std::int64_t i = 0; i < r; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      cross_(i, j) = cross_(j, i) = (cross_(i, j) + cross_(j, i)) / 2;
    }
  }
}

Matrix<double> WhitenedPairs::rotation(const PairedAxesSetting& setting, std::int64_t dim) const {
  const std::int64_t r = cross_.rows();
  const double rest = 1 - setting.mixture;
  Matrix<double> m(r, r);
  for (std::int64_t i = 0; i < r; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      m(i, j) = m(j, i) =
          setting.mixture * cross_(i, j) + rest * (setting.images * variances_[0](i, j) +
                                                   (1 - setting.images) * variances_[1](i, j));
    }
  }
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(1, m);
  Matrix<double> largest(dim, r);
  for (std::int64_t c = 0; c < dim; ++c) {
    std::copy_n(eigen.vectors.view().row(r - 1 - c), r, largest.view().row(c));
  }
  return largest;
}

}  // namespace clipk
