#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace clipk::gpu {

/// Bytes of device scratch that sort_pairs needs for n pairs.
std::size_t sort_pairs_scratch_bytes(std::int64_t n);

/// Sorts n pairs by ascending key; equal keys keep their order. All pointers are device memory, the
/// outputs apart from the inputs; scratch is 256-byte aligned. Deterministic; allocates nothing.
void sort_pairs(void* scratch, std::size_t scratch_bytes, const std::uint64_t* keys,
                std::uint64_t* sorted_keys, const std::int32_t* values, std::int32_t* sorted_values,
                std::int64_t n, cudaStream_t stream);

}  // namespace clipk::gpu
