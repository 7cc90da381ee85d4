#include "clipk/metrics/factor_edits.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "factor_edit_scores";

void check_sizes(std::int64_t edited, const std::vector<Factor>& read,
                 const std::vector<Factor>& factors, std::span<const std::int64_t> sources,
                 std::span<const std::int64_t> donors) {
  if (read.size() != factors.size()) {
    check::fail(kName, std::to_string(factors.size()) + " factors read",
                std::to_string(read.size()));
  }
  if (edited < 0 || edited >= static_cast<std::int64_t>(factors.size())) {
    check::fail(kName, "a factor in [0, " + std::to_string(factors.size()) + ")",
                std::to_string(edited));
  }
  if (donors.size() != sources.size()) {
    check::fail(kName, std::to_string(sources.size()) + " donors", std::to_string(donors.size()));
  }
  for (std::size_t f = 0; f < factors.size(); ++f) {
    const Factor &one = read[f], &other = factors[f];
    if (one.rows() != static_cast<std::int64_t>(sources.size())) {
      check::fail(kName, std::to_string(sources.size()) + " rows read of " + other.name,
                  std::to_string(one.rows()));
    }
    if (one.rows() > 0 &&
        (one.categorical() != other.categorical() || one.values.cols() != other.values.cols())) {
      check::fail(kName, "what is read of " + other.name + " to be of its kind", "another");
    }
    for (const auto rows : {sources, donors}) {
      for (const std::int64_t row : rows) {
        if (row >= 0 && row < other.rows()) continue;
        check::fail(kName, "rows in [0, " + std::to_string(other.rows()) + ")",
                    std::to_string(row));
      }
    }
  }
}

}  // namespace

std::vector<double> factor_ranges(const Factor& factor) {
  std::vector<double> ranges;
  for (std::int64_t j = 0; j < factor.values.cols(); ++j) {
    float low = INFINITY, high = -INFINITY;
    for (std::int64_t i = 0; i < factor.rows(); ++i) {
      if (!factor.known(i)) continue;
      low = std::min(low, factor.values(i, j));
      high = std::max(high, factor.values(i, j));
    }
    ranges.push_back(std::max(double{high} - double{low}, 1e-30));
  }
  return ranges;
}

double factor_distance(const Factor& a, std::int64_t i, const Factor& b, std::int64_t j,
                       std::span<const double> ranges) {
  if (a.categorical()) {
    return a.classes[static_cast<std::size_t>(i)] == b.classes[static_cast<std::size_t>(j)] ? 0 : 1;
  }
  double largest = 0;
  for (std::int64_t c = 0; c < a.values.cols(); ++c) {
    const double apart = std::abs(double{a.values(i, c)} - double{b.values(j, c)}) /
                         ranges[static_cast<std::size_t>(c)];
    if (std::isnan(apart)) return NAN;
    largest = std::max(largest, apart);
  }
  return largest;
}

FactorEditScores factor_edit_scores(std::int64_t edited, const std::vector<Factor>& read,
                                    const std::vector<Factor>& factors,
                                    std::span<const std::int64_t> sources,
                                    std::span<const std::int64_t> donors, double tolerance) {
  check_sizes(edited, read, factors, sources, donors);
  if (!(tolerance >= 0)) {
    check::fail(kName, "a tolerance of at least 0", std::to_string(tolerance));
  }
  FactorEditScores scores{.success = NAN,
                          .kept = std::vector<double>(factors.size(), NAN),
                          .drift = std::vector<double>(factors.size(), NAN)};
  for (std::size_t f = 0; f < factors.size(); ++f) {
    const bool is_edited = static_cast<std::int64_t>(f) == edited;
    const std::span<const std::int64_t> meant = is_edited ? donors : sources;
    const std::vector<double> ranges = factor_ranges(factors[f]);
    double same = 0, moved = 0, count = 0;
    for (std::size_t e = 0; e < meant.size(); ++e) {
      if (!factors[f].known(meant[e])) continue;
      const double off =
          factor_distance(read[f], static_cast<std::int64_t>(e), factors[f], meant[e], ranges);
      same += off <= tolerance ? 1 : 0;
      moved += off;
      ++count;
    }
    if (count == 0) continue;
    (is_edited ? scores.success : scores.kept[f]) = same / count;
    if (!is_edited) scores.drift[f] = moved / count;
  }
  return scores;
}

}  // namespace clipk
