#include "cpu/random_permutation.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/parallel.hpp"

namespace clipk::cpu {

// The keys are uniform, so their leading bits cut them into buckets of nearly one size: one pass
// scatters, and each bucket is sorted in L1.
void random_permutation(int threads, Scratch& scratch, std::uint64_t seed, RandomStream stream,
                        std::uint32_t step, VectorView<std::int32_t> permutation) {
  using Entry = std::pair<std::uint64_t, std::int32_t>;
  constexpr std::int64_t kGrain = 1 << 12;
  constexpr std::int64_t kBucket = 32;  // entries expected in one
  const std::int64_t n = permutation.size;
  const auto buckets =
      static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(n / kBucket + 1)));
  const int bits = std::countr_zero(static_cast<std::uint64_t>(buckets));
  const auto bucket_of = [bits](std::uint64_t key) {
    return bits == 0 ? std::uint64_t{0} : key >> (64 - bits);
  };

  const VectorView<std::uint64_t> keys = scratch.vector<std::uint64_t>(n);
  const VectorView<Entry> entries = scratch.vector<Entry>(n);
  const VectorView<std::int64_t> ends = scratch.vector<std::int64_t>(buckets + 1);
  parallel_chunks(threads, n, kGrain, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      const auto block = random_block(seed, stream, step, static_cast<std::uint64_t>(i));
      keys[i] = std::uint64_t{block[0]} << 32 | block[1];
    }
  });
  std::fill(ends.begin(), ends.end(), 0);
  for (std::int64_t i = 0; i < n; ++i) ++ends.data[bucket_of(keys[i]) + 1];
  for (std::int64_t b = 0; b < buckets; ++b) ends[b + 1] += ends[b];
  // ends[b] is the start of bucket b, and runs to its end while it is filled.
  for (std::int64_t i = 0; i < n; ++i) {
    entries[ends.data[bucket_of(keys[i])]++] = {keys[i], static_cast<std::int32_t>(i)};
  }
  parallel_chunks(threads, buckets, kGrain / kBucket, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t b = first; b < first + count; ++b) {
      const std::int64_t start = b == 0 ? 0 : ends[b - 1];
      std::sort(entries.data + start, entries.data + ends[b]);
      for (std::int64_t i = start; i < ends[b]; ++i) permutation[i] = entries[i].second;
    }
  });
}

}  // namespace clipk::cpu
