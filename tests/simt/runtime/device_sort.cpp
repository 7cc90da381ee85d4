// A stand-in for kernels/detail/device_sort.cu, whose CUB kernels the harness cannot run.
#include "kernels/detail/device_sort.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "clipk/core/error.hpp"
#include "simt/runtime/device_memory.hpp"
#include "simt/runtime/monitor.hpp"
#include "simt/runtime/stream.hpp"

namespace clipk::gpu {

std::size_t sort_pairs_scratch_bytes(std::int64_t n) {
  return static_cast<std::size_t>(n) * 12 + 1024;  // about what CUB asks for
}

void sort_pairs(void* scratch, std::size_t scratch_bytes, const std::uint64_t* keys,
                std::uint64_t* sorted_keys, const std::int32_t* values, std::int32_t* sorted_values,
                std::int64_t n, cudaStream_t stream) {
  if (n == 0) return;
  if (scratch_bytes < sort_pairs_scratch_bytes(n)) throw Error("sort of pairs: invalid argument");
  const auto count = static_cast<std::size_t>(n);
  const bool valid = simt::check_device_range("sort: scratch", scratch, scratch_bytes) &&
                     simt::check_device_range("sort: keys", keys, 8 * count) &&
                     simt::check_device_range("sort: sorted keys", sorted_keys, 8 * count) &&
                     simt::check_device_range("sort: values", values, 4 * count) &&
                     simt::check_device_range("sort: sorted values", sorted_values, 4 * count);
  if (!valid) throw Error("sort of pairs: invalid argument");
  simt::enqueue(stream, [=] {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t i, std::size_t j) { return keys[i] < keys[j]; });
    for (std::size_t i = 0; i < count; ++i) {
      sorted_keys[i] = keys[order[i]];
      sorted_values[i] = values[order[i]];
    }
    if (simt::g_monitor == nullptr) return;
    simt::g_monitor->written_by_host(sorted_keys, 8 * count);
    simt::g_monitor->written_by_host(sorted_values, 4 * count);
  });
}

}  // namespace clipk::gpu
