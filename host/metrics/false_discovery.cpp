#include "clipk/metrics/false_discovery.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "core/check.hpp"

namespace clipk {

std::vector<double> false_discovery_adjusted(std::span<const double> p, FalseDiscovery rule) {
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] >= 0 && p[i] <= 1) continue;
    check::fail("false_discovery_adjusted", "p-values from 0 to 1",
                std::to_string(p[i]) + " at " + std::to_string(i));
  }
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  const auto m = static_cast<double>(p.size());
  double factor = 1;
  if (rule == FalseDiscovery::benjamini_yekutieli) {
    factor = 0;
    for (std::size_t i = p.size(); i > 0; --i) factor += 1 / static_cast<double>(i);
  }
  std::vector<double> adjusted(p.size());
  double least = 1;
  for (std::size_t i = p.size(); i > 0; --i) {
    const double value = p[order[i - 1]] * (m / static_cast<double>(i)) * factor;
    least = std::min(least, value);
    adjusted[order[i - 1]] = least;
  }
  return adjusted;
}

}  // namespace clipk
