#pragma once

#include "clipk/ops/clip_norm.hpp"

namespace clipk::cpu {

/// Elements whose squares are added before the blocks are.
inline constexpr std::int64_t kNormBlock = 1 << 14;

/// @param parts [ceil(n / kNormBlock)] scratch
template <class T>
void clip_norm(int threads, T max_norm, VectorView<double> parts, VectorView<T> gradients);

}  // namespace clipk::cpu
