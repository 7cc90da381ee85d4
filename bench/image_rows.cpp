#include "bench/image_rows.hpp"

#include <algorithm>
#include <vector>

namespace clipk::bench {
namespace {

// A number in [-0.5, 0.5) for an index.
double spread(std::uint64_t index) {
  std::uint64_t h = index * 0x9E3779B97F4A7C15;
  h = (h ^ h >> 32) * 0xD6E8FEB86659FD93;
  return static_cast<double>((h ^ h >> 32) >> 40) * 0x1p-24 - 0.5;
}

}  // namespace

Matrix<float> image_rows(std::int64_t n, std::int64_t d) {
  constexpr std::int64_t kClasses = 12, kDirections = 16;
  constexpr std::uint64_t kNoise = std::uint64_t{1} << 40, kLatent = kNoise << 1;
  std::vector<double> directions(static_cast<std::size_t>(kDirections * d));
  for (std::size_t e = 0; e < directions.size(); ++e) directions[e] = spread((kLatent << 1) + e);
  Matrix<float> rows(n, d);
  std::vector<double> row(static_cast<std::size_t>(d));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < d; ++j) {
      row[static_cast<std::size_t>(j)] =
          0.3 * spread(kNoise + static_cast<std::uint64_t>(i * d + j));
    }
    for (std::int64_t a = 0; a < kDirections; ++a) {
      const double z = 0.5 * spread(static_cast<std::uint64_t>(i % kClasses * kDirections + a)) +
                       spread(kLatent + static_cast<std::uint64_t>(i * kDirections + a));
      const double* direction = directions.data() + a * d;
      for (std::int64_t j = 0; j < d; ++j) row[static_cast<std::size_t>(j)] += z * direction[j];
    }
    for (std::int64_t j = 0; j < d; ++j) {
      rows(i, j) = static_cast<float>(std::max(row[static_cast<std::size_t>(j)], 0.0));
    }
  }
  return rows;
}

}  // namespace clipk::bench
