#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/random.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// A random order of 0 ... n - 1: the indices sorted by (64 bits of Philox, index). The same order
/// on every device.
///
/// Index i takes the first two words of random_block(seed, stream, step, i), the first one high.
/// @param[out] permutation [n]
/// @throws Error if a device differs. Deterministic: yes. Scratch: 24 n bytes and CUB's
///   scratch memory.
void random_permutation(Context& context, std::uint64_t seed, RandomStream stream,
                        std::uint32_t step, VectorView<std::int32_t> permutation);

}  // namespace clipk
