// A step of Lloyd's algorithm for r sets of k centres over n points [n, d].
//
// Plan    Labels: per block of points one matrix product with the centres of all sets, less their
//         set's mean, then a thread a point and set that keeps the two least values. Where they are
//         closer than the product's error, the warp compares the candidates in float64, from plain
//         differences. So the labels do not depend on the precision of the product.
//         Sums: a block takes a piece of the points and 128 columns, a thread a column, and holds
//         float64 sums of up to 32 clusters in shared memory. Of 128 labels at a time it lists, in
//         order, the points that changed, and moves only these. The pieces are added in order.
// Floor   2 n d r k operations (70,000 x 784, 20 sets of 10: 22 GFLOP, .33 ms of fp32 on an H100)
//         and at the first step, when all points move, 4 n d r bytes (4.4 GB, 1.5 ms; less by what
//         the sets share in L2). Later steps move few.
// Ladder  one variant so far. Next: the two least products of a tile kept on chip
//         (distance_tile.cuh, as nearest.cu does). That spares 8 n r k bytes, 112 MB at the shape
//         above: .04 ms or less, as blocks of products fit into L2; little beside .33 ms of fp32,
//         much beside .06 ms of tf32.

#include "kernels/kmeans_step.hpp"

#include <algorithm>

#include "kernels/detail/portable.cuh"

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

// ---- Centres less the mean of their set ---------------------------------------------------------

__global__ void __launch_bounds__(kColumns)
    mean_kernel(BatchView<const float> centres, double* __restrict__ means,
                float* __restrict__ centred) {
  const std::int64_t k = centres.rows, d = centres.cols;
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * kColumns + threadIdx.x;
  const std::int64_t set = blockIdx.y;
  if (j >= d) return;
  const float* column = centres.data + set * centres.batch_stride + j;
  double mean = 0;
  for (std::int64_t c = 0; c < k; ++c) mean += column[c * centres.stride];
  mean /= static_cast<double>(k);
  means[set * d + j] = mean;
  for (std::int64_t c = 0; c < k; ++c) {
    centred[(set * k + c) * d + j] = static_cast<float>(column[c * centres.stride] - mean);
  }
}

// A warp a centre.
__global__ void __launch_bounds__(kThreads)
    offset_kernel(BatchView<const float> centres, const double* __restrict__ means,
                  float* __restrict__ offsets, float* __restrict__ lengths) {
  const std::int64_t k = centres.rows, d = centres.cols;
  const std::int64_t centre = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (centre >= centres.batch * k) return;
  const std::int64_t set = centre / k;
  const float* row = centres.data + set * centres.batch_stride + centre % k * centres.stride;
  const double* mean = means + set * d;
  double square = 0, offset = 0;
  for (std::int64_t j = threadIdx.x % 32; j < d; j += 32) {
    const double value = row[j] - mean[j];
    square += value * value;
    offset += value * mean[j];
  }
  square = warp_sum(square);
  offset = warp_sum(offset) + square / 2;
  if (threadIdx.x % 32 == 0) {
    offsets[centre] = static_cast<float>(offset);
    lengths[centre] = static_cast<float>(sqrt(square));
  }
}

// ---- Labels -------------------------------------------------------------------------------------

// A warp a point.
__global__ void __launch_bounds__(kThreads)
    length_kernel(MatrixView<const float> points, float* __restrict__ lengths) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (i >= points.rows) return;
  const float* row = points.data + i * points.stride;
  float sum = 0;
  for (std::int64_t j = threadIdx.x % 32; j < points.cols; j += 32) sum += row[j] * row[j];
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) lengths[i] = sqrtf(sum);
}

// |x - y|^2 in float64 by a warp, the same bits in every lane.
__device__ __forceinline__ double squared_distance(const float* __restrict__ x,
                                                   const float* __restrict__ y, std::int64_t d) {
  double sum = 0;
  for (std::int64_t j = threadIdx.x % 32; j < d; j += 32) {
    const double difference = static_cast<double>(x[j]) - static_cast<double>(y[j]);
    sum += difference * difference;
  }
  return warp_sum(sum);
}

struct SelectArguments {
  MatrixView<const float> points;  // of the block
  const float* point_lengths;
  BatchView<const float> centres;
  const float* offsets;
  const float* lengths;
  const float* products;  // [r k, pitch]
  std::int64_t pitch;
  float unit;            // error of a product as a part of the product of the lengths
  std::int32_t* labels;  // of the block's first point in the first set
  std::int64_t labels_stride;
};

