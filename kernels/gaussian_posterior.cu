// Draws from the normal distribution of each row [n, d], and their divergence from N(0, I).
//
// Plan    one thread a block of Philox, which serves four neighbouring columns, in a grid-stride
//         loop; 16 bytes a load and a store where the rows allow it. One exponential an element:
//         the variance is the square of the deviation. Divergences are added in float64, one
//         partial a block, in block order by the last block. The backward pass reads z instead of
//         drawing the noise again.
// Floor   forward 12 n d bytes, n d / 2.5e11 s on an H100; backward 24 n d, n d / 1.25e11 s. Ten
//         rounds of Philox are about 100 integer operations for 48 bytes: 0.4 of the forward time
//         at 17 T/s. Codes are narrow: a batch of 256 x 64 takes what a launch takes.
// Ladder  one variant so far; a backward pass that draws the noise again was weighed: 20 n d bytes
//         instead of 24, and Philox once more. Next: nothing by bytes; at the width of codes both
//         passes are launches.

#include "kernels/gaussian_posterior.hpp"

#include <algorithm>

#include "clipk/core/random.hpp"
#include "kernels/detail/normal.cuh"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;

struct Group {
  std::uint32_t row;
  int column, columns;  // the first of four, and how many of the matrix
};
__device__ __forceinline__ Group group_at(std::int64_t index, std::uint32_t groups, int columns) {
  const std::uint32_t group = static_cast<std::uint32_t>(index);
  const std::uint32_t row = group / groups;
  return {row, static_cast<int>(4 * (group - row * groups)), columns};
}

template <bool kAligned>
__device__ __forceinline__ void load4(const MatrixView<const float>& m, const Group& at,
                                      float (&value)[4]) {
  const float4 v = load_row4<kAligned>(m.data + at.row * m.stride, at.column, at.columns);
  value[0] = v.x;
  value[1] = v.y;
  value[2] = v.z;
  value[3] = v.w;
}

template <bool kAligned>
__device__ __forceinline__ void store4(const MatrixView<float>& m, const Group& at,
                                       const float (&value)[4]) {
  float* const to = m.data + at.row * m.stride + at.column;
  if constexpr (kAligned) {
    *reinterpret_cast<float4*>(to) = {value[0], value[1], value[2], value[3]};
  } else {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (at.column + j < at.columns) to[j] = value[j];
    }
  }
}

template <bool kAligned>
__global__ void __launch_bounds__(kThreads)
    gaussian_posterior_kernel(std::uint64_t seed, std::uint32_t site, MatrixView<const float> mean,
                              MatrixView<const float> log_variance,
                              const std::uint64_t* __restrict__ step, MatrixView<float> z,
                              std::uint32_t groups, std::int64_t blocks, double share, double* loss,
                              PosteriorScratch* scratch) {
  CLIPK_SHARED(double, sums, [32]);
  const unsigned now = static_cast<unsigned>(__ldg(step));
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  double sum = 0;
  for (std::int64_t b = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; b < blocks;
       b += stride) {
    const Group at = group_at(b, groups, static_cast<int>(mean.cols));
    float m[4], l[4], s[4];  // past the end of a row 0, which diverges by 0
    load4<kAligned>(mean, at, m);
    load4<kAligned>(log_variance, at, l);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      s[j] = expf(0.5f * l[j]);
      sum += m[j] * m[j] + (s[j] * s[j] - 1.f - l[j]);
    }
    if (z.data == nullptr) continue;
    const uint4 word = philox4x32_10(
        {static_cast<unsigned>(b), site, now, static_cast<unsigned>(RandomStream::corruption)},
        {static_cast<unsigned>(seed), static_cast<unsigned>(seed >> 32)});
    const float2 first = normal_pair(word.x, word.y, 1.f);
    const float2 second = normal_pair(word.z, word.w, 1.f);
    const float noise[4] = {first.x, first.y, second.x, second.y};
#pragma unroll
    for (int j = 0; j < 4; ++j) s[j] = m[j] + s[j] * noise[j];
    store4<kAligned>(z, at, s);
  }
  if (loss == nullptr) return;
  double total = 0;
  if (grid_sum(sum, sums, scratch->partials, &scratch->ticket, total) && threadIdx.x == 0) {
    *loss += share / 2 * total;
  }
}

