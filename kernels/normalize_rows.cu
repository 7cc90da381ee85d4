// Rows [n, d] divided by their length, and the gradient of it.
//
// Plan    one warp a row, 16 bytes a lane where the rows allow it; the row is read once for its
//         length (or its product with the gradient) and again, from L1, to be scaled.
// Floor   8 n d bytes forward, 12 n d backward: n d / 3.8e11 s and n d / 2.5e11 s on an H100.
// Ladder  one variant so far. It reads a row from memory once, which is the floor. Next: rows of up
//         to 1,024 columns held in registers, if the second read, from L1, is seen to cost.

#include "kernels/normalize_rows.hpp"

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kRows = kThreads / 32;  // of a block

template <bool kAligned>
__device__ __forceinline__ void store_row4(float* row, int column, int columns, float4 value) {
  if constexpr (kAligned) {
    if (column < columns) *reinterpret_cast<float4*>(row + column) = value;
  } else {
    if (column + 0 < columns) row[column + 0] = value.x;
    if (column + 1 < columns) row[column + 1] = value.y;
    if (column + 2 < columns) row[column + 2] = value.z;
    if (column + 3 < columns) row[column + 3] = value.w;
  }
}

// Not load_row4: y may be x, and what a kernel writes must not be read through the read-only cache.
template <bool kAligned>
__device__ __forceinline__ float4 load4(const float* row, int column, int columns) {
  if constexpr (kAligned) {
    return column < columns ? *reinterpret_cast<const float4*>(row + column)
                            : float4{0.f, 0.f, 0.f, 0.f};
  } else {
    return {
        column + 0 < columns ? row[column + 0] : 0.f, column + 1 < columns ? row[column + 1] : 0.f,
        column + 2 < columns ? row[column + 2] : 0.f, column + 3 < columns ? row[column + 3] : 0.f};
  }
}

// sum_k a_k b_k of two rows, the same bits in every lane of the warp.
template <bool kAligned>
__device__ __forceinline__ float row_dot(const float* a, const float* b, int columns, int lane) {
  float sum = 0.f;
  for (int k = 4 * lane; k < columns; k += 128) {
    const float4 u = load4<kAligned>(a, k, columns), v = load4<kAligned>(b, k, columns);
    sum += u.x * v.x + u.y * v.y + u.z * v.z + u.w * v.w;
  }
  return warp_sum(sum);
}

template <bool kAligned>
__global__ void __launch_bounds__(kThreads)
    normalize_rows_kernel(MatrixView<const float> x, MatrixView<float> y, float* lengths) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kRows + threadIdx.x / 32;
  const int lane = static_cast<int>(threadIdx.x % 32), d = static_cast<int>(x.cols);
  if (row >= x.rows) return;
  const float* in = x.data + row * x.stride;
  float* out = y.data + row * y.stride;
  const float length = sqrtf(row_dot<kAligned>(in, in, d, lane));
  const float factor = length == 0.f ? 0.f : 1.f / length;
  for (int k = 4 * lane; k < d; k += 128) {
    const float4 v = load4<kAligned>(in, k, d);
    store_row4<kAligned>(out, k, d, {v.x * factor, v.y * factor, v.z * factor, v.w * factor});
  }
  if (lane == 0 && lengths != nullptr) lengths[row] = length;
}

template <bool kAligned>
__global__ void __launch_bounds__(kThreads)
    normalize_rows_backward_kernel(MatrixView<const float> y, const float* lengths,
                                   MatrixView<const float> grad_y, MatrixView<float> grad_x) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kRows + threadIdx.x / 32;
  const int lane = static_cast<int>(threadIdx.x % 32), d = static_cast<int>(y.cols);
  if (row >= y.rows) return;
  const float* unit = y.data + row * y.stride;
  const float* in = grad_y.data + row * grad_y.stride;
  float* out = grad_x.data + row * grad_x.stride;
  const float length = lengths[row];
  const float factor = length == 0.f ? 0.f : 1.f / length;
  const float along = row_dot<kAligned>(in, unit, d, lane) * factor;
  for (int k = 4 * lane; k < d; k += 128) {
    const float4 g = load4<kAligned>(in, k, d), u = load4<kAligned>(unit, k, d);
    store_row4<kAligned>(out, k, d,
                         {g.x * factor - along * u.x, g.y * factor - along * u.y,
                          g.z * factor - along * u.z, g.w * factor - along * u.w});
  }
}

template <class View>
bool aligned(View m) {
  return rows_allow_float4(m.data, m.stride, m.cols);
}

}  // namespace

void normalize_rows(MatrixView<const float> x, MatrixView<float> y, VectorView<float> lengths,
                    cudaStream_t stream) {
  const Launch launch{dim3(ceil_div(x.rows, kRows)), dim3(kThreads), 0, stream};
  if (aligned(x) && aligned(y)) {
    CLIPK_LAUNCH(normalize_rows_kernel<true>, launch, x, y, lengths.data);
  } else {
    CLIPK_LAUNCH(normalize_rows_kernel<false>, launch, x, y, lengths.data);
  }
}

void normalize_rows_backward(MatrixView<const float> y, VectorView<const float> lengths,
                             MatrixView<const float> grad_y, MatrixView<float> grad_x,
                             cudaStream_t stream) {
  const Launch launch{dim3(ceil_div(y.rows, kRows)), dim3(kThreads), 0, stream};
  if (aligned(y) && aligned(grad_y) && aligned(grad_x)) {
    CLIPK_LAUNCH(normalize_rows_backward_kernel<true>, launch, y, lengths.data, grad_y, grad_x);
  } else {
    CLIPK_LAUNCH(normalize_rows_backward_kernel<false>, launch, y, lengths.data, grad_y, grad_x);
  }
}

}  // namespace clipk::gpu
