// Rows [n, d] made ready for tiles of distances: centred (or scaled to length one), padded with
// zeros to whole tiles of 16-byte units, and their squared lengths.
//
// Plan    the centre from at most 2 x 32 rows by one block, one thread a column; then one warp a
//         row, which writes what the tile kernels read n / 64 times over.
// Floor   4 n d bytes read, 4 n stride written: n d / 3.8e11 s on an H100.
// Ladder  one variant so far. Next: nothing: the kernels that follow read each row n / 64 times.

#include "kernels/detail/packed_rows.hpp"

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr std::int64_t kSample = 32;

// One block, because it compares the length of the whole centre with those of the rows. A centre
// nearer to the origin than half their length becomes the origin: little would cancel, and rows
// that are not moved are not rounded.
__global__ void __launch_bounds__(kThreads)
    centre_kernel(MatrixView<const float> x, MatrixView<const float> y, float* centre) {
  CLIPK_SHARED(double, sums, [32]);
  const std::int64_t count_x = x.rows < kSample ? x.rows : kSample;
  const std::int64_t count_y = y.rows < kSample ? y.rows : kSample;
  const std::int64_t step_x = count_x > 0 ? x.rows / count_x * x.stride : 0;
  const std::int64_t step_y = count_y > 0 ? y.rows / count_y * y.stride : 0;
  const float share = 1.f / static_cast<float>(count_x + count_y);
  double distance = 0, lengths = 0;  // squared
  for (std::int64_t k = threadIdx.x; k < x.cols; k += kThreads) {
    float sum = 0.f, squares = 0.f;
    for (std::int64_t i = 0; i < count_x; ++i) {
      const float v = x.data[i * step_x + k];
      sum += v;
      squares = fmaf(v, v, squares);
    }
    for (std::int64_t j = 0; j < count_y; ++j) {
      const float v = y.data[j * step_y + k];
      sum += v;
      squares = fmaf(v, v, squares);
    }
    const float mean = sum * share;
    centre[k] = mean;
    distance += static_cast<double>(mean * mean);
    lengths += static_cast<double>(squares * share);
  }
  distance = block_sum(distance, sums);
  lengths = block_sum(lengths, sums);
  if (4 * distance >= lengths) return;
  for (std::int64_t k = threadIdx.x; k < x.cols; k += kThreads) centre[k] = 0.f;
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
  CLIPK_LAUNCH(centre_kernel, (Launch{dim3(1), dim3(kThreads), 0, stream}), x, y, centre);
}

void pack_rows(MatrixView<const float> x, const float* centre, Metric metric,
               const PackedRows& packed, cudaStream_t stream) {
  const std::int64_t padded = padded_rows(x.rows);
  CLIPK_LAUNCH(pack_kernel, (Launch{dim3(ceil_div(padded, kWarps)), dim3(kThreads), 0, stream}), x,
               centre, metric == Metric::cosine, packed, padded);
}

}  // namespace clipk::gpu
