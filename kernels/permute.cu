// Columns of rows [n, d] in another order, and back.
//
// Plan    a block owns 64 columns of the output and walks down its rows; a thread keeps the sources
//         of its four columns in registers, reads them one by one (a row's reads fall into the same
//         few sectors, which L1 keeps) and writes 16 bytes where the rows allow it. For the inverse
//         the block first turns the order round in shared memory, so that writes stay in line.
// Floor   8 n d bytes: n d / 3.8e11 s on an H100.
// Ladder  one variant so far. Its bytes are the floor. Next: one kernel with the ActNorm after it
//         in a flow's block, 8 instead of 16 n d bytes.

#include "kernels/permute.hpp"

#include <algorithm>

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kAcross = 16;  // threads of a row, each with four columns
constexpr int kDown = 16;    // rows at a time
constexpr int kThreads = kAcross * kDown;
constexpr int kColumns = 4 * kAcross;
constexpr std::int64_t kMaxRowBlocks = 1024;

template <bool kInverse, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    permute_kernel(MatrixView<const float> from, const std::int32_t* __restrict__ order,
                   MatrixView<float> to) {
  CLIPK_SHARED(int, sources, [kColumns]);
  const int d = static_cast<int>(to.cols);
  const int first = static_cast<int>(blockIdx.x) * kColumns;
  const int thread = static_cast<int>(threadIdx.x);
  if constexpr (kInverse) {
    for (int j = thread; j < d; j += kThreads) {
      const int place = __ldg(order + j) - first;
      if (place >= 0 && place < kColumns) sources[place] = j;
    }
  } else {
    if (thread < kColumns && first + thread < d) sources[thread] = __ldg(order + first + thread);
  }
  __syncthreads();
  const int across = 4 * (thread % kAcross);
  const int count = min(4, d - first - across);  // columns of this thread
  if (count <= 0) return;
  int source[4];
#pragma unroll
  for (int c = 0; c < 4; ++c) source[c] = sources[across + min(c, count - 1)];
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.y) * kDown + thread / kAcross;
       i < to.rows; i += static_cast<std::int64_t>(gridDim.y) * kDown) {
    const float* row = from.data + i * from.stride;
    float* out = to.data + i * to.stride + first + across;
    const float4 v = {__ldg(row + source[0]), __ldg(row + source[1]), __ldg(row + source[2]),
                      __ldg(row + source[3])};
    if constexpr (kAligned) {
      *reinterpret_cast<float4*>(out) = v;
    } else {
      out[0] = v.x;
      if (count > 1) out[1] = v.y;
      if (count > 2) out[2] = v.z;
      if (count > 3) out[3] = v.w;
    }
  }
}

template <bool kInverse>
void launch(MatrixView<const float> from, const std::int32_t* order, MatrixView<float> to,
            cudaStream_t stream) {
  const std::int64_t row_blocks = std::min<std::int64_t>(ceil_div(to.rows, kDown), kMaxRowBlocks);
  const Launch where{dim3(ceil_div(to.cols, kColumns), static_cast<unsigned>(row_blocks)),
                     dim3(kThreads), 0, stream};
  if (rows_allow_float4(to.data, to.stride, to.cols)) {
    CLIPK_LAUNCH((permute_kernel<kInverse, true>), where, from, order, to);
  } else {
    CLIPK_LAUNCH((permute_kernel<kInverse, false>), where, from, order, to);
  }
}

}  // namespace

void permute(MatrixView<const float> x, const std::int32_t* order, MatrixView<float> y,
             cudaStream_t stream) {
  launch<false>(x, order, y, stream);
}

void permute_inverse(MatrixView<const float> y, const std::int32_t* order, MatrixView<float> x,
                     cudaStream_t stream) {
  launch<true>(y, order, x, stream);
}

}  // namespace clipk::gpu
