// The largest cosines of rows with rows, in both directions.
//
// Plan    two searches by nearest.cu under cosine, one for each direction, whose distances become
//         cosines here: one thread an element of [n, k], neighbours by neighbouring threads.
// Floor   that of the searches, 4 n m d operations: 8 n m d / 6.7e13 s in fp32 on an H100. What
//         runs here moves 8 (n + m) k bytes.
// Ladder  one variant so far. Next: one pass over tiles for both directions, as on the CPU, which
//         halves the products; the columns' lists then need either a merge of row_tiles lists for
//         each column or atomics whose order changes.

#include <algorithm>

#include "kernels/cosine_top_k.hpp"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMaxBlocks = 1024;

__global__ void __launch_bounds__(kThreads)
    one_minus_kernel(std::int64_t rows, std::int64_t cols, float* __restrict__ values,
                     std::int64_t stride) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
       i < rows * cols; i += step) {
    float& value = values[i / cols * stride + i % cols];
    value = 1.f - value;
  }
}

}  // namespace

void cosines_of_distances(MatrixView<float> values, cudaStream_t stream) {
  const std::int64_t blocks =
      std::min((values.rows * values.cols + kThreads - 1) / kThreads, kMaxBlocks);
  CLIPK_LAUNCH(one_minus_kernel,
               (Launch{dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream}),
               values.rows, values.cols, values.data, values.stride);
}

}  // namespace clipk::gpu
