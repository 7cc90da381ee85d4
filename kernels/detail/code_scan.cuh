// The k best of m codes for each of n queries, for codes of bytes whose distance is an integer sum
// over 32-bit words: hamming_top_k.cu, int8_top_k.cu. No distance is stored.
//
// A block takes a tile of 32 queries through a chunk of the codes, 128 at a time. A thread has one
// code and 16 of the queries; it reads the code from global memory, 16 bytes at a time where rows
// allow it, and the queries from shared memory, where the lanes of a warp read one address. The
// keys of a tile then go through shared memory to the warps, each of which has whole queries: what
// is not better than the query's k-th so far is passed over by one vote of 32, the rest goes into
// the sorted list, as in nearest.cu. A second kernel merges the chunks' lists.
#pragma once

#include <algorithm>

#include "clipk/core/view.hpp"
#include "kernels/detail/portable.cuh"
#include "kernels/detail/scan_plan.hpp"
#include "kernels/detail/warp_list.cuh"

namespace clipk::gpu {

inline constexpr int kScanThreads = 256;
inline constexpr int kScanWarps = kScanThreads / 32;
inline constexpr int kTileCodes = static_cast<int>(kScanCodes);
inline constexpr int kTileQueries = static_cast<int>(kScanQueries);
inline constexpr int kThreadQueries = kTileQueries * kTileCodes / kScanThreads;
inline constexpr int kSegmentWords = 64;  // of the queries, in shared memory at a time

/// Rows of bytes.
struct CodeRows {
  const unsigned char* data;
  std::int64_t stride, rows;
};

struct CodeScan {
  CodeRows queries, codes;
  const float* scale;  ///< one a code, or null
  int bytes, k;
  int chunks, chunk_tiles;
  Key* lists;  ///< [chunks][n][k]
};

/// Bytes byte ... byte + 3 of a row as one word; what lies past its end reads as zero.
/// kAligned: rows are whole words at aligned addresses.
template <bool kAligned>
__device__ __forceinline__ unsigned load_word(const unsigned char* row, int byte, int bytes) {
  if constexpr (kAligned) {
    return byte < bytes ? __ldg(reinterpret_cast<const unsigned*>(row + byte)) : 0u;
  } else {
    unsigned word = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (byte + i < bytes) word |= static_cast<unsigned>(__ldg(row + byte + i)) << 8 * i;
    }
    return word;
  }
}

/// How a tile is computed. Math has
///   static int add(unsigned code, unsigned query, int sum);   the sum with one more word
///   static unsigned key(int sum, float scale);                smaller is better
/// kBytes: what every row is a multiple of, and aligned to: 16, 4 or 1.
template <class Math, int kBytes>
__device__ __forceinline__ void add_segment(const CodeScan& a, const unsigned char* code,
                                            const uint4 (*queries)[kSegmentWords / 4],
                                            int first_word, int words,
                                            int (&sums)[kThreadQueries]) {
  if constexpr (kBytes == 16) {
    for (int w = 0; w < words; w += 4) {
      const uint4 c = __ldg(reinterpret_cast<const uint4*>(code + 4 * (first_word + w)));
#pragma unroll
      for (int q = 0; q < kThreadQueries; ++q) {
        const uint4 x = queries[q][w / 4];
        sums[q] = Math::add(c.x, x.x, sums[q]);
        sums[q] = Math::add(c.y, x.y, sums[q]);
        sums[q] = Math::add(c.z, x.z, sums[q]);
        sums[q] = Math::add(c.w, x.w, sums[q]);
      }
    }
  } else {
    for (int w = 0; w < words; ++w) {
      const unsigned c = load_word<kBytes == 4>(code, 4 * (first_word + w), a.bytes);
#pragma unroll
      for (int q = 0; q < kThreadQueries; ++q) {
        sums[q] = Math::add(c, reinterpret_cast<const unsigned*>(queries[q])[w], sums[q]);
      }
    }
  }
}

