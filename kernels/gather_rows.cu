// Chosen rows of x [n, d]: out_i = x[indices_i], out [b, d].
//
// Plan    one warp a row of the output, 16 bytes a lane where the rows allow it. An index out of
//         range cannot be reported without waiting for it: its row becomes NaN.
// Floor   8 b d bytes: b d / 3.8e11 s on an H100.
// Ladder  one variant so far. It moves each row once, which is the floor; a batch of 256 rows takes
//         what a launch takes, and the graph of a training step hides that. Next: one kernel with
//         what reads the batch (corrupt.cu).

#include "kernels/gather_rows.hpp"

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kRows = kThreads / 32;  // of a block

template <class Unit>
__device__ __forceinline__ Unit not_a_number();
template <>
__device__ __forceinline__ float not_a_number<float>() {
  return __int_as_float(0x7fffffff);
}
template <>
__device__ __forceinline__ float4 not_a_number<float4>() {
  const float nan = not_a_number<float>();
  return {nan, nan, nan, nan};
}

// Unit is float4 where both matrices allow it; `units` of them make a row.
template <class Unit>
__global__ void __launch_bounds__(kThreads)
    gather_rows_kernel(MatrixView<const float> x, const std::int32_t* __restrict__ indices,
                       MatrixView<float> out, int units) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kRows + threadIdx.x / 32;
  if (row >= out.rows) return;
  const std::int64_t index = __ldg(indices + row);
  const bool inside = index >= 0 && index < x.rows;
  const Unit* from = reinterpret_cast<const Unit*>(x.data + (inside ? index : 0) * x.stride);
  Unit* to = reinterpret_cast<Unit*>(out.data + row * out.stride);
  for (int k = static_cast<int>(threadIdx.x % 32); k < units; k += 32) {
    to[k] = inside ? __ldg(from + k) : not_a_number<Unit>();
  }
}

}  // namespace

void gather_rows(MatrixView<const float> x, VectorView<const std::int32_t> indices,
                 MatrixView<float> out, cudaStream_t stream) {
  const Launch launch{dim3(ceil_div(out.rows, kRows)), dim3(kThreads), 0, stream};
  const int d = static_cast<int>(x.cols);
  if (rows_allow_float4(x.data, x.stride, d) && rows_allow_float4(out.data, out.stride, d)) {
    CLIPK_LAUNCH(gather_rows_kernel<float4>, launch, x, indices.data, out, d / 4);
  } else {
    CLIPK_LAUNCH(gather_rows_kernel<float>, launch, x, indices.data, out, d);
  }
}

}  // namespace clipk::gpu
