// The k of M codes with the best sums of looked-up numbers for each of n queries.
//
// Plan    A block takes four queries through a chunk of the codes, 2048 rows at a time, eight a
//         thread. The queries' tables lie interleaved in shared memory, so that one load of 16
//         bytes looks a code up for all four; of long codes a segment of 64 KB of the tables at a
//         time, the sums staying in registers. Codes are read 16 bytes at a time where rows allow
//         it. Every warp has a sorted list for each query, in global memory, where it is rarely
//         touched: what is not better than the k-th so far is passed over by one vote of 32. At the
//         end the block merges its warps' lists, and a second kernel the chunks'. A sum and its
//         index are one integer (score_key.hpp), so that the result does not depend on the cut.
// Floor   n M m look-ups. A quarter of a warp reads 128 bytes of shared memory a cycle where its
//         eight places differ in their banks; of eight random places 2.6 share one on average, so
//         a multiprocessor makes 12 look-ups a cycle: 64 queries x 1,000,000 codes of 64 bytes in
//         1.4 ms on an H100 (132 at 1.75 GHz).
// Ladder  one variant so far. Next: tables of half precision, eight queries a load, with the best
//         few computed again.

#include "kernels/pq_top_k.hpp"

#include <algorithm>

#include "kernels/detail/portable.cuh"
#include "kernels/detail/warp_list.cuh"
#include "shared/score_key.hpp"

