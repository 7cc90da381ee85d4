// A step of Lloyd's algorithm for r sets of k centres over n points [n, d].
//
// Plan    Labels: kernels/detail/kmeans_labels.cu.
//         Sums: a block takes a piece of the points and 128 columns, a thread a column, and holds
//         float64 sums of up to 32 clusters in shared memory. Of 128 labels at a time it lists, in
//         order, the points that changed, and moves only these. The pieces are added in order.
// Floor   Of the sums: at the first step, when all points move, 4 n d r bytes (70,000 x 784, 20
//         sets of 10: 4.4 GB, 1.5 ms on an H100; less by what the sets share in L2). Later steps
//         move few.
// Ladder  one variant so far. Next: at the first step one block for several sets of a piece, which
//         reads a point once for all of them. 20 sets of 10 take 205 KB of shared memory for 128
//         columns, so one block a multiprocessor: 20 times fewer bytes, fewer loads in flight.

#include "kernels/kmeans_step.hpp"

#include <algorithm>

#include "kernels/detail/kmeans_labels.hpp"
#include "kernels/detail/squared_distance.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kColumns = 128;      // of a block that moves points; its threads
constexpr int kTileClusters = 32;  // of a block that moves points
constexpr std::int64_t kMostPieces = 32;
constexpr std::int64_t kLeastPieceRows = 1024;
constexpr std::int64_t kMostPieceSums = std::int64_t{1} << 23;  // doubles a set
constexpr std::int64_t kBlockValues = std::int64_t{1} << 23;    // products, or of points
constexpr std::int64_t kMaxBlocks = 4096;
constexpr std::int64_t kInertiaRows = 64;  // of a block

// ---- Sums ---------------------------------------------------------------------------------------

struct MoveArguments {
  MatrixView<const float> points;
  std::int64_t sets, k;
  const std::int32_t* old_labels;  // [r, n]
  std::int64_t old_stride;
  const std::int32_t* new_labels;
  std::int64_t new_stride;
  std::int64_t piece_rows;
  double* sums;         // [pieces, r, k, d]
  std::int32_t* moves;  // [pieces, r, k, 2]
};

// A point that changes between clusters of the block's tile; -1 is a cluster outside of it.
struct Move {
  int row;  // of the 128 that were looked at
  int from, to;
};

// blockIdx.x is the set and the slice of columns, y the piece, z the tile of clusters.
__global__ void __launch_bounds__(kColumns) move_kernel(MoveArguments a) {
  using TileRow = double[kColumns];
  CLIPK_DYN_SHARED(TileRow, sums);
  CLIPK_SHARED(Move, list, [kColumns]);
  CLIPK_SHARED(int, listed, [kColumns / 32]);
  const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
  const std::int64_t d = a.points.cols, set = blockIdx.x % a.sets, slice = blockIdx.x / a.sets;
  const std::int64_t j = slice * kColumns + thread;
  const int first_cluster = static_cast<int>(blockIdx.z) * kTileClusters;
  const int clusters = min(kTileClusters, static_cast<int>(a.k) - first_cluster);
  for (int c = 0; c < clusters; ++c) sums[c][thread] = 0;
  int came = 0, went = 0;  // at the cluster whose number in the tile is the thread's

  const std::int64_t begin = blockIdx.y * a.piece_rows;
  const std::int64_t left = a.points.rows - begin;
  const std::int64_t end = begin + (left < a.piece_rows ? left : a.piece_rows);
  const auto place = [&](std::int32_t label) {
    const int c = label - first_cluster;
    return c >= 0 && c < clusters ? c : -1;
  };
  for (std::int64_t first = begin; first < end; first += kColumns) {
    Move move{thread, -1, -1};
    if (first + thread < end) {
      const std::int32_t from = a.old_labels[set * a.old_stride + first + thread];
      const std::int32_t to = a.new_labels[set * a.new_stride + first + thread];
      if (from != to) move = {thread, place(from), place(to)};
    }
    const bool is_listed = move.from >= 0 || move.to >= 0;
    const unsigned votes = __ballot_sync(kFullWarp, is_listed);
    if (lane == 0) listed[warp] = __popc(votes);
    __syncthreads();
    int at = __popc(votes & ((1u << lane) - 1)), count = 0;
    for (int w = 0; w < kColumns / 32; ++w) {
      if (w < warp) at += listed[w];
      count += listed[w];
    }
    if (is_listed) list[at] = move;
    __syncthreads();
    const float* const rows = a.points.data + first * a.points.stride + j;
    constexpr int kAhead = 4;
    for (int m = 0; m < count; m += kAhead) {
      float values[kAhead];
#pragma unroll
      for (int u = 0; u < kAhead; ++u) {
        values[u] = m + u < count && j < d ? __ldg(rows + list[m + u].row * a.points.stride) : 0.f;
      }
#pragma unroll
      for (int u = 0; u < kAhead; ++u) {
        if (m + u >= count) continue;
        const Move next = list[m + u];
        if (next.from >= 0) sums[next.from][thread] -= values[u];
        if (next.to >= 0) sums[next.to][thread] += values[u];
        came += next.to == thread;
        went += next.from == thread;
      }
    }
    __syncthreads();  // the list is used up
  }

  const std::int64_t out = (blockIdx.y * a.sets + set) * a.k + first_cluster;
  if (j < d) {
    for (int c = 0; c < clusters; ++c) a.sums[(out + c) * d + j] = sums[c][thread];
  }
  if (slice == 0 && thread < clusters) {
    a.moves[2 * (out + thread)] = came;
    a.moves[2 * (out + thread) + 1] = went;
  }
}

