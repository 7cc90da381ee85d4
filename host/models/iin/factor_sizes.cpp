#include "clipk/models/factor_sizes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "core/check.hpp"
#include "core/enum_names.hpp"
#include "core/host_rows.hpp"
#include "core/math/math.hpp"
#include "core/parallel.hpp"
#include "linalg/gemm.hpp"
#include "linalg/matrix_algebra.hpp"
#include "linalg/symmetric_eigen.hpp"
#include "linalg/triangular.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "factor_sizes";
constexpr std::int64_t kMostVariates = 8;   // examined per factor
constexpr std::int64_t kKnownPairs = 4000;  // pairs among which neighbours are searched
constexpr std::int64_t kNeighbours = 40;
constexpr std::int64_t kRowsAFeature = 10;  // at least: else random pairings correlate as pairs do

using cpu::cast;
using cpu::product;
using cpu::trace;
using cpu::Transpose;
using cpu::transposed;

struct Moments {
  Matrix<double> rows;  // [n, D] minus their mean
  /// [D, D], over the rows; with fewer rows than columns rows rows^T / n [n, n], which has the same
  /// eigenvalues above 0.
  Matrix<double> covariance;
  double mean_variance = 0;

  bool few() const { return rows.rows() < rows.cols(); }
};

Moments moments_of(int threads, Matrix<double> rows) {
  std::vector<double> mean(static_cast<std::size_t>(rows.cols()));
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t j = 0; j < rows.cols(); ++j) mean[static_cast<std::size_t>(j)] += rows(i, j);
  }
  const auto n = static_cast<double>(rows.rows());
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t j = 0; j < rows.cols(); ++j) {
      rows(i, j) -= mean[static_cast<std::size_t>(j)] / n;
    }
  }
  Moments m;
  m.rows = std::move(rows);
  const std::int64_t size = std::min(m.rows.rows(), m.rows.cols());
  m.covariance = Matrix<double>(size, size);
  cpu::gemm_symmetric(threads, m.few() ? Transpose::no : Transpose::yes, size,
                      m.few() ? m.rows.cols() : m.rows.rows(), 1 / n, m.rows.data(), m.rows.cols(),
                      0.0, m.covariance.data(), size);
  m.mean_variance = trace(m.covariance) / static_cast<double>(m.rows.cols());
  if (!(m.mean_variance > 0)) check::fail(kName, "rows that differ", "all alike");
  return m;
}

// `weight` times the mean of x x^T, summed in float32.
Matrix<double> second_moments(int threads, const Matrix<float>& rows, double weight) {
  Matrix<float> sums(rows.cols(), rows.cols());
  cpu::gemm_symmetric(threads, Transpose::yes, rows.cols(), rows.rows(), 1.F, rows.data(),
                      rows.cols(), 0.F, sums.data(), rows.cols());
  Matrix<double> result(sums.rows(), sums.cols());
  std::transform(
      sums.data(), sums.data() + sums.rows() * sums.cols(), result.data(),
      [&](float sum) { return weight * (double{sum} / static_cast<double>(rows.rows())); });
  return result;
}

// The two rows of each pair, and their covariance.
struct PairedRows {
  Matrix<float> first, second;
  Matrix<double> covariance;

  PairedRows(int threads, const Matrix<float>& rows, const FactorPairs::Draw& draw)
      : first(select_rows(rows, draw.first)),
        second(select_rows(rows, draw.second)),
        covariance(second_moments(threads, first, .5)) {
    const Matrix<double> other = second_moments(threads, second, .5);
    for (std::int64_t i = 0; i < other.rows() * other.cols(); ++i) {
      covariance.data()[i] += other.data()[i];
    }
  }

  // Half the covariance of first - second, which is the covariance minus the part that pairs share.
  // It is small for near rows; computed from their products it would be lost in rounding.
  Matrix<double> apart(int threads, const Matrix<float>& partners) const {
    Matrix<float> difference(first.rows(), first.cols());
    std::transform(first.data(), first.data() + first.rows() * first.cols(), partners.data(),
                   difference.data(), [](float a, float b) { return a - b; });
    return second_moments(threads, difference, .5);
  }
};

