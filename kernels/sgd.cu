// SGD with momentum: one update of all parameters [n].
//
// Plan    one thread an element in a grid-stride loop, neighbours by neighbouring threads; the
//         model keeps all its parameters in one array, so one launch serves every layer. The
//         learning rate is read from the device, so that a captured graph can be replayed.
// Floor   20 n bytes (3 reads, 2 writes): n / 1.5e11 s on an H100.
// Ladder  one variant so far. It moves each array once, which is the floor. Next: as for adam.cu.

#include <algorithm>

#include "kernels/detail/portable.cuh"
#include "kernels/sgd.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMaxBlocks = 1024;

__global__ void __launch_bounds__(kThreads)
    sgd_kernel(SgdOptions options, const float* __restrict__ rate_of_step,
               const float* __restrict__ gradients, std::int64_t n, float* __restrict__ parameters,
               float* __restrict__ velocity) {
  const float rate = rate_of_step[0];
  const float kept = 1 - rate * options.weight_decay;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n;
       i += step) {
    const float v = options.momentum * velocity[i] + gradients[i];
    velocity[i] = v;
    parameters[i] = kept * parameters[i] - rate * v;
  }
}

}  // namespace

void sgd(const SgdOptions& options, const float* rate, const float* gradients, std::int64_t n,
         float* parameters, float* velocity, cudaStream_t stream) {
  const std::int64_t blocks = std::min((n + kThreads - 1) / kThreads, kMaxBlocks);
  CLIPK_LAUNCH(sgd_kernel, (Launch{dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream}),
               options, rate, gradients, n, parameters, velocity);
}

}  // namespace clipk::gpu
