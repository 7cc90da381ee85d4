// Corruption of x [n, d]: dropout, or Gaussian noise.
//
// Plan    one thread a block of Philox, which serves four neighbouring columns, in a grid-stride
//         loop; 16 bytes a load and a store where the rows allow it. Nothing is stored of the
//         numbers: the backward pass draws them again. The step is read from the device, so that a
//         captured graph can be replayed with the next one.
// Floor   8 n d bytes: n d / 3.8e11 s on an H100. Ten rounds of Philox are about 100 integer
//         operations for 32 bytes, 0.6 of that time at 17 T/s.
// Ladder  one variant so far; a stored mask or noise was weighed: 4 n d bytes more each way. Next:
//         one kernel with the gather of the batch (gather_rows.cu), 8 instead of 16 n d bytes.

#include "kernels/corrupt.hpp"

#include <algorithm>
#include <cmath>

#include "clipk/core/random.hpp"
#include "kernels/detail/normal.cuh"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMaxBlocks = 2048;

struct Rule {
  std::uint64_t seed;
  std::uint32_t site;
  std::uint32_t threshold;  // dropout: upper 24 bits below it are dropped
  float factor;             // dropout: of what is kept; gaussian: the standard deviation
};

__device__ __forceinline__ uint4 block_of(const Rule& rule, std::uint64_t step,
                                          std::uint32_t group) {
  return philox4x32_10({group, rule.site, static_cast<unsigned>(step),
                        static_cast<unsigned>(RandomStream::corruption)},
                       {static_cast<unsigned>(rule.seed), static_cast<unsigned>(rule.seed >> 32)});
}

__device__ __forceinline__ float dropped(const Rule& rule, unsigned word, float x) {
  return (word >> 8) >= rule.threshold ? x * rule.factor : 0.f;
}

template <Corruption kKind>
__device__ __forceinline__ float4 corrupted(const Rule& rule, uint4 word, float4 x) {
  if constexpr (kKind == Corruption::dropout) {
    return {dropped(rule, word.x, x.x), dropped(rule, word.y, x.y), dropped(rule, word.z, x.z),
            dropped(rule, word.w, x.w)};
  } else {
    const float2 a = normal_pair(word.x, word.y, rule.factor);
    const float2 b = normal_pair(word.z, word.w, rule.factor);
    return {x.x + a.x, x.y + a.y, x.z + b.x, x.w + b.y};
  }
}

// x may be out: a thread reads its four elements before it writes them.
template <Corruption kKind, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    corrupt_kernel(Rule rule, MatrixView<const float> x, const std::uint64_t* __restrict__ step,
                   MatrixView<float> out, std::uint32_t groups, std::int64_t blocks) {
  const std::uint64_t now = __ldg(step);
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t b = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; b < blocks;
       b += stride) {
    const std::uint32_t group = static_cast<std::uint32_t>(b);
    const std::uint32_t row = group / groups;
    const std::int64_t column = 4 * static_cast<std::int64_t>(group - row * groups);
    const float* from = x.data + row * x.stride + column;
    float* to = out.data + row * out.stride + column;
    const uint4 word = block_of(rule, now, group);
    if constexpr (kAligned) {
      *reinterpret_cast<float4*>(to) =
          corrupted<kKind>(rule, word, *reinterpret_cast<const float4*>(from));
    } else {
      const std::int64_t left = x.cols - column;
      const float4 value = {from[0], left > 1 ? from[1] : 0.f, left > 2 ? from[2] : 0.f,
                            left > 3 ? from[3] : 0.f};
      const float4 result = corrupted<kKind>(rule, word, value);
      to[0] = result.x;
      if (left > 1) to[1] = result.y;
      if (left > 2) to[2] = result.z;
      if (left > 3) to[3] = result.w;
    }
  }
}

template <Corruption kKind>
void launch(const Rule& rule, MatrixView<const float> x, const std::uint64_t* step,
            MatrixView<float> out, cudaStream_t stream) {
  const std::int64_t groups = (x.cols + 3) / 4;
  const std::int64_t blocks = groups * x.rows;
  const std::int64_t grid = std::min<std::int64_t>((blocks + kThreads - 1) / kThreads, kMaxBlocks);
  const Launch where{dim3(static_cast<unsigned>(grid)), dim3(kThreads), 0, stream};
  const bool aligned = rows_allow_float4(x.data, x.stride, x.cols) &&
                       rows_allow_float4(out.data, out.stride, x.cols);
  if (aligned) {
    CLIPK_LAUNCH((corrupt_kernel<kKind, true>), where, rule, x, step, out,
                 static_cast<std::uint32_t>(groups), blocks);
  } else {
    CLIPK_LAUNCH((corrupt_kernel<kKind, false>), where, rule, x, step, out,
                 static_cast<std::uint32_t>(groups), blocks);
  }
}

}  // namespace

void corrupt(std::uint64_t seed, MatrixView<const float> x, const CorruptOptions& options,
             const std::uint64_t* step, MatrixView<float> out, cudaStream_t stream) {
  if (options.kind == Corruption::dropout) {
    const auto threshold = static_cast<std::uint32_t>(std::round(options.amount * 0x1p24F));
    launch<Corruption::dropout>({seed, options.site, threshold, 1 / (1 - options.amount)}, x, step,
                                out, stream);
  } else {
    launch<Corruption::gaussian>({seed, options.site, 0, options.amount}, x, step, out, stream);
  }
}

}  // namespace clipk::gpu
