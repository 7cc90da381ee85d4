// Nearest: the k of m database rows nearest to each of n queries, the distances never stored.
//
// Plan    A block takes a tile of 128 queries through a chunk of the database, 128 rows at a time
//         (tile_chunks.cuh). Of every tile of distances a warp reads whole rows: what is not
//         nearer than the query's k-th so far is passed over by one vote of 32; the rest goes, in
//         order, into the sorted list, held 4 a lane by the warp while it inserts, and else in
//         global memory, where it is rarely touched (k (1 + ln(m / k)) times a query). A distance
//         and its index are one integer, so that ties go to the lower index and the result does
//         not depend on how the database is cut. Near rows are computed again only where their
//         bound says that they might enter the list. A second kernel merges the chunks' lists.
// Floor   2 n m d operations: 5000 x 5000 x 512 in .38 ms of fp32, .06 ms of tf32 on an H100.
// Ladder  one variant so far. Next: wgmma and TMA in tf32 and bf16, where the products are the
//         floor and mma.sync reaches about 60 % of the tensor cores; the SIMT harness models
//         neither.

#include "kernels/nearest.hpp"

#include <algorithm>

#include "kernels/detail/tile_chunks.cuh"
#include "kernels/detail/warp_list.cuh"

namespace clipk::gpu {
namespace {

struct Arguments {
  NearestOptions options;
  int d;
  int k;
  ChunkedRows rows;  // queries and database
  Key* lists;        // [chunks][n][k]
};

// Distances that are not negative are ordered as their bits. NaN counts as infinite.
__device__ __forceinline__ Key key_of(float distance, std::int64_t index) {
  const float ordered = distance == distance ? distance : INFINITY;
  return static_cast<Key>(__float_as_uint(ordered)) << 32 | static_cast<unsigned>(index);
}
__device__ __forceinline__ float distance_of(Key key) {
  return __uint_as_float(static_cast<unsigned>(key >> 32));
}

struct Job : ChunkJob {
  bool first_tile;    // of the chunk: there are no lists yet
  Key* lists;         // of the tile's queries in this chunk
  Key limits[kTile];  // the k-th key of every query
};

__device__ __forceinline__ void start(const Arguments& a, Job& job) {
  start_chunk(a.rows, job);
  job.lists = a.lists + (chunk_of_block(a.rows) * a.rows.x.rows + job.first_row) * a.k;
  job.first_tile = true;
}

// Products into distances; near rows that might enter their query's list are marked, and those
// that cannot get an infinite distance. Returns how many this thread marked.
template <class Math>
__device__ __forceinline__ int finish_tile(const Arguments& a, const Job& job, TileValues& values) {
  // How far the expanded form may be off, as a part of |x|^2 + |y|^2.
  const float error = Math::kOperandError + 1.2e-7f * static_cast<float>(a.d + 16);
  const Metric metric = a.options.metric;
  const int thread = threadIdx.x + job.zero;
  int marked = 0;
  for (int row = thread / 32; row < job.x.rows; row += kTileWarps) {
    const float scale_x = __ldg(job.x.scales + row);
    float limit = distance_of(job.limits[row]);  // NaN while the list is not full
    if (metric == Metric::euclidean) limit *= limit * 1.000001f;
    for (int col = thread % 32; col < job.y.rows; col += 32) {
      const PairValue pair =
          finish_pair(metric, values[row][col], scale_x, __ldg(job.y.scales + col));
      float distance = pair.distance;
      if (pair.is_near) {
        const bool beyond = pair.squared - error * pair.lengths > limit;
        distance = beyond ? INFINITY : kNearMark;
        marked += !beyond;
      }
      values[row][col] = distance;
    }
  }
  return marked;
}

// The tile's distances into the lists of its queries.
__device__ __forceinline__ void select_tile(const Arguments& a, Job& job,
                                            const TileValues& values) {
  const int thread = threadIdx.x + job.zero, lane = thread % 32;
  for (int row = thread / 32; row < job.x.rows; row += kTileWarps) {
    Key limit = job.limits[row];
    Key* stored = job.lists + static_cast<std::int64_t>(row) * a.k;
    WarpList list;
    bool loaded = job.first_tile;
    if (loaded) list.clear();
    for (int first = 0; first < kTile; first += 32) {
      const int col = first + lane;
      const bool wanted = col < job.y.rows &&
                          !(a.options.exclude_self && job.first_row + row == job.first_col + col);
      const float distance =
          unmarked(a.options.metric, wanted ? values[row][col] : 0.f, job.x, row, job.y, col, a.d);
      const Key key = wanted ? key_of(distance, job.first_col + col) : kNone;
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
      job.limits[row] = limit;
      if (a.k == 1) *stored = limit;
    }
    __syncwarp();
  }
}

template <class Math, bool kAligned>
__global__ void __launch_bounds__(kTileThreads, 2) nearest_kernel(Arguments a) {
  CLIPK_DYN_SHARED(unsigned char, shared);
  CLIPK_SHARED(Job, job);
  TileValues& values = *reinterpret_cast<TileValues*>(shared);
  for (int row = threadIdx.x; row < kTile; row += kTileThreads) job.limits[row] = kNone;
  if (threadIdx.x == 0) start(a, job);
  __syncthreads();
  while (job.tiles_left > 0) {
    tile_values<kAligned, Math::kPitch>(threadIdx.x + job.zero, Math(), job.x, job.y, a.d, shared);
    __syncthreads();
    if (mostly_near(a.options.metric, finish_tile<Math>(a, job, values))) {
      tile_values<kAligned, Math::kPitch>(threadIdx.x + job.zero,
                                          DifferenceMath{a.options.metric == Metric::euclidean},
                                          job.x, job.y, a.d, shared);
      __syncthreads();
    }
    select_tile(a, job, values);
    __syncthreads();
    if (threadIdx.x == 0) {
      job.first_tile = false;
      next_tile(a.rows, job);
    }
    __syncthreads();
  }
}

struct Output {
  std::int32_t* indices;
  std::int64_t indices_stride;
  float* distances;  // or null
  std::int64_t distances_stride;
};

// The lists of a query's chunks into one, by a warp.
__global__ void __launch_bounds__(kTileThreads)
    merge_kernel(const Key* __restrict__ lists, std::int64_t chunks, std::int64_t n, int k,
                 Output out) {
  const int lane = threadIdx.x % 32;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kTileWarps + threadIdx.x / 32;
       i < n; i += static_cast<std::int64_t>(gridDim.x) * kTileWarps) {
    const WarpList list = merged_list(lists, chunks, n, i, k);
#pragma unroll
    for (int r = 0; r < kListRegisters; ++r) {
      const int place = 32 * r + lane;
      if (place >= k) continue;
      out.indices[i * out.indices_stride + place] = static_cast<std::int32_t>(list.items[r]);
      if (out.distances != nullptr) {
        out.distances[i * out.distances_stride + place] = distance_of(list.items[r]);
      }
    }
  }
}

}  // namespace