// Principal axes [rank, D], the largest first, each divided by the root of its variance plus a
// ridge. Directions without variance are left out: pairs can share nothing there.
Matrix<double> whitening(int threads, const Moments& moments, double ridge) {
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(threads, moments.covariance);
  const std::int64_t size = moments.covariance.rows(), dim = moments.rows.cols();
  const double least =
      eigen.values.back() * static_cast<double>(dim) * std::numeric_limits<double>::epsilon();
  std::int64_t rank = 0;
  while (rank < size && eigen.values[static_cast<std::size_t>(size - 1 - rank)] > least) ++rank;
  Matrix<double> vectors(rank, size);
  for (std::int64_t c = 0; c < rank; ++c) {
    const std::int64_t from = size - 1 - c;
    const double variance = eigen.values[static_cast<std::size_t>(from)];
    double scale = 1 / std::sqrt(variance + ridge * moments.mean_variance);
    // For eigenvectors u of rows rows^T / n, the axes are u^T rows / sqrt(n variance).
    if (moments.few()) scale /= std::sqrt(static_cast<double>(moments.rows.rows()) * variance);
    for (std::int64_t j = 0; j < size; ++j) vectors(c, j) = scale * eigen.vectors(from, j);
  }
  if (!moments.few()) return vectors;
  return product(threads, Transpose::no, vectors, Transpose::no, moments.rows);
}

// Principal components of unit variance, and all products of the first few of them.
Matrix<double> with_products(int threads, const Moments& moments, std::int64_t product_columns) {
  const Matrix<double> components = product(threads, Transpose::no, moments.rows, Transpose::yes,
                                            whitening(threads, moments, 1e-6));
  const std::int64_t n = components.rows(), dim = components.cols();
  std::int64_t few = std::min(dim, product_columns);
  while (few > 0 && kRowsAFeature * (dim + few * (few + 1) / 2) > n) --few;
  Matrix<double> features(n, dim + few * (few + 1) / 2);
  for (std::int64_t r = 0; r < n; ++r) {
    double* const row = features.view().row(r);
    double* out = std::copy_n(components.view().row(r), dim, row);
    for (std::int64_t i = 0; i < few; ++i) {
      for (std::int64_t j = i; j < few; ++j) *out++ = row[i] * row[j];
    }
  }
  return features;
}

// The covariance of the whitened rows is the identity, except for the ridge.
Matrix<float> whitened(int threads, const Moments& moments, double ridge) {
  return cast<float>(MatrixView<const double>(product(
      threads, Transpose::no, moments.rows, Transpose::yes, whitening(threads, moments, ridge))));
}

// Canonical variates of pairs as axes (rows), and their correlations in descending order.
struct Variates {
  std::vector<double> correlations;
  Matrix<double> axes;
};

// apart v = (1 - correlation) (covariance + ridge) v, by the Cholesky factor L of the right side:
// the eigenvectors u of L^-1 apart L^-T give v = L^-T u.
Variates variates_of(int threads, const Matrix<double>& apart, const Matrix<double>& covariance,
                     double ridge) {
  Matrix<double> lower = cast<double>(covariance.view());
  for (std::int64_t i = 0; i < lower.rows(); ++i) lower(i, i) += ridge;
  if (!cpu::cholesky(lower.view())) check::fail(kName, "pairs of a covariance", "none");
  Matrix<double> half = transposed(apart);
  cpu::solve_lower(threads, lower, half.view());
  half = transposed(half);
  cpu::solve_lower(threads, lower, half.view());
  cpu::SymmetricEigen eigen = cpu::symmetric_eigen(threads, half);
  cpu::solve_lower_transposed(threads, lower, eigen.vectors.view());
  for (double& value : eigen.values) value = 1 - value;
  return {std::move(eigen.values), std::move(eigen.vectors)};
}

