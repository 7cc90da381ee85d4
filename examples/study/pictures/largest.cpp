#include "study/pictures/largest.hpp"

#include <algorithm>
#include <numeric>

namespace clipk::study {

std::vector<std::size_t> largest(const std::vector<std::int64_t>& sizes, std::size_t most) {
  std::vector<std::size_t> chosen(sizes.size());
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  if (chosen.size() <= most) return chosen;
  std::stable_sort(chosen.begin(), chosen.end(),
                   [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  chosen.resize(most);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace clipk::study
