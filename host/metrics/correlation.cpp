#include "clipk/metrics/correlation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/math/math.hpp"
#include "core/parallel.hpp"
#include "linalg/column_products.hpp"
#include "metrics/correlation_table.hpp"
#include "metrics/rank_products.hpp"

namespace clipk {
namespace {

void check_pair(const char* op, double r, std::int64_t n) {
  if (n < 3) check::fail(op, "n of 3 or more", std::to_string(n));
  if (r < -1 || r > 1) check::fail(op, "r from -1 to 1", std::to_string(r));
}

// 1 / B(a, 1/2) for a multiple a of 1/2.
double inverse_beta_of_half(double a) {
  // Gamma(a + 1/2) / Gamma(a) by its asymptotic series, for a large enough to converge.
  double factor = 1;
  for (; a < 30; ++a) factor *= a / (a + 0.5);
  constexpr double kSeries[] = {-334477. / 128, 39325. / 16, 869. / 16, -399. / 8, -21. / 8,
                                5. / 2,         1. / 2,      -1,        1};
  double series = 0;
  for (const double coefficient : kSeries) series = series / (8 * a) + coefficient;
  return factor * std::sqrt(a / std::numbers::pi) * series;
}

// The continued fraction of the incomplete beta function I(x; a, b), by Lentz's method: I is
// x^a (1 - x)^b / (a B(a, b)) times it. Converges fast for x below (a + 1) / (a + b + 2).
double beta_fraction(double x, double a, double b) {
  constexpr double kPrecision = 1e-16;
  double c = 1;
  double d = 1 / (1 - (a + b) * x / (a + 1));
  double value = d;
  const auto step = [&](double numerator) {
    c = 1 + numerator / c;
    d = 1 / (1 + numerator * d);
    value *= c * d;
  };
  for (double m = 1; m < 1e6; ++m) {
    step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
    step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)));
    if (std::abs(c * d - 1) <= kPrecision) break;
  }
  return value;
}

}  // namespace

double correlation_p_value(double r, std::int64_t n) {
  check_pair("correlation_p_value", r, n);
  if (std::isnan(r)) return 1;
  // I(1 - r^2; n / 2 - 1, 1 / 2), computed from the side where its fraction converges.
  const double half = static_cast<double>(n) / 2 - 1;
  const double square = r * r, rest = (1 - std::abs(r)) * (1 + std::abs(r));
  if (rest == 0) return 0;
  const double log = square < 0.5 ? math::log1p(-square) : math::log(rest);
  const double weight = math::exp(half * log) * std::abs(r) * inverse_beta_of_half(half);
  if (square < 1.5 / (half + 2.5)) return 1 - 2 * weight * beta_fraction(square, 0.5, half);
  return weight / half * beta_fraction(rest, half, 0.5);
}

Interval correlation_interval(double r, std::int64_t n, double confidence, Correlation kind) {
  constexpr const char* kName = "correlation_interval";
  check_pair(kName, r, n);
  if (!(confidence > 0 && confidence < 1)) {
    check::fail(kName, "a confidence between 0 and 1", std::to_string(confidence));
  }
  if (std::isnan(r)) return {r, r, r};
  if (n == 3) return {r, -1, 1};
  const double spread = kind == Correlation::spearman ? 1 + r * r / 2 : 1;
  const double error = std::sqrt(spread / static_cast<double>(n - 3));
  const double reach = math::normal_quantile_from_half(confidence / 2) * error;
  const double z = math::atanh(r);
  return {r, math::tanh(z - reach), math::tanh(z + reach)};
}