/// The keys of a tile into the lists of its queries.
__device__ __forceinline__ void select_keys(const CodeScan& a, std::int64_t first_query,
                                            std::int64_t first_code, bool first_tile,
                                            const unsigned (*keys)[kTileCodes + 1], Key* limits,
                                            Key* lists) {
  const int lane = threadIdx.x % 32;
  for (int q = threadIdx.x / 32; q < kTileQueries && first_query + q < a.queries.rows;
       q += kScanWarps) {
    Key limit = limits[q];
    Key* stored = lists + static_cast<std::int64_t>(q) * a.k;
    WarpList list;
    bool loaded = first_tile;
    if (loaded) list.clear();
    for (int first = 0; first < kTileCodes; first += 32) {
      const std::int64_t code = first_code + first + lane;
      const Key key = code < a.codes.rows
                          ? static_cast<Key>(keys[q][first + lane]) << 32 | static_cast<Key>(code)
                          : kNone;
      if (!__any_sync(kFullWarp, key < limit)) continue;
      if (a.k == 1) {
        limit = warp_min(key < limit ? key : limit);
        continue;
      }
      if (!loaded) list.load(stored, a.k);
      loaded = true;
      list.take(key, limit, a.k);
    }
    if (a.k > 1 && loaded) list.store(stored, a.k);
    __syncwarp();  // every lane has read the old limit
    if (lane == 0) {
      limits[q] = limit;
      if (a.k == 1) *stored = limit;
    }
    __syncwarp();
  }
}

template <class Math, int kBytes>
__global__ void __launch_bounds__(kScanThreads, 2) scan_kernel(CodeScan a) {
  CLIPK_SHARED(uint4, queries, [kTileQueries][kSegmentWords / 4]);
  CLIPK_SHARED(unsigned, keys, [kTileQueries][kTileCodes + 1]);
  CLIPK_SHARED(Key, limits, [kTileQueries]);
  const int chunk = static_cast<int>(blockIdx.x) % a.chunks;
  const std::int64_t first_query = static_cast<std::int64_t>(blockIdx.x / a.chunks) * kTileQueries;
  const std::int64_t begin = static_cast<std::int64_t>(chunk) * a.chunk_tiles * kTileCodes;
  const std::int64_t left = (a.codes.rows - begin + kTileCodes - 1) / kTileCodes;
  const int tiles = left < a.chunk_tiles ? static_cast<int>(left) : a.chunk_tiles;
  const int words = (a.bytes + 3) / 4;
  const int column = threadIdx.x % kTileCodes;
  const int own = static_cast<int>(threadIdx.x) / kTileCodes * kThreadQueries;
  Key* lists = a.lists + (chunk * a.queries.rows + first_query) * a.k;
  if (threadIdx.x < kTileQueries) limits[threadIdx.x] = kNone;

  for (int tile = 0; tile < tiles; ++tile) {
    const std::int64_t first_code = begin + static_cast<std::int64_t>(tile) * kTileCodes;
    const std::int64_t code = first_code + column;
    const unsigned char* row =
        a.codes.data + (code < a.codes.rows ? code : a.codes.rows - 1) * a.codes.stride;
    int sums[kThreadQueries] = {};
    for (int first = 0; first < words; first += kSegmentWords) {
      const int count = min(kSegmentWords, words - first);
      if (words > kSegmentWords || tile == 0) {
        __syncthreads();  // the last segment has been read
        for (int i = threadIdx.x; i < kTileQueries * kSegmentWords; i += kScanThreads) {
          const int q = i / kSegmentWords, w = i % kSegmentWords;
          const bool there = first_query + q < a.queries.rows;
          const unsigned char* query =
              a.queries.data + (there ? first_query + q : 0) * a.queries.stride;
          reinterpret_cast<unsigned*>(queries[q])[w] =
              there ? load_word<kBytes != 1>(query, 4 * (first + w), a.bytes) : 0u;
        }
        __syncthreads();
      }
      add_segment<Math, kBytes>(a, row, queries + own, first, count, sums);
    }
    const float scale = a.scale == nullptr || code >= a.codes.rows ? 1.f : __ldg(a.scale + code);
#pragma unroll
    for (int q = 0; q < kThreadQueries; ++q) keys[own + q][column] = Math::key(sums[q], scale);
    __syncthreads();
    select_keys(a, first_query, first_code, tile == 0, keys, limits, lists);
    __syncthreads();  // the keys have been read
  }
}