namespace clipk::gpu {
namespace {

constexpr int kWarps = static_cast<int>(kPqWarps);
constexpr int kThreads = 32 * kWarps;
constexpr int kQueries = static_cast<int>(kPqQueries);
constexpr int kTileRows = static_cast<int>(kPqTileRows);
constexpr int kThreadRows = kTileRows / kThreads;
constexpr int kTableBytes = 64 * 1024;

static_assert(kQueries == 4, "a look-up is a float4");

// Sub-vectors whose tables are in shared memory at a time, and the bytes of their codes.
template <int kCentroids>
constexpr int kSegment = kTableBytes / (kCentroids * static_cast<int>(sizeof(float4)));
template <int kCentroids>
constexpr int kSegmentBytes = kCentroids == 16 ? kSegment<kCentroids> / 2 : kSegment<kCentroids>;

struct PqScan {
  const float* tables;  // [n][m][centroids]
  std::int64_t n;
  int m;
  const unsigned char* codes;
  std::int64_t stride, rows;
  float sign;  // scores are sums times this; the largest are the best
  int k;
  int chunks, chunk_tiles;
  Key* lists;  // [kWarps][chunks][n][k]
};

// Sub-vectors first ... first + count - 1 of four queries, interleaved.
template <int kCentroids>
__device__ __forceinline__ void load_tables(const PqScan& a, std::int64_t first_query, int first,
                                            int count, float4 (*tables)[kCentroids]) {
  const std::int64_t size = static_cast<std::int64_t>(a.m) * kCentroids;
  const float* from = a.tables + first_query * size + static_cast<std::int64_t>(first) * kCentroids;
  const std::int64_t there = a.n - first_query;
  for (int i = threadIdx.x; i < count * kCentroids; i += kThreads) {
    tables[i / kCentroids][i % kCentroids] = {
        __ldg(from + i), there > 1 ? __ldg(from + size + i) : 0.f,
        there > 2 ? __ldg(from + 2 * size + i) : 0.f, there > 3 ? __ldg(from + 3 * size + i) : 0.f};
  }
}

__device__ __forceinline__ void add(float4& sum, const float4& term) {
  sum.x += term.x;
  sum.y += term.y;
  sum.z += term.z;
  sum.w += term.w;
}

// Looks up the codes of `bytes` bytes in a register, the first `count` of them.
// @param tables of the first of these codes
template <int kCentroids>
__device__ __forceinline__ void add_word(unsigned word, int count,
                                         const float4 (*tables)[kCentroids], float4& sum) {
  constexpr int kBits = kCentroids == 16 ? 4 : 8;
#pragma unroll
  for (int i = 0; i < 32 / kBits; ++i) {
    if (i < count) add(sum, tables[i][word >> kBits * i & (kCentroids - 1)]);
  }
}

// A segment's numbers of one row.
// kWords: rows are whole words of 16 bytes at aligned addresses.
// @param code the row's first byte of the segment  @param count codes of the segment
template <int kCentroids, bool kWords>
__device__ __forceinline__ void add_row(const unsigned char* code, int count,
                                        const float4 (*tables)[kCentroids], float4& sum) {
  constexpr int kByteCodes = kCentroids == 16 ? 2 : 1;
  if constexpr (kWords) {
    for (int s = 0; s < count; s += 16 * kByteCodes) {
      const uint4 words = __ldg(reinterpret_cast<const uint4*>(code + s / kByteCodes));
      add_word<kCentroids>(words.x, count - s, tables + s, sum);
      add_word<kCentroids>(words.y, count - s - 4 * kByteCodes, tables + s + 4 * kByteCodes, sum);
      add_word<kCentroids>(words.z, count - s - 8 * kByteCodes, tables + s + 8 * kByteCodes, sum);
      add_word<kCentroids>(words.w, count - s - 12 * kByteCodes, tables + s + 12 * kByteCodes, sum);
    }
  } else {
    for (int s = 0; s < count; s += kByteCodes) {
      const int byte = __ldg(code + s / kByteCodes);
      add(sum, tables[s][byte & (kCentroids - 1)]);
      if (kByteCodes == 2 && s + 1 < count) add(sum, tables[s + 1][byte >> 4]);
    }
  }
}

__device__ __forceinline__ float sum_of(const float4& sums, int query) {
  return query == 0 ? sums.x : query == 1 ? sums.y : query == 2 ? sums.z : sums.w;
}

// A thread's sums into the lists of its warp.
// @param lists of the warp and its first query
__device__ __forceinline__ void select_rows(const PqScan& a, std::int64_t first_row, int query,
                                            bool first_tile, const float4 (&sums)[kThreadRows],
                                            Key& limit, Key* stored) {
  WarpList list;
  bool loaded = first_tile;
  if (loaded) list.clear();
#pragma unroll
  for (int r = 0; r < kThreadRows; ++r) {
    const std::int64_t row = first_row + r * kThreads + threadIdx.x;
    const float score = a.sign * sum_of(sums[r], query);
    const Key key = row < a.rows ? static_cast<Key>(score_key(__float_as_uint(score))) << 32 |
                                       static_cast<Key>(row)
                                 : kNone;
    if (!__any_sync(kFullWarp, key < limit)) continue;
    if (!loaded) list.load(stored, a.k);
    loaded = true;
    list.take(key, limit, a.k);
  }
  if (loaded) list.store(stored, a.k);
}

template <int kCentroids, bool kWords>
__global__ void __launch_bounds__(kThreads, 2) pq_scan_kernel(PqScan a) {
  using Tables = float4[kSegment<kCentroids>][kCentroids];
  CLIPK_DYN_SHARED(unsigned char, shared);
  Tables& tables = *reinterpret_cast<Tables*>(shared);
  const int chunk = static_cast<int>(blockIdx.x) % a.chunks;
  const std::int64_t first_query = static_cast<std::int64_t>(blockIdx.x / a.chunks) * kQueries;
  const std::int64_t begin = static_cast<std::int64_t>(chunk) * a.chunk_tiles * kTileRows;
  const std::int64_t left = (a.rows - begin + kTileRows - 1) / kTileRows;
  const int tiles = left < a.chunk_tiles ? static_cast<int>(left) : a.chunk_tiles;
  const int warp = threadIdx.x / 32;
  // The list of a warp, of this chunk and this block's query q.
  const auto list_of = [&](int of_warp, int q) {
    return a.lists +
           ((static_cast<std::int64_t>(of_warp) * a.chunks + chunk) * a.n + first_query + q) * a.k;
  };
  CLIPK_SHARED(Key, limits, [kWarps][kQueries]);  // of the warps' lists
  for (int tile = 0; tile < tiles; ++tile) {
    const std::int64_t first_row = begin + static_cast<std::int64_t>(tile) * kTileRows;
    float4 sums[kThreadRows] = {};
    for (int first = 0; first < a.m; first += kSegment<kCentroids>) {
      const int count = min(kSegment<kCentroids>, a.m - first);
      if (a.m > kSegment<kCentroids> || tile == 0) {
        __syncthreads();  // the last segment has been read
        load_tables<kCentroids>(a, first_query, first, count, tables);
        __syncthreads();
      }
#pragma unroll
      for (int r = 0; r < kThreadRows; ++r) {
        const std::int64_t row = first_row + r * kThreads + threadIdx.x;
        const unsigned char* code = a.codes + (row < a.rows ? row : a.rows - 1) * a.stride;
        add_row<kCentroids, kWords>(code + first / kSegment<kCentroids> * kSegmentBytes<kCentroids>,
                                    count, tables, sums[r]);
      }
    }
#pragma unroll 1
    for (int q = 0; q < kQueries && first_query + q < a.n; ++q) {
      Key limit = tile == 0 ? kNone : limits[warp][q];
      select_rows(a, first_row, q, tile == 0, sums, limit, list_of(warp, q));
      __syncwarp();  // every lane has read the old limit
      if (threadIdx.x % 32 == 0) limits[warp][q] = limit;
      __syncwarp();
    }
  }
  __syncthreads();  // all lists have been stored
  if (warp < kQueries && first_query + warp < a.n) {
    const std::int64_t n = a.chunks * a.n;
    const WarpList list = merged_list(a.lists, kWarps, n, chunk * a.n + first_query + warp, a.k);
    list.store(list_of(0, warp), a.k);
  }
}

struct PqOutput {
  std::int32_t* indices;
  std::int64_t indices_stride;
  float* scores;  // or null
  std::int64_t scores_stride;
  bool negated;
};

// The lists of a query's chunks into one, by a warp.
__global__ void __launch_bounds__(kThreads)
    pq_merge_kernel(const Key* __restrict__ lists, std::int64_t chunks, std::int64_t n, int k,
                    PqOutput out) {
  const int lane = threadIdx.x % 32;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32; i < n;
       i += static_cast<std::int64_t>(gridDim.x) * kWarps) {
    const WarpList list = merged_list(lists, chunks, n, i, k);
#pragma unroll
    for (int r = 0; r < kListRegisters; ++r) {
      const int place = 32 * r + lane;
      if (place >= k) continue;
      out.indices[i * out.indices_stride + place] = static_cast<std::int32_t>(list.items[r]);
      if (out.scores == nullptr) continue;
      const float score = __uint_as_float(score_bits(static_cast<unsigned>(list.items[r] >> 32)));
      // 0 - x, so that no zero gets a sign.
      out.scores[i * out.scores_stride + place] = out.negated ? 0.f - score : score;
    }
  }
}

template <int kCentroids>
void scan(const PqPlan& plan, const PqScan& arguments, cudaStream_t stream) {
  const std::int64_t bytes = kCentroids == 16 ? (arguments.m + 1) / 2 : arguments.m;
  const Launch launch{dim3(static_cast<unsigned>(plan.groups * plan.chunks)), dim3(kThreads),
                      kTableBytes, stream};
  if (reinterpret_cast<std::uintptr_t>(arguments.codes) % 16 == 0 && arguments.stride % 16 == 0 &&
      bytes % 16 == 0) {
    allow_dynamic_shared(pq_scan_kernel<kCentroids, true>, kTableBytes);
    CLIPK_LAUNCH((pq_scan_kernel<kCentroids, true>), launch, arguments);
  } else {
    allow_dynamic_shared(pq_scan_kernel<kCentroids, false>, kTableBytes);
    CLIPK_LAUNCH((pq_scan_kernel<kCentroids, false>), launch, arguments);
  }
}

}  // namespace