// How well the `counted` variates of the first rows predict variate `q` of the second rows: R^2 of
// the mean over nearest neighbours, on pairs that are not among the neighbours.
double told(int threads, const Matrix<double>& first, const Matrix<double>& second,
            const std::vector<std::int64_t>& counted, std::int64_t q) {
  const std::int64_t known = std::min<std::int64_t>(first.rows() * 2 / 3, kKnownPairs);
  const std::int64_t tests = first.rows() - known;
  const std::int64_t near = std::clamp<std::int64_t>(known / 10, 1, kNeighbours);
  std::vector<double> errors(static_cast<std::size_t>(tests));
  cpu::parallel_chunks(threads, tests, 64, [&](std::int64_t begin, std::int64_t count) {
    std::vector<std::pair<double, std::int64_t>> distances(static_cast<std::size_t>(known));
    for (std::int64_t t = begin; t < begin + count; ++t) {
      for (std::int64_t i = 0; i < known; ++i) {
        double squared = 0;
        for (const std::int64_t c : counted) {
          const double difference = first(i, c) - first(known + t, c);
          squared += difference * difference;
        }
        distances[static_cast<std::size_t>(i)] = {squared, i};
      }
      std::partial_sort(distances.begin(), distances.begin() + near, distances.end());
      double guess = 0;
      for (auto at = distances.begin(); at != distances.begin() + near; ++at) {
        guess += second(at->second, q) / static_cast<double>(near);
      }
      const double error = second(known + t, q) - guess;
      errors[static_cast<std::size_t>(t)] = error * error;
    }
  });
  double mean = 0, spread = 0;
  for (std::int64_t i = known; i < first.rows(); ++i) {
    mean += second(i, q) / static_cast<double>(tests);
  }
  for (std::int64_t i = known; i < first.rows(); ++i) {
    spread += (second(i, q) - mean) * (second(i, q) - mean);
  }
  return spread > 0 ? 1 - std::accumulate(errors.begin(), errors.end(), 0.0) / spread : 1;
}

// The number of variates that count.
std::int64_t count_variates(int threads, const PairedRows& pairs, const Variates& variates,
                            double threshold, const FactorSizeOptions& options) {
  const std::vector<double>& correlations = variates.correlations;
  std::int64_t some = 0;
  for (const double correlation : correlations) {
    if (some == kMostVariates) break;
    if (!(correlation > std::max(threshold, options.least_share * correlations[0]))) break;
    ++some;
  }
  if (some < 2) return some;
  const auto along = [&](const Matrix<float>& rows) {
    const std::int64_t count = std::min(rows.rows(), kKnownPairs * 3 / 2);
    Matrix<double> axes(some, rows.cols());
    std::copy_n(variates.axes.data(), some * rows.cols(), axes.data());
    return product(threads, Transpose::no, cast<double>(rows.view().row_range(0, count)),
                   Transpose::yes, axes);
  };
  const Matrix<double> first = along(pairs.first), second = along(pairs.second);
  std::vector<std::int64_t> counted{0};
  for (std::int64_t q = 1; q < some; ++q) {
    if (told(threads, first, second, counted, q) <
        options.most_told * correlations[static_cast<std::size_t>(q)]) {
      counted.push_back(q);
    }
  }
  return static_cast<std::int64_t>(counted.size());
}

std::vector<std::int64_t> by_softmax(const std::vector<double>& scores, std::int64_t dim) {
  double sum = std::numbers::e;  // of the residual, whose score is 1
  for (const double score : scores) sum += math::exp(score);
  std::vector<std::int64_t> sizes;
  sizes.reserve(scores.size() + 1);
  for (const double score : scores) {
    sizes.push_back(static_cast<std::int64_t>(math::exp(score) / sum * static_cast<double>(dim)));
  }
  return sizes;
}

