#include "clipk/metrics/jackknife.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/check.hpp"

namespace clipk {

double jackknife_standard_error(
    std::span<const std::int64_t> groups,
    const std::function<double(const std::vector<std::int64_t>& rows)>& statistic,
    std::int64_t folds) {
  constexpr const char* kName = "jackknife_standard_error";
  if (folds < 2) check::fail(kName, "at least 2 folds", std::to_string(folds));
  std::vector<bool> there(groups.size());
  for (const std::int64_t group : groups) {
    if (group < 0 || group >= static_cast<std::int64_t>(groups.size())) {
      check::fail(kName, "groups counted from 0", std::to_string(group));
    }
    there[static_cast<std::size_t>(group)] = true;
  }
  const std::int64_t count = std::count(there.begin(), there.end(), true);
  if (count < folds) {
    check::fail(kName, "at least " + std::to_string(folds) + " groups", std::to_string(count));
  }
  if (std::find(there.begin(), there.begin() + count, false) != there.begin() + count) {
    check::fail(kName, "groups counted from 0", "a gap between their numbers");
  }
  std::vector<double> without;
  for (std::int64_t fold = 0; fold < folds; ++fold) {
    std::vector<std::int64_t> rows;
    for (std::size_t row = 0; row < groups.size(); ++row) {
      if (groups[row] % folds != fold) rows.push_back(static_cast<std::int64_t>(row));
    }
    without.push_back(statistic(rows));
  }
  const auto values = static_cast<double>(folds);
  const double mean = std::accumulate(without.begin(), without.end(), 0.0) / values;
  double squares = 0;
  for (const double value : without) squares += (value - mean) * (value - mean);
  return std::sqrt(squares * (values - 1) / values);
}

}  // namespace clipk
