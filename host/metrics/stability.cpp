#include "clipk/metrics/stability.hpp"

#include <cmath>
#include <string>

#include "clipk/metrics/clustering.hpp"
#include "core/check.hpp"

namespace clipk {

Stability stability(std::span<const std::vector<std::int32_t>> labelings) {
  constexpr const char* kName = "stability";
  if (labelings.size() < 2) {
    check::fail(kName, "at least 2 labelings", std::to_string(labelings.size()));
  }
  std::vector<double> indices;
  double sum = 0;
  for (std::size_t b = 1; b < labelings.size(); ++b) {
    if (labelings[b].size() != labelings[0].size()) {
      check::fail(kName, "labelings of size " + std::to_string(labelings[0].size()),
                  std::to_string(labelings[b].size()));
    }
    for (std::size_t a = 0; a < b; ++a) {
      const auto view = [](const std::vector<std::int32_t>& labels) {
        return VectorView<const std::int32_t>(labels.data(),
                                              static_cast<std::int64_t>(labels.size()));
      };
      indices.push_back(adjusted_rand_index(contingency(view(labelings[a]), view(labelings[b]))));
      sum += indices.back();
    }
  }
  const auto count = static_cast<double>(indices.size());
  Stability result{sum / count, 0, static_cast<std::int64_t>(indices.size())};
  if (indices.size() == 1) return result;
  double squares = 0;
  for (const double index : indices) squares += (index - result.mean) * (index - result.mean);
  result.standard_deviation = std::sqrt(squares / (count - 1));
  return result;
}

}  // namespace clipk
