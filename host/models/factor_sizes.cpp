#include "clipk/models/factor_sizes.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "clipk/core/random.hpp"
#include "clipk/io/check_finite.hpp"
#include "core/named.hpp"
#include "cpu/gemm.hpp"
#include "cpu/parallel.hpp"
#include "metrics/host_rows.hpp"
#include "models/dense_products.hpp"
#include "ops/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "factor_sizes";
// Steps of the pairs' generator that no epoch of a training reaches.
constexpr std::uint32_t kPairStep = 0xFFFF0000u;
constexpr std::uint32_t kShuffleStep = 0xFFFFF000u;
constexpr Eigen::Index kMostVariates = 8;   // of a factor that are looked at
constexpr Eigen::Index kKnownPairs = 4000;  // that neighbours are sought among
constexpr Eigen::Index kNeighbours = 40;
constexpr Eigen::Index kRowsAFeature = 10;  // at least: with fewer, torn pairs correlate as others

using FloatRows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Moments {
  RowMajor rows;               // [n, D] less their mean
  Eigen::MatrixXd covariance;  // [D, D]
  double mean_variance = 0;
};

RowMajor in_double(MatrixView<const float> rows) {
  RowMajor result(rows.rows, rows.cols);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) result(i, j) = static_cast<double>(rows(i, j));
  }
  return result;
}

Moments moments_of(int threads, RowMajor rows) {
  Moments m;
  m.rows = std::move(rows);
  m.rows.rowwise() -= m.rows.colwise().mean().eval();
  m.covariance = gram(threads, m.rows) / static_cast<double>(m.rows.rows());
  m.mean_variance = m.covariance.trace() / static_cast<double>(m.rows.cols());
  if (!(m.mean_variance > 0)) check::fail(kName, "rows that differ", "all alike");
  return m;
}

FloatRows chosen(const FloatRows& rows, const std::vector<std::int32_t>& indices) {
  FloatRows result(static_cast<Eigen::Index>(indices.size()), rows.cols());
  for (Eigen::Index p = 0; p < result.rows(); ++p) {
    result.row(p) = rows.row(indices[static_cast<std::size_t>(p)]);
  }
  return result;
}

// Mean of x x^T.
Eigen::MatrixXd second_moments(int threads, const FloatRows& rows) {
  const std::int64_t dim = rows.cols();
  FloatRows sums(dim, dim);
  cpu::gemm_symmetric(threads, cpu::Transpose::yes, dim, rows.rows(), 1.F, rows.data(), dim, 0.F,
                      sums.data(), dim);
  return sums.cast<double>() / static_cast<double>(rows.rows());
}

// The rows of pairs, and their own covariance.
struct PairRows {
  FloatRows first, second;
  Eigen::MatrixXd covariance;

  PairRows(int threads, const FloatRows& rows, const FactorPairs::Draw& draw)
      : first(chosen(rows, draw.first)),
        second(chosen(rows, draw.second)),
        covariance((second_moments(threads, first) + second_moments(threads, second)) / 2) {}

  // Half the covariance of first - second, which is the covariance less what pairs share of it. Of
  // near rows it is small, and would drown in the rounding of their products.
  Eigen::MatrixXd apart(int threads, const FloatRows& partners) const {
    return second_moments(threads, first - partners) / 2;
  }
};

// Principal components of unit variance, and all products of the first few of them.
RowMajor with_products(int threads, const Moments& moments, std::int64_t product_columns) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(moments.covariance);
  const Eigen::Index dim = moments.covariance.rows();
  Eigen::Index few = std::min<Eigen::Index>(dim, product_columns);
  while (few > 0 && kRowsAFeature * (dim + few * (few + 1) / 2) > moments.rows.rows()) --few;
  const Eigen::VectorXd scale =
      (solver.eigenvalues().array().max(0) + 1e-6 * moments.mean_variance).sqrt().inverse();
  RowMajor features(moments.rows.rows(), dim + few * (few + 1) / 2);
  features.leftCols(dim) =
      product(threads, moments.rows, solver.eigenvectors() * scale.asDiagonal())
          .rowwise()
          .reverse();
  Eigen::Index at = dim;
  for (Eigen::Index i = 0; i < few; ++i) {
    for (Eigen::Index j = i; j < few; ++j, ++at) {
      features.col(at) = features.col(i).cwiseProduct(features.col(j));
    }
  }
  return features;
}

// The rows' own covariance becomes the identity (less what the ridge takes).
FloatRows whitened(int threads, const Moments& moments, double ridge) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(moments.covariance);
  const Eigen::VectorXd scale =
      (solver.eigenvalues().array().max(0) + ridge * moments.mean_variance).sqrt().inverse();
  return product(threads, moments.rows, solver.eigenvectors() * scale.asDiagonal()).cast<float>();
}

// Canonical variates of pairs as axes (columns), and their correlations downwards.
struct Variates {
  Eigen::VectorXd correlations;
  Eigen::MatrixXd axes;
};

Variates variates_of(const Eigen::MatrixXd& apart, const Eigen::MatrixXd& covariance,
                     double ridge) {
  Eigen::MatrixXd ridged = covariance;
  ridged.diagonal().array() += ridge;
  const Eigen::GeneralizedSelfAdjointEigenSolver<Eigen::MatrixXd> solver(apart, ridged);
  return {1 - solver.eigenvalues().array(), solver.eigenvectors()};
}

