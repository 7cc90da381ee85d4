#pragma once

#include "clipk/ops/cross_entropy_loss.hpp"

namespace clipk::cpu {

/// Rows whose losses are added before the blocks are.
inline constexpr std::int64_t kCrossEntropyRows = 64;

/// Labels are below k.
/// @param share what the loss of one row counts
/// @param parts [ceil(n / kCrossEntropyRows)] scratch
void cross_entropy_loss(int threads, MatrixView<const float> logits,
                        VectorView<const std::int32_t> labels, double share,
                        VectorView<double> parts, VectorView<double> loss, MatrixView<float> grad);
void cross_entropy_loss(int threads, MatrixView<const double> logits,
                        VectorView<const std::int32_t> labels, double share,
                        VectorView<double> parts, VectorView<double> loss, MatrixView<double> grad);

}  // namespace clipk::cpu
