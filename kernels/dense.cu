// Dense layer: y = activation(x w^T + bias) for x [n, in], w [out, in], and its gradients; or a
// batch of layers of one shape.
//
// Plan    products by cuBLASLt; bias and relu in its epilogue. What it has no epilogue for is one
//         pass over y in place. Backward: one pass over y and grad_y writes the gradient before the
//         activation and adds its columns for the bias (a block owns 64 columns of a run of rows,
//         16 bytes a thread; partial sums in float64 are added in row order by a second launch);
//         two products follow. In the identity's case that pass only sums.
// Floor   forward 2 n in out operations, backward twice that: at 256 x 512 x 512, 134 MFLOP or
//         2.0 us of FFMA on an H100, .34 us of TF32. The pass: 12 n out bytes, n out / 2.5e11 s.
// Ladder  one variant so far. Next: for relu cuBLASLt's epilogues RELU_AUX_BIAS and DRELU_BGRAD,
//         which keep one bit an element and spare the pass of the backward, 12 n out bytes; whether
//         their sums keep one order has to be seen first.

#include <algorithm>

#include "kernels/dense.hpp"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMaxBlocks = 1024;

// The gradient pass: a block is 16 threads across, each with 4 columns, and 16 rows.
constexpr int kAcross = 16;
constexpr int kDown = 16;
constexpr int kColumns = 4 * kAcross;
constexpr std::int64_t kPartRows = 128;  // of a block, at least
constexpr std::int64_t kMaxParts = 256;  // so that the second launch stays small

template <Activation kActivation>
__device__ __forceinline__ float activate(float z) {
  if constexpr (kActivation == Activation::relu) return z < 0.f ? 0.f : z;  // NaN stays NaN
  if constexpr (kActivation == Activation::leaky_relu) return z < 0.f ? 0.01f * z : z;
  if constexpr (kActivation == Activation::tanh) return tanhf(z);
  if constexpr (kActivation == Activation::sigmoid) {
    const float e = expf(-fabsf(z));  // the exponent is at most 0: cannot overflow
    const float s = 1.f / (1.f + e);
    return z < 0.f ? e * s : s;
  }
  return z;
}

// The gradient through the activation, from the activation's value y.
template <Activation kActivation>
__device__ __forceinline__ float through_activation(float y, float grad) {
  if constexpr (kActivation == Activation::relu) return y <= 0.f ? 0.f : grad;
  if constexpr (kActivation == Activation::leaky_relu) return y <= 0.f ? 0.01f * grad : grad;
  if constexpr (kActivation == Activation::tanh) return grad * (1.f - y * y);
  if constexpr (kActivation == Activation::sigmoid) return grad * (y - y * y);
  return grad;
}

template <Activation kActivation>
__global__ void __launch_bounds__(kThreads)
    activation_kernel(std::int64_t rows, std::int64_t cols, std::int64_t stride,
                      std::int64_t batch_stride, float* __restrict__ y) {
  y += blockIdx.y * batch_stride;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
       i < rows * cols; i += step) {
    float* const at = y + i / cols * stride + i % cols;
    *at = activate<kActivation>(*at);
  }
}

template <Activation kActivation, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    gradient_kernel(std::int64_t rows, int cols, std::int64_t rows_of_part,
                    const float* __restrict__ y, std::int64_t y_stride, std::int64_t y_batch,
                    const float* __restrict__ grad_y, std::int64_t grad_stride,
                    std::int64_t grad_batch, float* __restrict__ grad_z,
                    double* __restrict__ parts) {
  CLIPK_SHARED(float, sums, [kDown][kColumns]);
  const int across = static_cast<int>(threadIdx.x) % kAcross;
  const int down = static_cast<int>(threadIdx.x) / kAcross;
  const int column = static_cast<int>(blockIdx.x) * kColumns + 4 * across;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * rows_of_part;
  const std::int64_t last = min(rows, first + rows_of_part);
  const auto batch = static_cast<std::int64_t>(blockIdx.z);
  grad_y += batch * grad_batch;
  if constexpr (kActivation != Activation::identity) {
    y += batch * y_batch;
    grad_z += batch * rows * cols;
  }
  float sum[4] = {0.f, 0.f, 0.f, 0.f};
  for (std::int64_t i = first + down; i < last; i += kDown) {
    const float4 g4 = load_row4<kAligned>(grad_y + i * grad_stride, column, cols);
    float g[4] = {g4.x, g4.y, g4.z, g4.w};
    if constexpr (kActivation != Activation::identity) {
      const float4 y4 = load_row4<kAligned>(y + i * y_stride, column, cols);
      const float value[4] = {y4.x, y4.y, y4.z, y4.w};
#pragma unroll
      for (int j = 0; j < 4; ++j) g[j] = through_activation<kActivation>(value[j], g[j]);
      float* const out = grad_z + i * cols + column;
      if constexpr (kAligned) {
        if (column < cols) *reinterpret_cast<float4*>(out) = {g[0], g[1], g[2], g[3]};
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          if (column + j < cols) out[j] = g[j];
        }
      }
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) sum[j] += g[j];
  }
  if (parts == nullptr) return;  // the same for all threads
