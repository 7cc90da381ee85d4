// Rows [n, d] made ready for tiles of distances: centred (or scaled to length one), padded with
// zeros to whole tiles of 16-byte units, and their squared lengths.
//
// Plan    the centre from at most 2 x 32 rows, one warp 32 columns of an eighth of them; then one
//         warp a row, which writes what the tile kernels read n / 64 times over.
// Floor   4 n d bytes read, 4 n stride written: n d / 3.8e11 s on an H100.

#include "kernels/pair_rows.hpp"

#include "kernels/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr std::int64_t kSample = 32;

__global__ void __launch_bounds__(kThreads)
    centre_kernel(MatrixView<const float> x, MatrixView<const float> y, float* centre) {
  CLIPK_SHARED(float, parts, [kWarps][32]);
  const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
  const std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * 32 + lane;
  const std::int64_t count_x = x.rows < kSample ? x.rows : kSample;
  const std::int64_t count_y = y.rows < kSample ? y.rows : kSample;
  float sum = 0.f;
  if (k < x.cols) {
    for (std::int64_t i = warp; i < count_x; i += kWarps) {
      sum += x.data[i * (x.rows / count_x) * x.stride + k];
    }
    for (std::int64_t j = warp; j < count_y; j += kWarps) {
      sum += y.data[j * (y.rows / count_y) * y.stride + k];
    }
  }
  parts[warp][lane] = sum;
  __syncthreads();
  if (warp == 0 && k < x.cols) {
    for (int w = 1; w < kWarps; ++w) sum += parts[w][lane];
    centre[k] = sum / static_cast<float>(count_x + count_y);
  }
}

__global__ void __launch_bounds__(kThreads)
    pack_kernel(MatrixView<const float> x, const float* centre, bool unit, PackedRows packed,
                std::int64_t padded) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= padded) return;
  const int lane = static_cast<int>(threadIdx.x % 32);
  const bool inside = row < x.rows;
  const float* in = x.data + (inside ? row : 0) * x.stride;
  const int d = inside ? static_cast<int>(x.cols) : 0;
  float factor = 1.f;
  if (unit) {
    float squared = 0.f;
    for (int k = lane; k < d; k += 32) squared += in[k] * in[k];
    factor = 1.f / sqrtf(warp_sum(squared));
  }
  float squared = 0.f;
  for (int k = lane; k < packed.stride; k += 32) {
    float value = 0.f;
    if (k < d) value = unit ? in[k] * factor : in[k] - centre[k];
    packed.data[row * packed.stride + k] = value;
    squared += value * value;
  }
  squared = warp_sum(squared);
  if (lane == 0) packed.norms[row] = squared;
}

}  // namespace

void find_centre(MatrixView<const float> x, MatrixView<const float> y, float* centre,
                 cudaStream_t stream) {
  CLIPK_LAUNCH(centre_kernel, (Launch{dim3(ceil_div(x.cols, 32)), dim3(kThreads), 0, stream}), x, y,
               centre);
}

void pack_rows(MatrixView<const float> x, const float* centre, Metric metric,
               const PackedRows& packed, cudaStream_t stream) {
  const std::int64_t padded = padded_rows(x.rows);
  CLIPK_LAUNCH(pack_kernel, (Launch{dim3(ceil_div(padded, kWarps)), dim3(kThreads), 0, stream}), x,
               centre, metric == Metric::cosine, packed, padded);
}

}  // namespace clipk::gpu
