#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "clipk/core/device.hpp"

namespace clipk::gpu {

enum class Transpose : char { no, yes };
/// Applied to every row of the result: + bias [n], then max(0, .).
enum class Epilogue : char { none, bias, relu_bias };

/// cuBLASLt's handle, its workspace, and the plan of every shape met so far. One a stream: products
/// that run at the same time must not share a workspace.
class GemmHandle {
 public:
  static constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;  // cuBLAS's own on sm_90

  /// Takes the workspace from the device. @throws Error if there is no memory left.
  explicit GemmHandle(std::size_t workspace_bytes = kWorkspaceBytes);
  ~GemmHandle();
  GemmHandle(const GemmHandle&) = delete;
  GemmHandle& operator=(const GemmHandle&) = delete;

  std::size_t plans() const { return plans_.size(); }

 private:
  friend struct GemmCall;
  struct Plan;
  using Key = std::array<std::int64_t, 20>;
  Plan& plan(const Key& key, const float* bias);

  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  std::size_t workspace_bytes_ = 0;
  std::map<Key, std::unique_ptr<Plan>> plans_;
};

/// The handle in a context's slot for it (LibraryHandles), made at first use.
inline GemmHandle& gemm_handle(std::shared_ptr<void>& slot) {
  if (slot == nullptr) slot = std::make_shared<GemmHandle>();
  return *static_cast<GemmHandle*>(slot.get());
}

/// C [m, n] = epilogue(alpha op(A) op(B) + beta C), row-major in device memory; op(A) is [m, k],
/// op(B) is [k, n]. lda, ldb, ldc are the row strides of A, B and C as they are stored. With beta 0
/// C is not read. An empty result is fine; k must be at least 1.
///
/// Deterministic: one algorithm a shape, precision and alignment, without atomics. Allocates
/// nothing on the device, so it can be captured into a graph, once the shape has run outside of a
/// capture (cuBLAS loads its kernels then); alpha and beta are captured by value.
/// @throws Error if cuBLASLt refuses the shape.
void gemm(GemmHandle& handle, Transpose a, Transpose b, std::int64_t m, std::int64_t n,
          std::int64_t k, float alpha, const float* A, std::int64_t lda, const float* B,
          std::int64_t ldb, float beta, float* C, std::int64_t ldc, Precision precision,
          Epilogue epilogue, const float* bias, cudaStream_t stream);

/// The same for `batch` products, whose matrices lie stride_a, stride_b and stride_c floats apart.
/// A stride of 0 uses the same A or B for all; the biases lie stride_bias floats apart, 0 for one.
void gemm_batched(GemmHandle& handle, Transpose a, Transpose b, std::int64_t m, std::int64_t n,
                  std::int64_t k, float alpha, const float* A, std::int64_t lda,
                  std::int64_t stride_a, const float* B, std::int64_t ldb, std::int64_t stride_b,
                  float beta, float* C, std::int64_t ldc, std::int64_t stride_c, std::int64_t batch,
                  Precision precision, Epilogue epilogue, const float* bias,
                  std::int64_t stride_bias, cudaStream_t stream);

}  // namespace clipk::gpu