void pq_top_k(const PqPlan& plan, BatchView<const float> tables,
              MatrixView<const std::uint8_t> codes, PqOrder order, std::uint64_t* lists,
              MatrixView<std::int32_t> indices, MatrixView<float> scores, cudaStream_t stream) {
  static_assert(sizeof(Key) == sizeof(std::uint64_t));
  const PqScan arguments{tables.data,
                         tables.batch,
                         static_cast<int>(tables.rows),
                         codes.data,
                         codes.stride,
                         codes.rows,
                         order == PqOrder::largest_first ? 1.f : -1.f,
                         static_cast<int>(indices.cols),
                         static_cast<int>(plan.chunks),
                         static_cast<int>(plan.chunk_tiles),
                         reinterpret_cast<Key*>(lists)};
  if (tables.cols == 16) {
    scan<16>(plan, arguments, stream);
  } else {
    scan<256>(plan, arguments, stream);
  }
  constexpr std::int64_t kMaxBlocks = 4096;
  const std::int64_t blocks = std::min<std::int64_t>(ceil_div(tables.batch, kWarps), kMaxBlocks);
  CLIPK_LAUNCH(pq_merge_kernel,
               (Launch{dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream}),
               arguments.lists, plan.chunks, tables.batch, arguments.k,
               (PqOutput{indices.data, indices.stride, scores.data, scores.stride,
                         order == PqOrder::smallest_first}));
}

}  // namespace clipk::gpu
