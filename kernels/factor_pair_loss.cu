// Pair loss of codes z [2m, D] under a correlation a factor, and its gradient.
//
// Plan    one pass in a grid-stride loop over groups of 4 columns of a pair (16 bytes a thread of
//         each of its two rows where all rows are aligned); the first group of a pair also takes
//         its log-determinants and the constant of the factors it shares. Terms are added in
//         float64, one partial a block, in block order by the last block.
// Floor   16 m D bytes (two rows read, two written), half without the gradient: m D / 1.9e11 s on
//         an H100.
// Ladder  one variant so far. Its bytes are the floor. Next: log1p(-r^2) once a pair and factor
//         instead of once a change of factor in four columns: some 40 float64 operations for 64
//         bytes, about a tenth of the floor.

#include <algorithm>

#include "kernels/detail/portable.cuh"
#include "kernels/factor_pair_loss.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;

struct PairArrays {
  std::int64_t pairs;
  int cols;
  const float* z;
  std::int64_t z_stride;
  const float* log_det;
  const float* shared;
  std::int64_t shared_stride;
  const std::int32_t* blocks;
  const float* rho;
  double* loss;
  float* grad_z;
  std::int64_t grad_stride;
  float* grad_log_det;
};

// The terms of a pair's loss that belong to no single column.
__device__ double whole_pair(const PairArrays& x, std::int64_t pair, float share) {
  double sum = 0;
  if (x.log_det != nullptr) {
    sum -= static_cast<double>(x.log_det[pair]) + x.log_det[x.pairs + pair];
  }
  if (x.grad_log_det != nullptr) {
    x.grad_log_det[pair] = -share;
    x.grad_log_det[x.pairs + pair] = -share;
  }
  return sum;
}

template <bool kAligned>
__device__ __forceinline__ void store_row4(float* row, int column, int cols,
                                           const float (&values)[4]) {
  if constexpr (kAligned) {
    *reinterpret_cast<float4*>(row + column) = {values[0], values[1], values[2], values[3]};
  } else {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (column + j < cols) row[column + j] = values[j];
    }
  }
}

template <bool kAligned>
__global__ void __launch_bounds__(kThreads)
    pair_kernel(PairArrays x, FactorPairLossScratch* scratch) {
  CLIPK_SHARED(double, sums, [32]);
  const float share = 1.f / static_cast<float>(x.pairs);
  const std::int64_t groups = (x.cols + 3) / 4;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  double sum = 0;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
       i < x.pairs * groups; i += step) {
    const std::int64_t pair = i / groups;
    const int column = static_cast<int>(i % groups) * 4;
    const float* const shared = x.shared + pair * x.shared_stride;
    const float4 a4 = load_row4<kAligned>(x.z + pair * x.z_stride, column, x.cols);
    const float4 b4 = load_row4<kAligned>(x.z + (x.pairs + pair) * x.z_stride, column, x.cols);
    const float a[4] = {a4.x, a4.y, a4.z, a4.w}, b[4] = {b4.x, b4.y, b4.z, b4.w};
    float grad_a[4], grad_b[4];
    int last = -1;  // the factor that the correlation below belongs to
    float r = 0, precision = 1;
    double constant = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int factor = column + j < x.cols ? __ldg(x.blocks + column + j) : -1;
      if (factor != last) {
        r = factor < 0 ? 0.f : __ldg(x.rho + factor) * __ldg(shared + factor);
        precision = 1 / ((1 - r) * (1 + r));
        constant = r == 0 ? 0 : log1p(-static_cast<double>(r) * r);
        last = factor;
      }
      const float e = b[j] - r * a[j];
      const float scaled = precision * e;
      grad_a[j] = share * (a[j] - r * scaled);
      grad_b[j] = share * scaled;
      sum += 0.5 * (static_cast<double>(a[j]) * a[j] + static_cast<double>(e) * scaled + constant);
    }
    if (x.grad_z != nullptr) {
      store_row4<kAligned>(x.grad_z + pair * x.grad_stride, column, x.cols, grad_a);
      store_row4<kAligned>(x.grad_z + (x.pairs + pair) * x.grad_stride, column, x.cols, grad_b);
    }
    if (column == 0) sum += whole_pair(x, pair, share);
  }
  double total = 0;
  if (grid_sum(sum, sums, scratch->partials, &scratch->ticket, total) && threadIdx.x == 0) {
    *x.loss += total / static_cast<double>(x.pairs);
  }
}

}  // namespace

void factor_pair_loss(MatrixView<const float> z, const float* log_det,
                      MatrixView<const float> shared, const std::int32_t* blocks,
                      VectorView<const float> rho, double* loss, MatrixView<float> grad_z,
                      float* grad_log_det, FactorPairLossScratch* scratch, cudaStream_t stream) {
  const PairArrays arrays{.pairs = z.rows / 2,
                          .cols = static_cast<int>(z.cols),
                          .z = z.data,
                          .z_stride = z.stride,
                          .log_det = log_det,
                          .shared = shared.data,
                          .shared_stride = shared.stride,
                          .blocks = blocks,
                          .rho = rho.data,
                          .loss = loss,
                          .grad_z = grad_z.data,
                          .grad_stride = grad_z.stride,
                          .grad_log_det = grad_log_det};
  const std::int64_t groups = arrays.pairs * ((z.cols + 3) / 4);
  const auto blocks_of_grid =
      static_cast<unsigned>(std::min((groups + kThreads - 1) / kThreads, kPairLossMaxBlocks));
  const Launch launch{dim3(blocks_of_grid), dim3(kThreads), 0, stream};
  const bool aligned =
      rows_allow_float4(z.data, z.stride, z.cols) &&
      (grad_z.data == nullptr || rows_allow_float4(grad_z.data, grad_z.stride, z.cols));
  CLIPK_LAUNCH((aligned ? pair_kernel<true> : pair_kernel<false>), launch, arrays, scratch);
}

}  // namespace clipk::gpu