// A block a set: its counts, and how many labels changed.
__global__ void __launch_bounds__(kThreads)
    count_kernel(const std::int32_t* __restrict__ moves, std::int64_t pieces, std::int64_t k,
                 std::int64_t* __restrict__ counts, std::int64_t counts_stride,
                 std::int64_t* __restrict__ changed) {
  CLIPK_SHARED(int, scratch, [32]);
  const std::int64_t set = blockIdx.x;
  int arrivals = 0;
  for (std::int64_t c = threadIdx.x; c < k; c += kThreads) {
    std::int64_t count = counts[set * counts_stride + c];
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      const std::int32_t* pair = moves + 2 * ((piece * gridDim.x + set) * k + c);
      arrivals += pair[0];
      count += pair[0] - pair[1];
    }
    counts[set * counts_stride + c] = count;
  }
  arrivals = block_sum(arrivals, scratch);
  if (threadIdx.x == 0) changed[set] = arrivals;
}

__global__ void __launch_bounds__(kThreads)
    add_pieces_kernel(const double* __restrict__ parts, std::int64_t pieces, std::int64_t k,
                      std::int64_t d, std::int64_t size, const std::int64_t* __restrict__ counts,
                      std::int64_t counts_stride, double* __restrict__ sums) {
  for (std::int64_t e = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; e < size;
       e += static_cast<std::int64_t>(gridDim.x) * kThreads) {
    double sum = sums[e];
    for (std::int64_t piece = 0; piece < pieces; ++piece) sum += parts[piece * size + e];
    const std::int64_t cluster = e / d;
    sums[e] = counts[cluster / k * counts_stride + cluster % k] == 0 ? 0 : sum;
  }
}

// ---- Inertia ------------------------------------------------------------------------------------

