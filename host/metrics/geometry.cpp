#include "clipk/metrics/geometry.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/ops/pairwise_distance.hpp"
#include "core/check.hpp"
#include "metrics/distance_stream.hpp"
#include "metrics/rank.hpp"

namespace clipk {
namespace {

// Sums of f(d, e) over all distances, K values each, added row by row in order.
template <std::size_t K, class F>
std::array<double, K> sum_pairs(DistanceStream& pairs, F&& f) {
  std::vector<std::array<double, K>> rows(static_cast<std::size_t>(pairs.rows()));
  pairs.for_each_row(
      [&](std::int64_t row, std::int64_t, const double* d, const double* e, std::int64_t count) {
        std::array<double, K> sum{};
        for (std::int64_t p = 0; p < count; ++p) {
          const std::array<double, K> value = f(d[p], e[p]);
          for (std::size_t k = 0; k < K; ++k) sum[k] += value[k];
        }
        rows[static_cast<std::size_t>(row)] = sum;
      });
  std::array<double, K> total{};
  for (const auto& row : rows) {
    for (std::size_t k = 0; k < K; ++k) total[k] += row[k];
  }
  return total;
}

}  // namespace

double stress1(Context& context, const DistanceBlock& high, const DistanceBlock& low) {
  DistanceStream pairs(context, "stress1", high, low);
  const auto [dd, de, ee] = sum_pairs<3>(pairs, [](double d, double e) {
    return std::array<double, 3>{d * d, d * e, e * e};
  });
  if (!(dd > 0)) check::fail("stress1", "rows that differ", "all distances of high zero");
  if (ee == 0) return 1;
  const double square = 1 - de / dd * (de / ee);
  if (square > 1e-6) return std::sqrt(square);
  // The short form cancels, so the residuals themselves are summed.
  const double scale = de / ee;
  const auto [residual] = sum_pairs<1>(pairs, [scale](double d, double e) {
    return std::array<double, 1>{(d - scale * e) * (d - scale * e)};
  });
  return std::sqrt(residual / dd);
}

SampledKendallDistance sampled_kendall_distance(Context& context, const DistanceBlock& high,
                                                const DistanceBlock& low, std::int64_t count,
                                                std::uint64_t seed) {
  constexpr const char* kName = "sampled_kendall_distance";
  const DistanceStream pairs(context, kName, high, low);
  if (pairs.pairs() < 2) check::fail(kName, "at least 2 distances", std::to_string(pairs.pairs()));
  if (count < 1) check::fail(kName, "a count of 1 or more", std::to_string(count));
  const bool within = pairs.high().within();
  const auto n = static_cast<std::uint32_t>(pairs.rows());
  const auto m = static_cast<std::uint32_t>(pairs.high().right().rows());
  const auto pair_of = [&](std::uint32_t first, std::uint32_t second) {
    const std::uint32_t i = random_below(first, n);
    if (!within) return std::pair{i, random_below(second, m)};
    std::uint32_t j = random_below(second, n - 1);
    if (j >= i) ++j;
    return std::pair{std::min(i, j), std::max(i, j)};
  };
  // Counted in halves of a quadruple: 2 where the order is opposite, 1 where one of the two is
  // a tie.
  std::atomic<std::int64_t> halves = 0, squares = 0;
  cpu::parallel_chunks(context.threads(), count, 1024, [&](std::int64_t first, std::int64_t size) {
    std::int64_t sum = 0, square = 0;
    for (std::int64_t q = first; q < first + size; ++q) {
      auto a = std::pair{std::uint32_t{0}, std::uint32_t{0}};
      auto b = a;
      for (std::uint32_t attempt = 0; a == b; ++attempt) {  // two distances, not one twice
        const auto bits = random_block(seed, RandomStream::kendall_distance, attempt,
                                       static_cast<std::uint64_t>(q));
        a = pair_of(bits[0], bits[1]);
        b = pair_of(bits[2], bits[3]);
      }
      const auto sign = [&](const DistanceSide& side) {
        const auto da = static_cast<float>(side.distance(a.first, a.second));
        const auto db = static_cast<float>(side.distance(b.first, b.second));
        return (da > db) - (da < db);
      };
      const int value = 1 - sign(pairs.high()) * sign(pairs.low());
      sum += value;
      square += value * value;
    }
    halves += sum;
    squares += square;
  });
  const auto total = static_cast<double>(count);
  const double mean = static_cast<double>(halves) / total / 2;
  const double variance = static_cast<double>(squares) / total / 4 - mean * mean;
  return {mean, std::sqrt(std::max(variance, 0.0) / total)};
}

double trustworthiness(Context& context, MatrixView<const float> high, MatrixView<const float> low,
                       std::int64_t k) {
  constexpr const char* kName = "trustworthiness";
  constexpr std::int64_t kBlock = 256;
  const DistanceSide rows(context, kName, "high", {.x = high});
  const DistanceSide codes(context, kName, "low", {.x = low});
  const std::int64_t n = high.rows;
  if (low.rows != n)
    check::fail(kName, "low of " + std::to_string(n) + " rows", std::to_string(low.rows));
  if (k < 1 || 2 * k >= n) {
    check::fail(
        kName,
        "a k from 1 to " + std::to_string((n - 1) / 2) + " for " + std::to_string(n) + " rows",
        std::to_string(k));
  }
  Context cpu = Context::cpu({.threads = context.threads()});
  Matrix<double> d(std::min(kBlock, n), n), e(std::min(kBlock, n), n);
  std::atomic<std::int64_t> penalty = 0;
  for (std::int64_t first = 0; first < n; first += kBlock) {
    const std::int64_t count = std::min(kBlock, n - first);
    const auto distances = [&](const DistanceSide& side, Matrix<double>& out) {
      pairwise_distance(cpu, side.x.view().row_range(first, count), side.x.view(), side.metric,
                        out.view().row_range(0, count));
    };
    distances(rows, d);
    distances(codes, e);
    cpu::parallel_for(cpu.threads(), count, [&](std::int64_t r) {
      const double* dr = d.view().row(r);
      const double* er = e.view().row(r);
      std::vector<std::int64_t> order;
      for (std::int64_t j = 0; j < n; ++j) {
        if (j != first + r) order.push_back(j);
      }
      std::nth_element(order.begin(), order.begin() + k - 1, order.end(),
                       [er](std::int64_t a, std::int64_t b) {
                         return er[a] < er[b] || (er[a] == er[b] && a < b);
                       });
      std::int64_t sum = 0;
      for (std::int64_t near = 0; near < k; ++near) {
        const std::int64_t j = order[static_cast<std::size_t>(near)];
        const std::int64_t rank = 1 + cpu::rank_of(dr, n, j);
        // `rank` counts the row itself if it is nearer than j.
        const bool self = dr[first + r] < dr[j] || (dr[first + r] == dr[j] && first + r < j);
        sum += std::max<std::int64_t>(0, rank - self - k);
      }
      penalty += sum;
    });
  }
  const auto kn = static_cast<double>(k) * static_cast<double>(n);
  return 1 - 2 * static_cast<double>(penalty) / (kn * static_cast<double>(2 * n - 3 * k - 1));
}

}  // namespace clipk