// What of variate `q` of the second rows the `counted` ones of the first rows tell: R^2 of the mean
// over nearest neighbours, on pairs that are not among them.
double told(int threads, const RowMajor& first, const RowMajor& second,
            const std::vector<Eigen::Index>& counted, Eigen::Index q) {
  const Eigen::Index known = std::min<Eigen::Index>(first.rows() * 2 / 3, kKnownPairs);
  const Eigen::Index tests = first.rows() - known;
  const Eigen::Index near = std::clamp<Eigen::Index>(known / 10, 1, kNeighbours);
  std::vector<double> errors(static_cast<std::size_t>(tests));
  cpu::parallel_chunks(threads, tests, 64, [&](std::int64_t begin, std::int64_t count) {
    std::vector<std::pair<double, Eigen::Index>> distances(static_cast<std::size_t>(known));
    for (Eigen::Index t = begin; t < begin + count; ++t) {
      for (Eigen::Index i = 0; i < known; ++i) {
        double squared = 0;
        for (const Eigen::Index c : counted) {
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
      errors[static_cast<std::size_t>(t)] = std::pow(second(known + t, q) - guess, 2);
    }
  });
  const auto values = second.col(q).segment(known, tests);
  const double spread = (values.array() - values.mean()).square().sum();
  return spread > 0 ? 1 - std::accumulate(errors.begin(), errors.end(), 0.0) / spread : 1;
}

// How many of the variates count.
std::int64_t count_variates(int threads, const PairRows& pairs, const Variates& variates,
                            double threshold, const FactorSizeOptions& options) {
  const Eigen::VectorXd& correlations = variates.correlations;
  Eigen::Index some = 0;
  while (some < std::min<Eigen::Index>(correlations.size(), kMostVariates) &&
         correlations[some] > std::max(threshold, options.least_share * correlations[0])) {
    ++some;
  }
  if (some < 2) return some;
  const auto along = [&](const FloatRows& rows) {
    const Eigen::Index count = std::min<Eigen::Index>(rows.rows(), kKnownPairs * 3 / 2);
    return product(threads, rows.topRows(count).cast<double>(), variates.axes.leftCols(some));
  };
  const RowMajor first = along(pairs.first), second = along(pairs.second);
  std::vector<Eigen::Index> counted{0};
  for (Eigen::Index q = 1; q < some; ++q) {
    if (told(threads, first, second, counted, q) < options.most_told * correlations[q]) {
      counted.push_back(q);
    }
  }
  return static_cast<std::int64_t>(counted.size());
}

std::vector<std::int64_t> by_softmax(const std::vector<double>& scores, std::int64_t dim) {
  double sum = std::exp(1.0);  // of the residual, whose score is 1
  for (const double score : scores) sum += std::exp(score);
  std::vector<std::int64_t> sizes;
  sizes.reserve(scores.size() + 1);
  for (const double score : scores) {
    sizes.push_back(static_cast<std::int64_t>(std::exp(score) / sum * static_cast<double>(dim)));
  }
  return sizes;
}

// One column at least for each, and no more than there are; the residual is added.
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
  const Moments moments = moments_of(threads, in_double(host.view()));
  const FloatRows points =
      softmax
          ? FloatRows(moments.rows.cast<float>())
          : whitened(threads,
                     moments_of(threads, with_products(threads, moments, options.product_columns)),
                     options.ridge);

  FactorSizes result;
  std::vector<std::int64_t> sizes;
  for (std::int64_t f = 0; f < pairs.factors(); ++f) {
    const auto factor = static_cast<std::uint32_t>(f);
    const FactorPairs::Draw draw =
        pairs.draw_for(f, context.seed(), kPairStep + factor, options.pairs);
    const PairRows rows_of_pairs(threads, points, draw);
    const Eigen::MatrixXd& covariance = rows_of_pairs.covariance;
    const Eigen::MatrixXd apart = rows_of_pairs.apart(threads, rows_of_pairs.second);
    if (softmax) {
      result.scores.push_back((covariance - apart).trace() / moments.covariance.trace());
      continue;
    }
    const Variates variates = variates_of(apart, covariance, options.ridge);
    Random random(context.seed(), RandomStream::pairs, kShuffleStep + factor);
    std::vector<std::int32_t> torn = draw.second;
    double threshold = 0;
    for (std::int64_t s = 0; s < options.shuffles; ++s) {
      for (std::size_t i = torn.size(); i > 1; --i) std::swap(torn[i - 1], torn[random.below(i)]);
      const Eigen::MatrixXd of_torn = rows_of_pairs.apart(threads, chosen(points, torn));
      threshold =
          std::max(threshold, variates_of(of_torn, covariance, options.ridge).correlations[0]);
    }
    sizes.push_back(count_variates(threads, rows_of_pairs, variates, threshold, options));
    result.scores.push_back(variates.correlations[0]);
    result.thresholds.push_back(threshold);
    result.correlations.emplace_back(variates.correlations.begin(), variates.correlations.end());
  }
  if (softmax) sizes = by_softmax(result.scores, rows.cols);
  result.sizes = fitted(std::move(sizes), rows.cols);
  return result;
}

}  // namespace clipk
