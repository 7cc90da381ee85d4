#include "models/iin/typical_range.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/check.hpp"

namespace clipk {
namespace {

constexpr double kUnlikely = 0.001;  // share of the rows that are less likely still

}  // namespace

TypicalRange TypicalRange::of(std::vector<double> log_density, MatrixView<const float> codes) {
  for (const double density : log_density) {
    if (!std::isfinite(density)) {
      check::fail("iin", "finite log-densities of the rows at the end of the training",
                  std::to_string(density));
    }
  }
  TypicalRange range{std::move(log_density), {}, {}};
  std::sort(range.log_density.begin(), range.log_density.end());
  range.lowest.assign(codes.row(0), codes.row(0) + codes.cols);
  range.highest = range.lowest;
  for (std::int64_t i = 1; i < codes.rows; ++i) {
    for (std::int64_t j = 0; j < codes.cols; ++j) {
      float& low = range.lowest[static_cast<std::size_t>(j)];
      float& high = range.highest[static_cast<std::size_t>(j)];
      low = std::min(low, codes(i, j));
      high = std::max(high, codes(i, j));
    }
  }
  return range;
}

IinTypicality TypicalRange::typicality(std::vector<double> densities,
                                       MatrixView<const float> codes) const {
  IinTypicality result{std::move(densities), {}, {}};
  const auto rows = static_cast<double>(log_density.size());
  const double unlikely = log_density[static_cast<std::size_t>(kUnlikely * rows)];
  for (std::int64_t i = 0; i < codes.rows; ++i) {
    const double density = result.log_density[static_cast<std::size_t>(i)];
    const auto below =
        std::lower_bound(log_density.begin(), log_density.end(), density) - log_density.begin();
    result.share.push_back(static_cast<double>(below) / rows);
    bool outside = !(density >= unlikely);
    for (std::int64_t j = 0; j < codes.cols; ++j) {
      const auto c = static_cast<std::size_t>(j);
      outside |= !(codes(i, j) >= lowest[c] && codes(i, j) <= highest[c]);
    }
    result.outside.push_back(outside ? 1 : 0);
  }
  return result;
}

void TypicalRange::save(ArchiveWriter& archive) const {
  archive.add("log_density", log_density);
  archive.add("lowest", lowest);
  archive.add("highest", highest);
}

TypicalRange TypicalRange::load(const ArchiveReader& archive, std::int64_t dim) {
  TypicalRange range{archive.vector<double>("log_density"), archive.vector<float>("lowest", dim),
                     archive.vector<float>("highest", dim)};
  if (range.log_density.empty()) archive.fail("densities of rows", "none");
  for (std::size_t i = 1; i < range.log_density.size(); ++i) {
    const double density = range.log_density[i];
    if (density < range.log_density[i - 1]) {
      archive.fail("densities of rows that rise",
                   std::to_string(density) + " in place " + std::to_string(i));
    }
  }
  for (std::size_t j = 0; j < range.lowest.size(); ++j) {
    if (range.lowest[j] > range.highest[j]) {
      archive.fail("lowest values, none above the highest one of its column",
                   std::to_string(range.lowest[j]) + " and " + std::to_string(range.highest[j]) +
                       " of column " + std::to_string(j));
    }
  }
  return range;
}

}  // namespace clipk
