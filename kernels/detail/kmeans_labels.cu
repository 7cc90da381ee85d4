// The nearest of k centres to each of n points [n, d], for r sets of centres.
//
// Plan    Per block of points one matrix product with the centres of all sets, less their set's
//         mean, then a thread a point and set that keeps the two least values. Where they are
//         closer than the product's error, the warp compares the candidates in float64, from plain
//         differences. So the labels do not depend on the precision of the product.
// Floor   2 n d r k operations: 70,000 x 784, 20 sets of 10: 22 GFLOP, .33 ms of fp32 on an H100.
// Ladder  one variant so far. Next: the two least products of a tile kept on chip
//         (distance_tile.cuh, as nearest.cu does). That spares 8 n r k bytes, 112 MB at the shape
//         above: .04 ms or less, as blocks of products fit into L2; little beside .33 ms of fp32,
//         much beside .06 ms of tf32.

#include "kernels/detail/kmeans_labels.hpp"

#include <algorithm>

#include "kernels/detail/squared_distance.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kColumns = 128;  // of a block that takes a mean; its threads

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

float operand_error(Precision precision) {
  // Both operands may be cut instead of rounded.
  if (precision == Precision::tf32) return 1.0f / 512;
  if (precision == Precision::bf16) return 1.0f / 64;
  return 0;
}

}  // namespace

void find_kmeans_labels(GemmHandle& handle, const KMeansPlan& plan, Precision precision,
                        MatrixView<const float> points, BatchView<const float> centres,
                        MatrixView<std::int32_t> labels, const KMeansScratch& scratch,
                        cudaStream_t stream) {
  const std::int64_t r = centres.batch, k = centres.rows, d = points.cols;
  const float unit = operand_error(precision) + 6e-8f * static_cast<float>(d + 16);
  CLIPK_LAUNCH(
      mean_kernel,
      (Launch{dim3(ceil_div(d, kColumns), static_cast<unsigned>(r)), dim3(kColumns), 0, stream}),
      centres, scratch.means, scratch.centred);
  CLIPK_LAUNCH(offset_kernel, (Launch{dim3(ceil_div(r * k, kWarps)), dim3(kThreads), 0, stream}),
               centres, scratch.means, scratch.offsets, scratch.lengths);
  for (std::int64_t first = 0; first < points.rows; first += plan.block_rows) {
    const MatrixView<const float> block{points.data + first * points.stride,
                                        std::min(plan.block_rows, points.rows - first), d,
                                        points.stride, points.device};
    gemm(handle, Transpose::no, Transpose::yes, r * k, block.rows, d, 1.0f, scratch.centred, d,
         block.data, block.stride, 0.0f, scratch.products, plan.block_rows, precision,
         Epilogue::none, nullptr, stream);
    CLIPK_LAUNCH(length_kernel,
                 (Launch{dim3(ceil_div(block.rows, kWarps)), dim3(kThreads), 0, stream}), block,
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
                 (Launch{dim3(ceil_div(block.rows, kThreads), static_cast<unsigned>(r)),
                         dim3(kThreads), 0, stream}),
                 arguments);
  }
}

}  // namespace clipk::gpu