#pragma unroll
  for (int j = 0; j < 4; ++j) sums[down][4 * across + j] = sum[j];
  __syncthreads();
  const int own = static_cast<int>(blockIdx.x) * kColumns + static_cast<int>(threadIdx.x);
  if (threadIdx.x < kColumns && own < cols) {
    double total = 0;
#pragma unroll
    for (int i = 0; i < kDown; ++i) total += static_cast<double>(sums[i][threadIdx.x]);
    parts[(batch * gridDim.y + blockIdx.y) * cols + own] = total;
  }
}

__global__ void __launch_bounds__(kThreads)
    bias_kernel(std::int64_t part_count, int cols, const double* __restrict__ parts,
                std::int64_t grad_stride, float* __restrict__ grad_bias) {
  const int column = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (column >= cols) return;
  parts += blockIdx.y * part_count * cols;
  double total = 0;
  for (std::int64_t i = 0; i < part_count; ++i) total += parts[i * cols + column];
  grad_bias[blockIdx.y * grad_stride + column] = static_cast<float>(total);
}

template <Activation kActivation>
void activate_in_place(BatchView<float> y, cudaStream_t stream) {
  const std::int64_t blocks = std::min((y.rows * y.cols + kThreads - 1) / kThreads, kMaxBlocks);
  CLIPK_LAUNCH((activation_kernel<kActivation>),
               (Launch{dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(y.batch)),
                       dim3(kThreads), 0, stream}),
               y.rows, y.cols, y.stride, y.batch_stride, y.data);
}

std::int64_t rows_of_part(std::int64_t n) {
  return std::max(kPartRows, (n + kMaxParts - 1) / kMaxParts);
}

template <Activation kActivation>
void gradient(BatchView<const float> y, BatchView<const float> grad_y, BatchView<float> grad_z,
              MatrixView<double> parts, cudaStream_t stream) {
  const std::int64_t rows = grad_y.rows, cols = grad_y.cols;
  const Launch launch{dim3(ceil_div(cols, kColumns), ceil_div(rows, rows_of_part(rows)),
                           static_cast<unsigned>(grad_y.batch)),
                      dim3(kThreads), 0, stream};
  const auto allow_float4 = [&](const auto& m) {
    return rows_allow_float4(m.data, m.stride, cols) && m.batch_stride % 4 == 0;
  };
  const bool aligned = allow_float4(grad_y) && (kActivation == Activation::identity ||
                                                (allow_float4(y) && allow_float4(grad_z)));
  const auto run = [&](auto kernel) {
    CLIPK_LAUNCH(kernel, launch, rows, static_cast<int>(cols), rows_of_part(rows), y.data, y.stride,
                 y.batch_stride, grad_y.data, grad_y.stride, grad_y.batch_stride, grad_z.data,
                 parts.data);
  };
  if (aligned) {
    run(gradient_kernel<kActivation, true>);
  } else {
    run(gradient_kernel<kActivation, false>);
  }
}

void gradient(Activation activation, BatchView<const float> y, BatchView<const float> grad_y,
              BatchView<float> grad_z, MatrixView<double> parts, cudaStream_t stream) {
  switch (activation) {
    case Activation::identity:
      return gradient<Activation::identity>(y, grad_y, grad_z, parts, stream);
    case Activation::relu:
      return gradient<Activation::relu>(y, grad_y, grad_z, parts, stream);
    case Activation::leaky_relu:
      return gradient<Activation::leaky_relu>(y, grad_y, grad_z, parts, stream);
    case Activation::tanh:
      return gradient<Activation::tanh>(y, grad_y, grad_z, parts, stream);
    case Activation::sigmoid:
      return gradient<Activation::sigmoid>(y, grad_y, grad_z, parts, stream);
  }
}

}  // namespace