// Gives each factor at least one column, and all no more than there are; adds the residual.
std::vector<std::int64_t> fitted(std::vector<std::int64_t> sizes, std::int64_t dim) {
  for (std::int64_t& size : sizes) size = std::max<std::int64_t>(size, 1);
  std::int64_t sum = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
  for (; sum > dim; --sum) --*std::max_element(sizes.begin(), sizes.end());
  sizes.push_back(dim - sum);
  return sizes;
}

}  // namespace

const char* to_string(SizeRule rule) {
  return rule == SizeRule::softmax ? "softmax" : "correlations";
}

SizeRule size_rule_named(std::string_view name) {
  return named("size rule", name, {SizeRule::softmax, SizeRule::correlations});
}

FactorSizes factor_sizes(Context& context, MatrixView<const float> rows, const FactorPairs& pairs,
                         const FactorSizeOptions& options) {
  if (rows.rows != pairs.rows()) {
    check::fail(kName, std::to_string(pairs.rows()) + " rows, as the pairs have",
                std::to_string(rows.rows));
  }
  if (pairs.factors() > rows.cols) {
    check::fail(kName,
                "at most " + std::to_string(rows.cols) + " factors (the columns of the rows)",
                std::to_string(pairs.factors()));
  }
  if (options.pairs < 1 || options.shuffles < 1) {
    check::fail(kName, "at least 1 pair and 1 shuffle",
                std::to_string(options.pairs) + " and " + std::to_string(options.shuffles));
  }
  if (!(options.least_share >= 0 && options.most_told >= 0 && options.product_columns >= 0)) {
    check::fail(kName, "least_share, most_told and product_columns of at least 0",
                std::to_string(options.least_share) + ", " + std::to_string(options.most_told) +
                    " and " + std::to_string(options.product_columns));
  }
  if (!(options.ridge > 0 && std::isfinite(options.ridge))) {
    check::fail(kName, "a ridge above 0", std::to_string(options.ridge));
  }
  const HostRows<float> host(context, rows);
  check_finite(host.view(), kName);
  const bool softmax = options.rule == SizeRule::softmax;
  const int threads = context.threads();
  const Moments moments = moments_of(threads, cast<double>(host.view()));
  const Matrix<float> points =
      softmax
          ? cast<float>(moments.rows.view())
          : whitened(threads,
                     moments_of(threads, with_products(threads, moments, options.product_columns)),
                     options.ridge);

  FactorSizes result;
  std::vector<std::int64_t> sizes;
  for (std::int64_t f = 0; f < pairs.factors(); ++f) {
    const auto factor = static_cast<std::uint32_t>(f);
    const FactorPairs::Draw draw = pairs.draw_for(f, context.seed(), factor, options.pairs);
    const PairedRows rows_of_pairs(threads, points, draw);
    const Matrix<double>& covariance = rows_of_pairs.covariance;
    const Matrix<double> apart = rows_of_pairs.apart(threads, rows_of_pairs.second);
    if (softmax) {
      result.scores.push_back((trace(covariance) - trace(apart)) / trace(moments.covariance));
      continue;
    }
    const Variates variates = variates_of(threads, apart, covariance, options.ridge);
    Random random(context.seed(), RandomStream::torn_pairs, factor);
    std::vector<std::int32_t> torn = draw.second;
    double threshold = 0;
    for (std::int64_t s = 0; s < options.shuffles; ++s) {
      for (std::size_t i = torn.size(); i > 1; --i) std::swap(torn[i - 1], torn[random.below(i)]);
      const Matrix<double> of_torn = rows_of_pairs.apart(threads, select_rows(points, torn));
      threshold = std::max(
          threshold, variates_of(threads, of_torn, covariance, options.ridge).correlations[0]);
    }
    sizes.push_back(count_variates(threads, rows_of_pairs, variates, threshold, options));
    result.scores.push_back(variates.correlations[0]);
    result.thresholds.push_back(threshold);
    result.correlations.push_back(variates.correlations);
  }
  if (softmax) sizes = by_softmax(result.scores, rows.cols);
  result.sizes = fitted(std::move(sizes), rows.cols);
  return result;
}

}  // namespace clipk