// grad_mean may be grad_z: a thread reads its four elements before it writes them.
template <bool kAligned>
__global__ void __launch_bounds__(kThreads)
    posterior_backward_kernel(MatrixView<const float> mean, MatrixView<const float> log_variance,
                              MatrixView<const float> z, float share,
                              MatrixView<const float> grad_z, MatrixView<float> grad_mean,
                              MatrixView<float> grad_log_variance, std::uint32_t groups,
                              std::int64_t blocks) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t b = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; b < blocks;
       b += stride) {
    const Group at = group_at(b, groups, static_cast<int>(mean.cols));
    float m[4], l[4], drawn[4], g[4];
    load4<kAligned>(mean, at, m);
    load4<kAligned>(log_variance, at, l);
    load4<kAligned>(z, at, drawn);
    // Not through the read-only cache: another thread may have written grad_mean by then.
    const float* const from = grad_z.data + at.row * grad_z.stride + at.column;
    if constexpr (kAligned) {
      const float4 v = *reinterpret_cast<const float4*>(from);
      g[0] = v.x;
      g[1] = v.y;
      g[2] = v.z;
      g[3] = v.w;
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) g[j] = at.column + j < at.columns ? from[j] : 0.f;
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const float s = expf(0.5f * l[j]);
      l[j] = 0.5f * (g[j] * (drawn[j] - m[j]) + share * (s * s - 1.f));
      g[j] += share * m[j];
    }
    store4<kAligned>(grad_mean, at, g);
    store4<kAligned>(grad_log_variance, at, l);
  }
}

template <class View>
bool allows_float4(const View& view) {
  return view.data == nullptr || rows_allow_float4(view.data, view.stride, view.cols);
}

Launch launch_over(std::int64_t blocks, cudaStream_t stream) {
  return {dim3(static_cast<unsigned>(
              std::min<std::int64_t>((blocks + kThreads - 1) / kThreads, kPosteriorMaxBlocks))),
          dim3(kThreads), 0, stream};
}

}  // namespace

void gaussian_posterior(std::uint64_t seed, MatrixView<const float> mean,
                        MatrixView<const float> log_variance,
                        const GaussianPosteriorOptions& options, const std::uint64_t* step,
                        MatrixView<float> z, double* loss, PosteriorScratch* scratch,
                        cudaStream_t stream) {
  const std::int64_t groups = (mean.cols + 3) / 4, blocks = groups * mean.rows;
  const double share = static_cast<double>(options.weight) / static_cast<double>(mean.rows);
  const bool aligned = allows_float4(mean) && allows_float4(log_variance) && allows_float4(z);
  CLIPK_LAUNCH((aligned ? gaussian_posterior_kernel<true> : gaussian_posterior_kernel<false>),
               launch_over(blocks, stream), seed, options.site, mean, log_variance, step, z,
               static_cast<std::uint32_t>(groups), blocks, share, loss, scratch);
}

void gaussian_posterior_backward(MatrixView<const float> mean, MatrixView<const float> log_variance,
                                 MatrixView<const float> z, const GaussianPosteriorOptions& options,
                                 MatrixView<const float> grad_z, MatrixView<float> grad_mean,
                                 MatrixView<float> grad_log_variance, cudaStream_t stream) {
  const std::int64_t groups = (mean.cols + 3) / 4, blocks = groups * mean.rows;
  const auto share =
      static_cast<float>(static_cast<double>(options.weight) / static_cast<double>(mean.rows));
  const bool aligned = allows_float4(mean) && allows_float4(log_variance) && allows_float4(z) &&
                       allows_float4(grad_z) && allows_float4(grad_mean) &&
                       allows_float4(grad_log_variance);
  CLIPK_LAUNCH((aligned ? posterior_backward_kernel<true> : posterior_backward_kernel<false>),
               launch_over(blocks, stream), mean, log_variance, z, share, grad_z, grad_mean,
               grad_log_variance, static_cast<std::uint32_t>(groups), blocks);
}

}  // namespace clipk::gpu
