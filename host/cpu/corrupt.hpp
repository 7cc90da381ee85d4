#pragma once

#include "clipk/ops/corrupt.hpp"

namespace clipk::cpu {

/// x [n, d] may be out itself.
void corrupt(int threads, std::uint64_t seed, MatrixView<const float> x,
             const CorruptOptions& options, std::uint64_t step, MatrixView<float> out);
void corrupt(int threads, std::uint64_t seed, MatrixView<const double> x,
             const CorruptOptions& options, std::uint64_t step, MatrixView<double> out);

}  // namespace clipk::cpu