// blockIdx.y is the set.
__global__ void __launch_bounds__(kThreads) select_kernel(SelectArguments a) {
  CLIPK_SHARED(float, scratch, [32]);
  const std::int64_t k = a.centres.rows, set = blockIdx.y;
  const float* const offsets = a.offsets + set * k;
  const float* const products = a.products + set * k * a.pitch;
  float longest = 0, largest = 0;
  for (std::int64_t c = threadIdx.x; c < k; c += kThreads) {
    longest = fmaxf(longest, a.lengths[set * k + c]);
    largest = fmaxf(largest, fabsf(offsets[c]));
  }
  const auto greater = [](float x, float y) { return x < y ? y : x; };
  longest = block_reduce(longest, 0.f, scratch, greater);
  largest = block_reduce(largest, 0.f, scratch, greater);

  const std::int64_t mine = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const bool inside = mine < a.points.rows;
  const std::int64_t i = inside ? mine : a.points.rows - 1;
  float best = offsets[0] - products[i], second = INFINITY;
  std::int32_t label = 0;
  for (std::int64_t c = 1; c < k; ++c) {
    const float value = offsets[c] - products[c * a.pitch + i];
    if (value < best) {
      second = best;
      best = value;
      label = static_cast<std::int32_t>(c);
    } else {
      second = fminf(second, value);
    }
  }
  const float limit = best + 2 * (a.unit * longest * a.point_lengths[i] + 2.4e-7f * largest);
  unsigned unclear = __ballot_sync(kFullWarp, inside && !(second > limit));
  for (; unclear != 0; unclear &= unclear - 1) {
    const int lane = __ffs(static_cast<int>(unclear)) - 1;
    const std::int64_t row = __shfl_sync(kFullWarp, static_cast<long long>(i), lane);
    const float its_limit = __shfl_sync(kFullWarp, limit, lane);
    const float* const centres = a.centres.data + set * a.centres.batch_stride;
    double least = INFINITY;
    std::int32_t nearest = 0;
    for (std::int64_t c = 0; c < k; ++c) {
      if (offsets[c] - products[c * a.pitch + row] > its_limit) continue;
      const double distance = squared_distance(a.points.data + row * a.points.stride,
                                               centres + c * a.centres.stride, a.points.cols);
      if (distance < least) {
        least = distance;
        nearest = static_cast<std::int32_t>(c);
      }
    }
    if (static_cast<int>(threadIdx.x % 32) == lane) label = nearest;
  }
  if (inside) a.labels[set * a.labels_stride + i] = label;
}

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

float operand_error(Precision precision) {
  // Both operands may be cut instead of rounded.
  if (precision == Precision::tf32) return 1.0f / 512;
  if (precision == Precision::bf16) return 1.0f / 64;
  return 0;
}

dim3 grid(std::int64_t x, std::int64_t y, std::int64_t z = 1) {
  return {static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z)};
}

void find_labels(GemmHandle& handle, const KMeansPlan& plan, Precision precision,
                 MatrixView<const float> points, BatchView<const float> centres,
                 MatrixView<std::int32_t> labels, const KMeansScratch& scratch,
                 cudaStream_t stream) {
  const std::int64_t r = centres.batch, k = centres.rows, d = points.cols;
  const float unit = operand_error(precision) + 6e-8f * static_cast<float>(d + 16);
  CLIPK_LAUNCH(mean_kernel, (Launch{grid(ceil_div(d, kColumns), r), dim3(kColumns), 0, stream}),
               centres, scratch.means, scratch.centred);
  CLIPK_LAUNCH(offset_kernel, (Launch{grid(ceil_div(r * k, kWarps), 1), dim3(kThreads), 0, stream}),
               centres, scratch.means, scratch.offsets, scratch.lengths);
  for (std::int64_t first = 0; first < points.rows; first += plan.block_rows) {
    const MatrixView<const float> block{points.data + first * points.stride,
                                        std::min(plan.block_rows, points.rows - first), d,
                                        points.stride, points.device};
    gemm(handle, Transpose::no, Transpose::yes, r * k, block.rows, d, 1.0f, scratch.centred, d,
         block.data, block.stride, 0.0f, scratch.products, plan.block_rows, precision,
         Epilogue::none, nullptr, stream);
    CLIPK_LAUNCH(length_kernel,
                 (Launch{grid(ceil_div(block.rows, kWarps), 1), dim3(kThreads), 0, stream}), block,
                 scratch.point_lengths);
    const SelectArguments arguments{block,
                                    scratch.point_lengths,
                                    centres,
                                    scratch.offsets,
                                    scratch.lengths,
                                    scratch.products,
                                    plan.block_rows,
                                    unit,
                                    labels.data + first,
                                    labels.stride};
    CLIPK_LAUNCH(select_kernel,
                 (Launch{grid(ceil_div(block.rows, kThreads), r), dim3(kThreads), 0, stream}),
                 arguments);
  }
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
  find_labels(handle, plan, precision, points, state.centres, new_labels, scratch, stream);

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
