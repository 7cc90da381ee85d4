// Adam: one update of all parameters [n].
//
// Plan    one thread an element in a grid-stride loop; the model keeps all its parameters in one
//         array, so one launch serves every layer. Learning rate and bias corrections are read
//         from the device, so that a captured graph can be replayed with new ones.
// Floor   28 n bytes (4 reads, 3 writes): n / 1.07e11 s on an H100.
// Ladder  one variant so far. It moves each array once, which is the floor. Next: 16 bytes a
//         thread, a quarter of the load instructions for the same bytes, if too few loads are in
//         flight.

#include <algorithm>

#include "kernels/adam.hpp"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMaxBlocks = 1024;

__global__ void __launch_bounds__(kThreads)
    adam_kernel(AdamOptions options, const float* __restrict__ rates,
                const float* __restrict__ gradients, std::int64_t n, float* __restrict__ parameters,
                float* __restrict__ m, float* __restrict__ v) {
  const float rate = rates[0];
  const float bias1 = rates[1];
  const float bias2 = rates[2];
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n;
       i += step) {
    const float g = gradients[i];
    const float m_new = options.beta1 * m[i] + (1 - options.beta1) * g;
    const float v_new = options.beta2 * v[i] + (1 - options.beta2) * g * g;
    m[i] = m_new;
    v[i] = v_new;
    parameters[i] = (1 - rate * options.weight_decay) * parameters[i] -
                    rate / bias1 * m_new / (sqrtf(v_new / bias2) + options.epsilon);
  }
}

}  // namespace

void adam(const AdamOptions& options, const float* rates, const float* gradients, std::int64_t n,
          float* parameters, float* m, float* v, cudaStream_t stream) {
  const std::int64_t blocks = std::min((n + kThreads - 1) / kThreads, kMaxBlocks);
  CLIPK_LAUNCH(adam_kernel,
               (Launch{dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream}), options,
               rates, gradients, n, parameters, m, v);
}

}  // namespace clipk::gpu
