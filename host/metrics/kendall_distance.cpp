#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>

#include "clipk/core/memory.hpp"
#include "clipk/metrics/geometry.hpp"
#include "core/available_memory.hpp"
#include "core/check.hpp"
#include "metrics/distance_stream.hpp"
#include "metrics/inversions.hpp"

// Knight's method (1966) for Kendall's tau: sort by (d, e), count the inversions of e. Two rows'
// distances d and e form one 64-bit key: the bits of floats that are not negative sort as the
// floats do.
namespace clipk {
namespace {

constexpr const char* kName = "kendall_distance";

std::uint64_t key(float d, float e) {
  return std::uint64_t{std::bit_cast<std::uint32_t>(d)} << 32 | std::bit_cast<std::uint32_t>(e);
}

// Checks that there is memory for the keys and for sorting them. The system would grant more memory
// than it has, and then kill the process.
void check_memory(std::int64_t n) {
  const std::uint64_t needed = 2 * sizeof(std::uint64_t) * static_cast<std::uint64_t>(n);
  const std::optional<std::uint64_t> there = available_memory();
  if (!there || needed <= *there) return;
  std::ostringstream expected, got;
  expected << std::fixed;
  got << std::fixed;
  expected.precision(1);
  got.precision(1);
  expected << static_cast<double>(needed) * 1e-9 << " GB of memory to sort " << n << " distances";
  got << static_cast<double>(*there) * 1e-9 << " GB (sampled_kendall_distance needs none)";
  check::fail(kName, expected.str(), got.str());
}

Buffer key_memory(std::int64_t n) {
  return {Device::cpu, static_cast<std::size_t>(n) * sizeof(std::uint64_t)};
}

// The number of i < j with equal values, where value(i) ascends.
template <class F>
std::uint64_t tied_pairs(std::int64_t n, F&& value) {
  std::uint64_t pairs = 0, run = 0;
  for (std::int64_t i = 1; i < n; ++i) {
    run = value(i) == value(i - 1) ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

// Sorts the keys in place, with as much scratch memory; n >= 2.
double error_of_keys(int threads, std::uint64_t* keys, std::int64_t n) {
  const Buffer memory = key_memory(n);
  auto* const buffer = static_cast<std::uint64_t*>(memory.data());
  const std::uint64_t* sorted = sort_counting(threads, keys, buffer, n).values;
  const std::uint64_t tied_d =
      tied_pairs(n, [&](std::int64_t i) { return static_cast<std::uint32_t>(sorted[i] >> 32); });
  const std::uint64_t tied_both = tied_pairs(n, [&](std::int64_t i) { return sorted[i]; });
  // The array that is now free holds e and the scratch memory to sort it.
  std::uint64_t* other = sorted == keys ? buffer : keys;
  auto* const e = static_cast<std::uint32_t*>(static_cast<void*>(other));
  cpu::parallel_chunks(threads, n, 1 << 16, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i)
      e[i] = static_cast<std::uint32_t>(sorted[i]);
  });
  const Sorted<std::uint32_t> by_e = sort_counting(threads, e, e + n, n);
  const std::uint64_t tied_e = tied_pairs(n, [&](std::int64_t i) { return by_e.values[i]; });
  const std::uint64_t ties = tied_d + tied_e - tied_both;
  const auto all = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
  return (static_cast<double>(by_e.inversions) + static_cast<double>(ties) / 2) / all;
}

}  // namespace

double kendall_distance(Context& context, const DistanceBlock& high, const DistanceBlock& low) {
  const std::int64_t rows = high.x.rows;
  check_memory(high.y.rows > 0 ? rows * high.y.rows : rows * (rows - 1) / 2);
  DistanceStream pairs(context, kName, high, low);
  const std::int64_t n = pairs.pairs();
  if (n < 2) check::fail(kName, "at least 2 distances", std::to_string(n));
  const Buffer memory = key_memory(n);
  auto* const keys = static_cast<std::uint64_t*>(memory.data());
  pairs.for_each_row(
      [&](std::int64_t, std::int64_t first, const double* d, const double* e, std::int64_t count) {
        for (std::int64_t p = 0; p < count; ++p) {
          keys[first + p] = key(static_cast<float>(d[p]), static_cast<float>(e[p]));
        }
      });
  return error_of_keys(context.threads(), keys, n);
}

double kendall_distance(Context& context, VectorView<const float> d, VectorView<const float> e) {
  if (e.size != d.size) {
    check::fail(kName, "e of size " + std::to_string(d.size), std::to_string(e.size));
  }
  if (d.size < 2) check::fail(kName, "at least 2 distances", std::to_string(d.size));
  check::same_device(kName, "d", Device::cpu, d.device);
  check::same_device(kName, "e", Device::cpu, e.device);
  check_memory(d.size);
  const Buffer memory = key_memory(d.size);
  auto* const keys = static_cast<std::uint64_t*>(memory.data());
  for (std::int64_t i = 0; i < d.size; ++i) {
    for (const float value : {d[i], e[i]}) {
      if (!(value >= 0 && std::isfinite(value))) {
        check::fail(kName, "finite distances of 0 or more",
                    std::to_string(value) + " at " + std::to_string(i));
      }
    }
    keys[i] = key(d[i] + 0.0F, e[i] + 0.0F);  // -0 becomes +0
  }
  return error_of_keys(context.threads(), keys, d.size);
}

}  // namespace clipk
