#include "clipk/ops/random_permutation.hpp"

#include <limits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/random_permutation.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/detail/device_sort.hpp"
#include "kernels/random_permutation.hpp"
#endif

namespace clipk {

void random_permutation(Context& context, std::uint64_t seed, RandomStream stream,
                        std::uint32_t step, VectorView<std::int32_t> permutation) {
  constexpr const char* kOp = "random_permutation";
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  const std::int64_t n = permutation.size;
  if (n > kMost) {
    check::fail(kOp, "at most " + std::to_string(kMost) + " indices", std::to_string(n));
  }
  check::vector(kOp, "permutation", context, permutation, n);
  if (n == 0) return;
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    const auto keys = scratch.vector<std::uint64_t>(2 * n);
    const auto values = scratch.vector<std::int32_t>(n);
    const std::size_t bytes = gpu::sort_pairs_scratch_bytes(n);
    const auto own = scratch.vector<std::uint8_t>(static_cast<std::int64_t>(bytes));
    gpu::permutation_keys(seed, stream, step, n, keys.data, values.data, context.stream());
    return gpu::sort_pairs(own.data, bytes, keys.data, keys.data + n, values.data, permutation.data,
                           n, context.stream());
  }
#endif
  cpu::random_permutation(context.threads(), scratch, seed, stream, step, permutation);
}

}  // namespace clipk
