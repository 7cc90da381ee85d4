// Radix sort of (64-bit key, 32-bit value) pairs: CUB's, behind two host functions. The SIMT tests
// link a stand-in instead of this file.
//
// Plan    CUB's radix sort of all 64 bits.
// Floor   about 9 passes of 24 n bytes: n / 1.4e10 s on an H100.
// Ladder  one variant so far. Next: sorts of the bits in use alone, where a caller knows them: a
//         pass less for each 8.

#include "kernels/detail/device_sort.hpp"

#include <cub/device/device_radix_sort.cuh>

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {

std::size_t sort_pairs_scratch_bytes(std::int64_t n) {
  std::size_t bytes = 0;
  const std::uint64_t* keys = nullptr;
  const std::int32_t* values = nullptr;
  check_cuda(
      cub::DeviceRadixSort::SortPairs(nullptr, bytes, keys, static_cast<std::uint64_t*>(nullptr),
                                      values, static_cast<std::int32_t*>(nullptr), n),
      "scratch of a sort");
  return bytes;
}

void sort_pairs(void* scratch, std::size_t scratch_bytes, const std::uint64_t* keys,
                std::uint64_t* sorted_keys, const std::int32_t* values, std::int32_t* sorted_values,
                std::int64_t n, cudaStream_t stream) {
  if (n == 0) return;
  check_cuda(cub::DeviceRadixSort::SortPairs(scratch, scratch_bytes, keys, sorted_keys, values,
                                             sorted_values, n, 0, 64, stream),
             "sort of pairs");
}

}  // namespace clipk::gpu
