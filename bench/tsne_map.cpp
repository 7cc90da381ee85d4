#include "bench/tsne_map.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "clipk/core/random.hpp"

namespace clipk::bench {

Matrix<float> tsne_map(std::int64_t n) {
  Random random(1, RandomStream::data);
  Matrix<float> y(n, 2);
  const double radius = std::sqrt(3 * static_cast<double>(n) / std::numbers::pi);
  for (std::int64_t i = 0; i < n; ++i) {
    const double r = radius * std::sqrt(static_cast<double>(random.uniform()));
    const double angle = 2 * std::numbers::pi * static_cast<double>(random.uniform());
    y(i, 0) = static_cast<float>(r * std::cos(angle));
    y(i, 1) = static_cast<float>(r * std::sin(angle));
  }
  return y;
}

TsneNeighbors::TsneNeighbors(Context& context, std::int64_t n)
    : starts(context, 1, n + 1), columns(context, 1, kMean * n), values(context, 1, kMean * n) {
  Random random(2, RandomStream::data);
  Matrix<std::int64_t> host_starts(1, n + 1);
  Matrix<std::int32_t> host_columns(1, kMean * n);
  Matrix<float> host_values(1, kMean * n);
  for (std::int64_t i = 0; i <= n; ++i) host_starts(0, i) = kMean * i;
  for (std::int64_t i = 0; i < n; ++i) {
    std::int32_t* row = host_columns.data() + kMean * i;
    for (std::int64_t e = 0; e < kMean; ++e) {
      row[e] = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(n)));
    }
    std::sort(row, row + kMean);
  }
  for (float& value : host_values.flat()) value = 1 / static_cast<float>(kMean * n);
  starts = host_starts.to_device(context);
  columns = host_columns.to_device(context);
  values = host_values.to_device(context);
}

}  // namespace clipk::bench
