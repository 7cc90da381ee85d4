#include "clipk/metrics/bootstrap.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include "clipk/core/random.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "paired_bootstrap";

// What is drawn: the sum of the differences of a group of queries, and their number. Without counts
// every group is one query.
struct Groups {
  std::vector<double> sums, counts;
};

double resampled_mean(const Groups& groups, std::uint64_t seed, std::uint32_t resample) {
  const auto n = static_cast<std::uint32_t>(groups.sums.size());
  double sum = 0, count = 0;
  for (std::uint32_t t = 0; t < n; t += 4) {
    const auto bits = random_block(seed, RandomStream::bootstrap, resample, t / 4);
    const std::uint32_t drawn = std::min(n - t, std::uint32_t{4});
    for (std::uint32_t w = 0; w < drawn; ++w) {
      const std::uint32_t group = random_below(bits[w], n);
      sum += groups.sums[group];
      if (!groups.counts.empty()) count += groups.counts[group];
    }
  }
  return sum / (groups.counts.empty() ? n : count);
}

double quantile(const std::vector<double>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> checked_differences(std::span<const double> a, std::span<const double> b,
                                        const BootstrapOptions& options) {
  if (a.size() != b.size()) {
    check::fail(kName, "b of size " + std::to_string(a.size()), std::to_string(b.size()));
  }
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max() - 4;
  if (a.empty() || a.size() > kMost) {
    check::fail(kName, "from 1 to " + std::to_string(kMost) + " queries", std::to_string(a.size()));
  }
  if (options.resamples < 1 || options.resamples > std::numeric_limits<std::uint32_t>::max()) {
    check::fail(kName, "from 1 to 4294967295 resamples", std::to_string(options.resamples));
  }
  if (!(options.confidence > 0 && options.confidence < 1)) {
    check::fail(kName, "a confidence between 0 and 1", std::to_string(options.confidence));
  }
  std::vector<double> difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference[i] = a[i] - b[i];
    if (!std::isfinite(difference[i])) {
      check::fail(
          kName, "finite values",
          std::to_string(a[i]) + " and " + std::to_string(b[i]) + " at " + std::to_string(i));
    }
  }
  return difference;
}

Interval interval_of(Context& context, const Groups& groups, double estimate,
                     const BootstrapOptions& options) {
  std::vector<double> means(static_cast<std::size_t>(options.resamples));
  cpu::parallel_chunks(context.threads(), options.resamples, 64,
                       [&](std::int64_t first, std::int64_t count) {
                         for (std::int64_t r = first; r < first + count; ++r) {
                           means[static_cast<std::size_t>(r)] =
                               resampled_mean(groups, options.seed, static_cast<std::uint32_t>(r));
                         }
                       });
  std::sort(means.begin(), means.end());
  const double tail = (1 - options.confidence) / 2;
  return {estimate, quantile(means, tail), quantile(means, 1 - tail)};
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

Interval paired_bootstrap(Context& context, std::span<const double> a, std::span<const double> b,
                          const BootstrapOptions& options) {
  const Groups groups{checked_differences(a, b, options), {}};
  return interval_of(context, groups, mean_of(groups.sums), options);
}

Interval paired_bootstrap(Context& context, std::span<const double> a, std::span<const double> b,
                          std::span<const std::int64_t> groups, const BootstrapOptions& options) {
  const std::vector<double> difference = checked_differences(a, b, options);
  if (groups.size() != a.size()) {
    check::fail(kName, "groups of size " + std::to_string(a.size()), std::to_string(groups.size()));
  }
  Groups drawn;
  std::unordered_map<std::int64_t, std::size_t> place;  // in the order of their first query
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i] < 0) {
      check::fail(kName, "groups from 0",
                  std::to_string(groups[i]) + " for query " + std::to_string(i));
    }
    const auto [entry, first] = place.try_emplace(groups[i], drawn.sums.size());
    if (first) {
      drawn.sums.push_back(0);
      drawn.counts.push_back(0);
    }
    drawn.sums[entry->second] += difference[i];
    ++drawn.counts[entry->second];
  }
  return interval_of(context, drawn, mean_of(difference), options);
}

}  // namespace clipk
