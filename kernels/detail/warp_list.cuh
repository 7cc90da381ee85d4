// The k least keys of a query, held by a warp: for searches that keep no distances. A distance and
// its index are one integer, so that ties go to the lower index and the result does not depend on
// how the database is cut.
#pragma once

#include <cstdint>

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {

using Key = unsigned long long;  // 64 bits also for the shuffles' overloads

inline constexpr Key kNone = ~Key{0};
inline constexpr int kListRegisters = 4;  // k <= 128

/// The k nearest of one query in ascending order: item 32 r + lane is items[r].
struct WarpList {
  Key items[kListRegisters];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (Key& item : items) item = kNone;
  }
  __device__ __forceinline__ void load(const Key* from, int k) {
#pragma unroll
    for (int r = 0; r < kListRegisters; ++r) {
      const int place = 32 * r + static_cast<int>(threadIdx.x % 32);
      items[r] = place < k ? from[place] : kNone;
    }
  }
  __device__ __forceinline__ void store(Key* to, int k) const {
#pragma unroll
    for (int r = 0; r < kListRegisters; ++r) {
      const int place = 32 * r + static_cast<int>(threadIdx.x % 32);
      if (place < k) to[place] = items[r];
    }
  }
  /// Moves every item behind the new key's place back by one.
  __device__ __forceinline__ void insert(Key key, int k) {
#pragma unroll
    for (int r = kListRegisters - 1; r >= 0; --r) {
      if (32 * r >= k) continue;
      Key before = __shfl_up_sync(kFullWarp, items[r], 1);
      const Key carried = r > 0 ? __shfl_sync(kFullWarp, items[r > 0 ? r - 1 : 0], 31) : 0;
      if (threadIdx.x % 32 == 0) before = carried;
      if (key < items[r]) items[r] = before < key ? key : before;
    }
  }
  __device__ __forceinline__ Key last(int k) const {
    Key result = kNone;
#pragma unroll
    for (int r = 0; r < kListRegisters; ++r) {
      const Key item = __shfl_sync(kFullWarp, items[r], (k - 1) % 32);
      if (r == (k - 1) / 32) result = item;
    }
    return result;
  }
  /// Inserts those keys of the warp's lanes that are below the limit, which it lowers.
  __device__ __forceinline__ void take(Key key, Key& limit, int k) {
    for (unsigned lanes = __ballot_sync(kFullWarp, key < limit); lanes != 0; lanes &= lanes - 1) {
      const Key candidate = __shfl_sync(kFullWarp, key, __ffs(static_cast<int>(lanes)) - 1);
      if (candidate >= limit) continue;
      insert(candidate, k);
      limit = last(k);
    }
  }
};

/// The lists [chunks][n][k] of query i as one. A warp enters.
__device__ __forceinline__ WarpList merged_list(const Key* __restrict__ lists, std::int64_t chunks,
                                                std::int64_t n, std::int64_t i, int k) {
  const int lane = threadIdx.x % 32;
  WarpList list;
  list.load(lists + i * k, k);
  Key limit = list.last(k);
  for (std::int64_t c = 1; c < chunks; ++c) {
    for (int first = 0; first < k; first += 32) {
      const Key key = first + lane < k ? lists[(c * n + i) * k + first + lane] : kNone;
      list.take(key, limit, k);
    }
  }
  return list;
}

}  // namespace clipk::gpu