void dense(GemmHandle& handle, Precision precision, BatchView<const float> x,
           BatchView<const float> weight, MatrixView<const float> bias, Activation activation,
           BatchView<float> y, cudaStream_t stream) {
  if (y.batch == 0 || y.rows == 0 || y.cols == 0) return;
  const bool with_bias = !bias.empty();
  const bool relu_fused = with_bias && activation == Activation::relu;
  gemm_batched(handle, Transpose::no, Transpose::yes, y.rows, y.cols, x.cols, 1, x.data, x.stride,
               x.batch_stride, weight.data, weight.stride, weight.batch_stride, 0, y.data, y.stride,
               y.batch_stride, y.batch, precision,
               relu_fused  ? Epilogue::relu_bias
               : with_bias ? Epilogue::bias
                           : Epilogue::none,
               bias.data, bias.stride, stream);
  if (relu_fused) return;
  switch (activation) {
    case Activation::identity:
      return;
    case Activation::relu:
      return activate_in_place<Activation::relu>(y, stream);
    case Activation::leaky_relu:
      return activate_in_place<Activation::leaky_relu>(y, stream);
    case Activation::tanh:
      return activate_in_place<Activation::tanh>(y, stream);
    case Activation::sigmoid:
      return activate_in_place<Activation::sigmoid>(y, stream);
  }
}

std::int64_t dense_bias_parts(std::int64_t n) {
  return ceil_div(n, rows_of_part(n));
}

void dense_backward(GemmHandle& handle, Precision precision, BatchView<const float> x,
                    BatchView<const float> weight, BatchView<const float> y, Activation activation,
                    BatchView<const float> grad_y, BatchView<float> grad_z,
                    MatrixView<double> bias_parts, BatchView<float> grad_x,
                    BatchView<float> grad_weight, MatrixView<float> grad_bias, Gradient of_x,
                    cudaStream_t stream) {
  const std::int64_t n = grad_y.rows, in = x.cols, out = grad_y.cols, batch = grad_y.batch;
  BatchView<const float> g = grad_y;
  if (activation != Activation::identity || !grad_bias.empty()) {
    gradient(activation, y, grad_y, grad_z, bias_parts, stream);
    if (activation != Activation::identity) g = grad_z;
  }
  if (!grad_bias.empty()) {
    const dim3 blocks(ceil_div(out, kThreads), static_cast<unsigned>(batch));
    CLIPK_LAUNCH(bias_kernel, (Launch{blocks, dim3(kThreads), 0, stream}), dense_bias_parts(n),
                 static_cast<int>(out), bias_parts.data, grad_bias.stride, grad_bias.data);
  }
  if (grad_weight.data != nullptr) {
    gemm_batched(handle, Transpose::yes, Transpose::no, out, in, n, 1, g.data, g.stride,
                 g.batch_stride, x.data, x.stride, x.batch_stride, 0, grad_weight.data,
                 grad_weight.stride, grad_weight.batch_stride, batch, precision, Epilogue::none,
                 nullptr, 0, stream);
  }
  if (grad_x.data != nullptr) {
    gemm_batched(handle, Transpose::no, Transpose::no, n, in, out, 1, g.data, g.stride,
                 g.batch_stride, weight.data, weight.stride, weight.batch_stride,
                 of_x == Gradient::added ? 1.f : 0.f, grad_x.data, grad_x.stride,
                 grad_x.batch_stride, batch, precision, Epilogue::none, nullptr, 0, stream);
  }
}

void dense_add(GemmHandle& handle, Precision precision, MatrixView<const float> x,
               MatrixView<const float> weight, MatrixView<float> y, cudaStream_t stream) {
  if (y.empty() || x.cols == 0) return;
  gemm(handle, Transpose::no, Transpose::yes, y.rows, y.cols, x.cols, 1, x.data, x.stride,
       weight.data, weight.stride, 1, y.data, y.stride, precision, Epilogue::none, nullptr, stream);
}

void dense_add_backward(GemmHandle& handle, Precision precision, MatrixView<const float> weight,
                        MatrixView<const float> grad_y, MatrixView<float> grad_x,
                        cudaStream_t stream) {
  if (grad_x.empty() || grad_y.cols == 0) return;
  gemm(handle, Transpose::no, Transpose::no, grad_x.rows, grad_x.cols, grad_y.cols, 1, grad_y.data,
       grad_y.stride, weight.data, weight.stride, 1, grad_x.data, grad_x.stride, precision,
       Epilogue::none, nullptr, stream);
}

}  // namespace clipk::gpu
