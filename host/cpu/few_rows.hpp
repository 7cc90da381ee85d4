#pragma once

#include "clipk/core/view.hpp"

namespace clipk::cpu {

/// From so many rows on, a product that packs its operands is faster.
inline constexpr std::int64_t kFewRows = 64;

/// y = x w^T for few rows x [n, in] and a part of the weights w [out, in], on the calling thread:
/// each weight is read once, where it lies, and used for all rows. (A product that packs w first
/// spends much of its time on it.) The result depends on the sizes alone.
void few_rows_product(MatrixView<const float> x, MatrixView<const float> w, MatrixView<float> y);

}  // namespace clipk::cpu
