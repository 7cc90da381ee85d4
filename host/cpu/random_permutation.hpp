#pragma once

#include "clipk/core/memory.hpp"
#include "clipk/ops/random_permutation.hpp"

namespace clipk::cpu {

void random_permutation(int threads, Scratch& scratch, std::uint64_t seed, RandomStream stream,
                        std::uint32_t step, VectorView<std::int32_t> permutation);

}  // namespace clipk::cpu
