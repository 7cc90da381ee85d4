#pragma once

#include "clipk/ops/quad_hinge_loss.hpp"

namespace clipk::cpu {

/// One call, arguments checked.
template <class T>
struct QuadHinge {
  bool self = false;  ///< within one set: y is x, target and draws leave out i = j
  MatrixView<const T> x, y;
  BasicTargetDistances<T> target;
  QuadNeighbors neighbors;
  QuadHingeOptions options;
  std::uint64_t step = 0;
  double* loss = nullptr;
  MatrixView<T> grad_x, grad_y;  ///< within one set grad_y is empty

  std::int64_t queries() const { return x.rows + (self ? 0 : y.rows); }
  /// Of the loss and its gradient.
  double factor() const {
    return static_cast<double>(options.weight) / static_cast<double>(options.count);
  }
};

void quad_hinge_loss(Context& context, const QuadHinge<float>& call);
void quad_hinge_loss(Context& context, const QuadHinge<double>& call);

}  // namespace clipk::cpu
