#pragma once

#include "clipk/ops/full_quad_hinge_loss.hpp"

namespace clipk::cpu {

/// One call, arguments checked.
template <class T>
struct FullQuadHinge {
  bool self = false;  ///< within one set: y is x
  MatrixView<const T> x, y;
  const QuadOrder* order = nullptr;  ///< of at least one quadruple
  FullQuadHingeOptions options;
  double* loss = nullptr;
  MatrixView<T> grad_x, grad_y;  ///< within one set grad_y is empty

  /// Of the loss and its gradient.
  double factor() const {
    return static_cast<double>(options.weight) / static_cast<double>(order->count);
  }
};

void full_quad_hinge_loss(Context& context, const FullQuadHinge<float>& call);
void full_quad_hinge_loss(Context& context, const FullQuadHinge<double>& call);

}  // namespace clipk::cpu