CorrelationTable chosen_correlations(Context& context, const char* op, const ChosenRows& x,
                                     const ChosenRows& y, Correlation kind) {
  const std::int64_t n = x.rows(), c = x.matrix.cols, f = y.matrix.cols;
  if (n < 3 || n > kMostRows) {
    check::fail(op, "from 3 to " + std::to_string(kMostRows) + " rows", std::to_string(n));
  }
  CorrelationTable table{Matrix<double>(c, f), Matrix<double>(c, f), Matrix<double>(c, f), n};
  const int threads = context.threads();
  ColumnSpread of_x = column_spread(threads, x, (std::string(op) + " coordinates").c_str());
  ColumnSpread of_y = column_spread(threads, y, (std::string(op) + " features").c_str());
  if (kind == Correlation::pearson) {
    centred_products(threads, x, of_x, y, of_y, table.r);
  } else {
    rank_products(threads, x, y, table.r, of_x.squares, of_y.squares);
  }
  cpu::parallel_chunks(threads, c * f, 256, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      double& r = table.r.data()[i];
      // Squares of float32 values are far from both ends of float64's range.
      const double square = of_x.squares[static_cast<std::size_t>(i / f)] *
                            of_y.squares[static_cast<std::size_t>(i % f)];
      r = square > 0 ? std::clamp(r / std::sqrt(square), -1.0, 1.0)
                     : std::numeric_limits<double>::quiet_NaN();
      table.p.data()[i] = correlation_p_value(r, n);
    }
  });
  return table;
}

void adjust_together(std::span<CorrelationTable* const> tables, FalseDiscovery rule) {
  const auto visit = [&](auto&& entry) {
    for (CorrelationTable* table : tables) {
      for (std::int64_t i = 0; i < table->r.flat().size; ++i) {
        entry(table->r.data()[i], table->p.data()[i], table->q.data()[i]);
      }
    }
  };
  std::vector<double> p;
  visit([&](double r, double value, double&) {
    if (!std::isnan(r)) p.push_back(value);
  });
  const std::vector<double> adjusted = false_discovery_adjusted(p, rule);
  auto next = adjusted.begin();
  visit([&](double r, double, double& q) { q = std::isnan(r) ? 1 : *next++; });
}

CorrelationTable correlations(Context& context, MatrixView<const float> coordinates,
                              MatrixView<const float> features, const CorrelationOptions& options) {
  constexpr const char* kName = "correlations";
  if (features.rows != coordinates.rows) {
    check::fail(kName, "features of " + std::to_string(coordinates.rows) + " rows",
                std::to_string(features.rows));
  }
  const HostRows<float> x(context, coordinates), y(context, features);
  CorrelationTable table =
      chosen_correlations(context, kName, {x.view()}, {y.view()}, options.kind);
  CorrelationTable* const one[] = {&table};
  adjust_together(one, options.rule);
  return table;
}

std::vector<CorrelationEntry> strongest(const CorrelationTable& table, std::int64_t count,
                                        std::int64_t feature) {
  constexpr const char* kName = "strongest";
  const std::int64_t f = table.r.cols();
  if (count < 0) check::fail(kName, "a count of 0 or more", std::to_string(count));
  if (feature < -1 || feature >= f) {
    check::fail(kName, "a feature below " + std::to_string(f), std::to_string(feature));
  }
  std::vector<CorrelationEntry> entries;
  for (std::int64_t i = 0; i < table.r.rows(); ++i) {
    for (std::int64_t j = 0; j < f; ++j) {
      if ((feature >= 0 && j != feature) || std::isnan(table.r(i, j))) continue;
      entries.push_back({i, j, table.r(i, j), table.p(i, j), table.q(i, j)});
    }
  }
  const auto kept = std::min(entries.size(), static_cast<std::size_t>(count));
  std::partial_sort(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(kept),
                    entries.end(), [](const CorrelationEntry& a, const CorrelationEntry& b) {
                      if (std::abs(a.r) != std::abs(b.r)) return std::abs(a.r) > std::abs(b.r);
                      if (a.coordinate != b.coordinate) return a.coordinate < b.coordinate;
                      return a.feature < b.feature;
                    });
  entries.resize(kept);
  return entries;
}

}  // namespace clipk