// blockIdx.y is the set; a warp a point.
__global__ void __launch_bounds__(kThreads)
    distance_kernel(MatrixView<const float> points, BatchView<const float> centres,
                    const std::int32_t* __restrict__ labels, std::int64_t labels_stride,
                    double* __restrict__ squared, std::int64_t squared_stride,
                    double* __restrict__ partials) {
  CLIPK_SHARED(double, scratch, [32]);
  const std::int64_t set = blockIdx.y;
  double sum = 0;
  for (int r = threadIdx.x / 32; r < kInertiaRows; r += kWarps) {
    const std::int64_t i = blockIdx.x * kInertiaRows + r;
    if (i >= points.rows) break;
    const float* centre = centres.data + set * centres.batch_stride +
                          labels[set * labels_stride + i] * centres.stride;
    const double distance = squared_distance(points.data + i * points.stride, centre, points.cols);
    if (threadIdx.x % 32 != 0) continue;
    if (squared != nullptr) squared[set * squared_stride + i] = distance;
    sum += distance;
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) partials[set * gridDim.x + blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads)
    total_kernel(const double* __restrict__ partials, std::int64_t blocks,
                 double* __restrict__ inertia) {
  CLIPK_SHARED(double, scratch, [32]);
  double sum = 0;
  for (std::int64_t b = threadIdx.x; b < blocks; b += kThreads) {
    sum += partials[blockIdx.x * blocks + b];
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) inertia[blockIdx.x] = sum;
}

dim3 grid(std::int64_t x, std::int64_t y, std::int64_t z = 1) {
  return {static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z)};
}

}  // namespace

KMeansPlan::KMeansPlan(std::int64_t n, std::int64_t sets, std::int64_t k, std::int64_t d) {
  const std::int64_t most = std::clamp<std::int64_t>(kMostPieceSums / (k * d), 1, kMostPieces);
  piece_rows = std::max((n + most - 1) / most, kLeastPieceRows);
  pieces = (n + piece_rows - 1) / piece_rows;
  block_rows = std::min(kBlockValues / std::max(sets * k, d), n);
  block_rows = (std::max<std::int64_t>(block_rows, kThreads) + 127) / 128 * 128;
}

void kmeans_step(GemmHandle& handle, const KMeansPlan& plan, Precision precision,
                 MatrixView<const float> points, const KMeansState& state,
                 MatrixView<std::int32_t> new_labels, const KMeansScratch& scratch,
                 cudaStream_t stream) {
  const std::int64_t r = state.centres.batch, k = state.centres.rows, d = points.cols;
  find_kmeans_labels(handle, plan, precision, points, state.centres, new_labels, scratch, stream);

  const std::size_t shared_bytes =
      static_cast<std::size_t>(std::min<std::int64_t>(k, kTileClusters)) * kColumns *
      sizeof(double);
  CLIPK_LAUNCH(move_kernel,
               (Launch{grid(r * ceil_div(d, kColumns), plan.pieces, ceil_div(k, kTileClusters)),
                       dim3(kColumns), shared_bytes, stream}),
               (MoveArguments{points, r, k, state.labels.data, state.labels.stride, new_labels.data,
                              new_labels.stride, plan.piece_rows, scratch.sums, scratch.moves}));
  CLIPK_LAUNCH(count_kernel, (Launch{grid(r, 1), dim3(kThreads), 0, stream}), scratch.moves,
               plan.pieces, k, state.counts.data, state.counts.stride, state.changed.data);
  const std::int64_t size = r * k * d;
  CLIPK_LAUNCH(add_pieces_kernel,
               (Launch{grid(std::min<std::int64_t>(ceil_div(size, kThreads), kMaxBlocks), 1),
                       dim3(kThreads), 0, stream}),
               scratch.sums, plan.pieces, k, d, size, state.counts.data, state.counts.stride,
               state.sums.data);
}

std::int64_t kmeans_inertia_blocks(std::int64_t n) {
  return (n + kInertiaRows - 1) / kInertiaRows;
}

void kmeans_inertia(MatrixView<const float> points, BatchView<const float> centres,
                    MatrixView<const std::int32_t> labels, double* partials,
                    MatrixView<double> squared, double* inertia, cudaStream_t stream) {
  const std::int64_t blocks = kmeans_inertia_blocks(points.rows);
  CLIPK_LAUNCH(distance_kernel, (Launch{grid(blocks, centres.batch), dim3(kThreads), 0, stream}),
               points, centres, labels.data, labels.stride, squared.data, squared.stride, partials);
  CLIPK_LAUNCH(total_kernel, (Launch{grid(centres.batch, 1), dim3(kThreads), 0, stream}), partials,
               blocks, inertia);
}

}  // namespace clipk::gpu