template <class Value>
struct ScanOutput {
  std::int32_t* indices;
  std::int64_t indices_stride;
  Value* values;  // or null
  std::int64_t values_stride;
};

/// The lists of a query's chunks into one, by a warp. Math::value turns a key back.
template <class Math, class Value>
__global__ void __launch_bounds__(kScanThreads)
    merge_scan_kernel(const Key* __restrict__ lists, std::int64_t chunks, std::int64_t n, int k,
                      ScanOutput<Value> out) {
  const int lane = threadIdx.x % 32;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kScanWarps + threadIdx.x / 32;
       i < n; i += static_cast<std::int64_t>(gridDim.x) * kScanWarps) {
    const WarpList list = merged_list(lists, chunks, n, i, k);
#pragma unroll
    for (int r = 0; r < kListRegisters; ++r) {
      const int place = 32 * r + lane;
      if (place >= k) continue;
      out.indices[i * out.indices_stride + place] = static_cast<std::int32_t>(list.items[r]);
      if (out.values != nullptr) {
        out.values[i * out.values_stride + place] =
            Math::value(static_cast<unsigned>(list.items[r] >> 32));
      }
    }
  }
}

template <class T>
CodeRows code_rows(MatrixView<const T> rows) {
  static_assert(sizeof(T) == 1);
  return {reinterpret_cast<const unsigned char*>(rows.data), rows.stride, rows.rows};
}

/// Both kernels.
template <class Math, class Value>
void scan_codes(const ScanPlan& plan, const CodeRows& queries, const CodeRows& codes, int bytes,
                const float* scale, std::uint64_t* lists, MatrixView<std::int32_t> indices,
                MatrixView<Value> values, cudaStream_t stream) {
  static_assert(sizeof(Key) == sizeof(std::uint64_t));
  const CodeScan arguments{queries,
                           codes,
                           scale,
                           bytes,
                           static_cast<int>(indices.cols),
                           static_cast<int>(plan.chunks),
                           static_cast<int>(plan.chunk_tiles),
                           reinterpret_cast<Key*>(lists)};
  const auto multiple_of = [&](int unit) {
    bool all = bytes % unit == 0;
    for (const CodeRows& rows : {queries, codes}) {
      all &= reinterpret_cast<std::uintptr_t>(rows.data) % static_cast<unsigned>(unit) == 0 &&
             rows.stride % unit == 0;
    }
    return all;
  };
  const Launch scan{dim3(static_cast<unsigned>(plan.query_tiles * plan.chunks)), dim3(kScanThreads),
                    0, stream};
  if (multiple_of(16)) {
    CLIPK_LAUNCH((scan_kernel<Math, 16>), scan, arguments);
  } else if (multiple_of(4)) {
    CLIPK_LAUNCH((scan_kernel<Math, 4>), scan, arguments);
  } else {
    CLIPK_LAUNCH((scan_kernel<Math, 1>), scan, arguments);
  }
  constexpr std::int64_t kMaxBlocks = 4096;
  const std::int64_t blocks =
      std::min<std::int64_t>(ceil_div(queries.rows, kScanWarps), kMaxBlocks);
  CLIPK_LAUNCH((merge_scan_kernel<Math, Value>),
               (Launch{dim3(static_cast<unsigned>(blocks)), dim3(kScanThreads), 0, stream}),
               arguments.lists, plan.chunks, queries.rows, arguments.k,
               (ScanOutput<Value>{indices.data, indices.stride, values.data, values.stride}));
}

}  // namespace clipk::gpu
