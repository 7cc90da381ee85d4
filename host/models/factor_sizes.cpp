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
#include "metrics/host_rows.hpp"
#include "ops/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "factor_sizes";
// Steps of the pairs' generator that no epoch of a training reaches.
constexpr std::uint32_t kPairStep = 0xFFFF0000u;
constexpr std::uint32_t kShuffleStep = 0xFFFFF000u;

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using FloatRows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Moments {
  RowMajor rows;               // [n, D] less their mean
  Eigen::MatrixXd covariance;  // [D, D]
  double mean_variance = 0;
};

Moments moments_of(MatrixView<const float> rows) {
  Moments m;
  m.rows.resize(rows.rows, rows.cols);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) m.rows(i, j) = static_cast<double>(rows(i, j));
  }
  m.rows.rowwise() -= m.rows.colwise().mean().eval();
  m.covariance = m.rows.transpose() * m.rows / static_cast<double>(rows.rows);
  m.mean_variance = m.covariance.trace() / static_cast<double>(rows.cols);
  if (!(m.mean_variance > 0)) check::fail(kName, "rows that differ", "all alike");
  return m;
}

// Mean of (a b^T + b a^T) / 2 over pairs of these rows.
Eigen::MatrixXd pair_covariance(int threads, const FloatRows& rows, const FactorPairs::Draw& draw) {
  // Sums of the partners by row leave one product of n rows, however many pairs there are.
  FloatRows partners = FloatRows::Zero(rows.rows(), rows.cols());
  for (std::size_t p = 0; p < draw.first.size(); ++p) {
    partners.row(draw.first[p]) += rows.row(draw.second[p]);
  }
  const std::int64_t dim = rows.cols();
  FloatRows sums(dim, dim);
  cpu::gemm(threads, cpu::Transpose::yes, cpu::Transpose::no, dim, dim, rows.rows(), 1.F,
            rows.data(), dim, partners.data(), dim, 0.F, sums.data(), dim);
  const Eigen::MatrixXd one_way = sums.cast<double>() / static_cast<double>(draw.first.size());
  return (one_way + one_way.transpose()) / 2;
}

// The rows' own covariance becomes the identity (less what the ridge takes).
FloatRows whitened(const Moments& moments, double ridge) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(moments.covariance);
  const Eigen::VectorXd scale =
      (solver.eigenvalues().array().max(0) + ridge * moments.mean_variance).sqrt().inverse();
  return (moments.rows * (solver.eigenvectors() * scale.asDiagonal())).cast<float>();
}

std::vector<double> eigenvalues_downwards(const Eigen::MatrixXd& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric, Eigen::EigenvaluesOnly);
  const Eigen::VectorXd& values = solver.eigenvalues();
  return {values.reverse().begin(), values.reverse().end()};
}

std::vector<std::int64_t> by_softmax(const std::vector<double>& scores, std::int64_t dim) {
  double sum = std::exp(1.0);  // of the residual, whose score is 1
  for (const double score : scores) sum += std::exp(score);
  std::vector<std::int64_t> sizes;
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
  if (!(options.ridge > 0 && std::isfinite(options.ridge))) {
    check::fail(kName, "a ridge above 0", std::to_string(options.ridge));
  }
  const HostRows<float> host(context, rows);
  check_finite(host.view(), kName);
  const bool softmax = options.rule == SizeRule::softmax;
  const Moments moments = moments_of(host.view());
  const FloatRows points =
      softmax ? FloatRows(moments.rows.cast<float>()) : whitened(moments, options.ridge);

  FactorSizes result;
  std::vector<std::int64_t> sizes;
  for (std::int64_t f = 0; f < pairs.factors(); ++f) {
    const auto factor = static_cast<std::uint32_t>(f);
    FactorPairs::Draw draw = pairs.draw_for(f, context.seed(), kPairStep + factor, options.pairs);
    const Eigen::MatrixXd shared = pair_covariance(context.threads(), points, draw);
    if (softmax) {
      result.scores.push_back(shared.trace() / moments.covariance.trace());
      continue;
    }
    std::vector<double> found = eigenvalues_downwards(shared);
    Random random(context.seed(), RandomStream::pairs, kShuffleStep + factor);
    double threshold = 0;
    for (std::int64_t s = 0; s < options.shuffles; ++s) {
      for (std::size_t i = draw.second.size(); i > 1; --i) {
        std::swap(draw.second[i - 1], draw.second[random.below(i)]);
      }
      const Eigen::MatrixXd torn = pair_covariance(context.threads(), points, draw);
      threshold = std::max(threshold, eigenvalues_downwards(torn)[0]);
    }
    sizes.push_back(
        std::count_if(found.begin(), found.end(), [&](double value) { return value > threshold; }));
    result.scores.push_back(found[0]);
    result.thresholds.push_back(threshold);
    result.correlations.push_back(std::move(found));
  }
  if (softmax) sizes = by_softmax(result.scores, rows.cols);
  result.sizes = fitted(std::move(sizes), rows.cols);
  return result;
}

}  // namespace clipk
