#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Whether a loss over many rows is their sum or their mean.
enum class Reduction : std::uint8_t { mean, sum };

/// Cross-entropy of the softmax of each row with a known class, and its gradient:
///   L = weight / m * sum over rows with a label of (log sum_j e^y_ij - y_i,label)
/// m is the number of rows with a label for Reduction::mean (no such row: L = 0), 1 for
/// Reduction::sum. The largest logit of a row is subtracted first, so that no
/// exponential overflows.
///
/// @param logits [n, k]  @param labels [n]: a class in [0, k), or below 0 for a row that is left
///   out: it adds nothing, and its gradient is 0, whatever its logits are. A label of k or more is
///   an error on the CPU; on a GPU it makes the loss and its row's gradient NaN.
/// @param[in,out] loss [1]: the loss is added to it
/// @param[out] grad [n, k]: the gradient with respect to the logits, overwritten. It may be the
///   logits themselves; it may be empty.
/// @throws Error if a shape or a device differs, or (on the CPU) a label is out of range.
/// Deterministic: yes. Scratch: a double per 64 rows. Without rows or classes it adds nothing.
void cross_entropy_loss(Context& context, MatrixView<const float> logits,
                        VectorView<const std::int32_t> labels, Reduction reduction, float weight,
                        VectorView<double> loss, MatrixView<float> grad);
void cross_entropy_loss(Context& context, MatrixView<const double> logits,
                        VectorView<const std::int32_t> labels, Reduction reduction, double weight,
                        VectorView<double> loss, MatrixView<double> grad);

}  // namespace clipk
