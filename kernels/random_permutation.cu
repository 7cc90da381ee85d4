// The keys of a random permutation: 64 bits of Philox for each index, and the indices themselves.
//
// Plan    one thread an index; CUB's radix sort does the rest (kernels/detail/device_sort.hpp). It
//         is stable, so equal keys keep the order of their indices.
// Floor   12 n bytes written here, and about 9 passes of 24 n bytes in the sort: n / 1.3e10 s on
//         an H100.
// Ladder  one variant so far. Next: keys of fewer bits, a pass less for each 8 of them; ties would
//         then be in the order of their indices, and the permutation another than the CPU's. Once
//         an epoch it does not matter.

#include "kernels/random_permutation.hpp"

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    permutation_keys_kernel(uint2 key, unsigned stream, unsigned step, std::int64_t n,
                            std::uint64_t* __restrict__ keys, std::int32_t* __restrict__ values) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= n) return;
  const uint4 block = philox4x32_10({static_cast<unsigned>(i), 0u, step, stream}, key);
  keys[i] = static_cast<std::uint64_t>(block.x) << 32 | block.y;
  values[i] = static_cast<std::int32_t>(i);
}

}  // namespace

void permutation_keys(std::uint64_t seed, RandomStream stream_of_seed, std::uint32_t step,
                      std::int64_t n, std::uint64_t* keys, std::int32_t* values,
                      cudaStream_t stream) {
  const uint2 key{static_cast<unsigned>(seed), static_cast<unsigned>(seed >> 32)};
  CLIPK_LAUNCH(permutation_keys_kernel,
               (Launch{dim3(ceil_div(n, kThreads)), dim3(kThreads), 0, stream}), key,
               static_cast<unsigned>(stream_of_seed), step, n, keys, values);
}

}  // namespace clipk::gpu
