#pragma once

#include <cuda_runtime_api.h>

#include "clipk/core/context.hpp"
#include "clipk/ops/full_quad_hinge_loss.hpp"
#include "kernels/detail/gemm.hpp"

namespace clipk::gpu {

/// One call, arguments checked. Pointers are device memory.
struct FullQuadHinge {
  bool self = false;  ///< within one set: y is x, and grad_y is empty
  MatrixView<const float> x, y;
  const QuadOrder* order = nullptr;  ///< of at least one quadruple
  FullQuadHingeOptions options;
  double* loss = nullptr;
  MatrixView<float> grad_x, grad_y;
};

void full_quad_hinge_loss(Context& context, const FullQuadHinge& call, GemmHandle& handle);

}  // namespace clipk::gpu
