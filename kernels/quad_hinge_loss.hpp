#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/memory.hpp"
#include "clipk/ops/quad_hinge_loss.hpp"
#include "kernels/detail/gemm.hpp"

namespace clipk::gpu {

/// Nearest of a query that a draw by query takes at most.
inline constexpr std::int64_t kQuadMaxNear = 128;

/// One call, arguments checked. Pointers are device memory.
struct QuadHinge {
  bool self = false;  ///< within one set: y is x, and grad_y is empty
  MatrixView<const float> x, y;
  TargetDistances target;
  QuadNeighbors neighbors;
  QuadHingeOptions options;
  const std::uint64_t* step = nullptr;
  double* loss = nullptr;
  MatrixView<float> grad_x, grad_y;

  std::int64_t queries() const { return x.rows + (self ? 0 : y.rows); }
};

/// All distances by a product, gradients by two more. Scratch: an n x m matrix of floats and one of
/// integers, another of floats where the target is made from rows.
void quad_dense(const QuadHinge& call, Precision precision, GemmHandle& handle, Scratch& scratch,
                cudaStream_t stream);
/// Rows read where they lie. Scratch: the gradient in 64-bit integers.
void quad_gather(const QuadHinge& call, Scratch& scratch, cudaStream_t stream);

}  // namespace clipk::gpu
