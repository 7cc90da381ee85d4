// Sorts the distances of groups (rows, columns or the whole of a matrix) group by group.
//
// Plan    one thread a distance makes a 64-bit key of group and value; CUB's radix sort does the
//         rest (device_sort.hpp).
// Floor   that of the sort: about 9 passes of 24 bytes a distance, n / 1.4e10 s on an H100.
// Ladder  one variant so far. Next: a sort of the bits in use alone, which the number of groups
//         tells: 6 passes for 5000 rows, 4 for a block.

#include "kernels/detail/quad_sort.hpp"

#include "kernels/detail/device_sort.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    quad_keys_kernel(QuadGroups groups, MatrixView<const float> values, std::uint64_t* keys,
                     std::int32_t* numbers) {
  const std::int64_t t = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (t >= groups.groups * groups.size) return;
  const std::int64_t g = t / groups.size, at = t % groups.size;
  const std::int64_t i = groups.row(g, at), j = groups.col(g, at);
  const unsigned bits =
      groups.left_out(i, j) ? kLeftOut : ordered_bits(__ldg(values.data + i * values.stride + j));
  keys[t] = static_cast<std::uint64_t>(g) << 32 | bits;
  numbers[t] = static_cast<std::int32_t>(at);
}

}  // namespace

SortedQuads sort_quads(const QuadGroups& groups, MatrixView<const float> values, Scratch& scratch,
                       cudaStream_t stream) {
  const std::int64_t count = groups.count();
  std::uint64_t* const keys = scratch.vector<std::uint64_t>(2 * count).data;
  std::int32_t* const numbers = scratch.vector<std::int32_t>(2 * count).data;
  CLIPK_LAUNCH(quad_keys_kernel,
               (Launch{dim3(ceil_div(count, kThreads)), dim3(kThreads), 0, stream}), groups, values,
               keys, numbers);
  const std::size_t bytes = sort_pairs_scratch_bytes(count);
  sort_pairs(scratch.vector<std::uint8_t>(static_cast<std::int64_t>(bytes)).data, bytes, keys,
             keys + count, numbers, numbers + count, count, stream);
  return {keys + count, numbers + count};
}

}  // namespace clipk::gpu