void nearest(const ChunkPlan& plan, const NearestOptions& options, Precision precision,
             std::int64_t d, std::int64_t k, const DistanceOperand& queries,
             const DistanceOperand& database, std::uint64_t* lists, std::int32_t* indices,
             std::int64_t indices_stride, float* distances, std::int64_t distances_stride,
             cudaStream_t stream) {
  static_assert(sizeof(Key) == sizeof(std::uint64_t));
  Key* keys = reinterpret_cast<Key*>(lists);
  const Arguments arguments{
      options,
      static_cast<int>(d),
      static_cast<int>(k),
      {queries, database, static_cast<int>(plan.chunks), static_cast<int>(plan.chunk_tiles)},
      keys};
  const bool all_aligned = rows_allow_float4(queries.data, queries.stride, d) &&
                           rows_allow_float4(database.data, database.stride, d);
  with_tile_math(precision, all_aligned, [&](auto math, auto aligned) {
    using Math = decltype(math);
    constexpr bool kAligned = decltype(aligned)::value;
    allow_dynamic_shared(nearest_kernel<Math, kAligned>, kTileSharedBytes<Math>);
    CLIPK_LAUNCH((nearest_kernel<Math, kAligned>),
                 chunk_launch(plan, kTileSharedBytes<Math>, stream), arguments);
  });
  constexpr std::int64_t kMaxBlocks = 4096;
  const std::int64_t blocks =
      std::min<std::int64_t>(ceil_div(queries.rows, kTileWarps), kMaxBlocks);
  CLIPK_LAUNCH(merge_kernel,
               (Launch{dim3(static_cast<unsigned>(blocks)), dim3(kTileThreads), 0, stream}), keys,
               plan.chunks, queries.rows, static_cast<int>(k),
               (Output{indices, indices_stride, distances, distances_stride}));
}

}  // namespace clipk::gpu
