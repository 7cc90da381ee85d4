#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/random.hpp"

namespace clipk::gpu {

/// keys_i: the 64 bits that belong to index i; values_i = i. Device memory, n of each. Sorted by
/// key (kernels/detail/device_sort.hpp) the values are the permutation.
void permutation_keys(std::uint64_t seed, RandomStream stream_of_seed, std::uint32_t step,
                      std::int64_t n, std::uint64_t* keys, std::int32_t* values,
                      cudaStream_t stream);

}  // namespace clipk::gpu
