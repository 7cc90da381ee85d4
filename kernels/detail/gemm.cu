// Matrix products by cuBLASLt: plans are made once a shape, the launch is one call.
//
// cuBLASLt thinks in columns. A row-major matrix is the transpose of the column-major one with the
// same bytes, so C = A B is asked for as C^T = B^T A^T: the operands change places, m and n too,
// and the bias, which cuBLASLt adds along its rows, lands along our columns.
//
// Plan    the first use of a shape asks cuBLASLt for an algorithm and keeps it; the choice depends
//         on the shape, the strides and their alignment alone. A batch is one launch.
// Floor   2 m n k operations: at 67 TFLOP/s of FFMA, about 400 of tf32 and 790 of bf16 on an H100.
// Ladder  one variant so far: cuBLASLt's first choice. Next: its first few choices timed once a
//         shape; that choice, and with it the last bits, would depend on the timing.

#include "kernels/detail/gemm.hpp"

#include <algorithm>
#include <string>

#include "clipk/core/error.hpp"

namespace clipk::gpu {
namespace {

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(std::string("gemm: ") + what + ": " + cublasLtGetStatusString(status));
}

// Algorithms may demand aligned pointers. More than 16 bytes is never made use of, so that the
// choice, and with it the last bits of the result, does not depend on where a buffer happens to
// lie.
std::int64_t alignment(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  return address % 16 == 0 ? 16 : address % 8 == 0 ? 8 : 4;
}

cublasComputeType_t compute_type(Precision precision) {
  switch (precision) {
    case Precision::tf32:
      return CUBLAS_COMPUTE_32F_FAST_TF32;
    case Precision::bf16:
      return CUBLAS_COMPUTE_32F_FAST_16BF;
    default:
      return CUBLAS_COMPUTE_32F;
  }
}

cublasLtEpilogue_t epilogue_of(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::bias:
      return CUBLASLT_EPILOGUE_BIAS;
    case Epilogue::relu_bias:
      return CUBLASLT_EPILOGUE_RELU_BIAS;
    default:
      return CUBLASLT_EPILOGUE_DEFAULT;
  }
}

template <class T>
void set(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute, const T& value) {
  check(cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof value), "descriptor");
}
template <class T>
void set(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t attribute, const T& value) {
  check(cublasLtMatrixLayoutSetAttribute(layout, attribute, &value, sizeof value), "layout");
}
template <class T>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const T& value) {
  check(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
        "preference");
}

}  // namespace

/// One product, in cuBLASLt's terms: A and B have changed places already.
struct GemmCall {
  struct Operand {
    const float* data;
    Transpose transpose;
    std::int64_t ld, stride;
  };
  Operand a, b;
  std::int64_t m, n, k, batch;
  float* c;
  std::int64_t ldc, stride_c;
  float alpha, beta;
  Precision precision;
  Epilogue epilogue;
  const float* bias;
  std::int64_t stride_bias;

  GemmHandle::Key key() const {
    return {m,
            n,
            k,
            batch,
            static_cast<std::int64_t>(a.transpose),
            a.ld,
            a.stride,
            alignment(a.data),
            static_cast<std::int64_t>(b.transpose),
            b.ld,
            b.stride,
            alignment(b.data),
            ldc,
            stride_c,
            alignment(c),
            static_cast<std::int64_t>(precision),
            static_cast<std::int64_t>(epilogue),
            epilogue == Epilogue::none ? 0 : alignment(bias),
            stride_bias,
            beta != 0};
  }
  void run(GemmHandle& handle, cudaStream_t stream) const;
  void run_one_by_one(GemmHandle& handle, cudaStream_t stream) const;
};

struct GemmHandle::Plan {
  cublasLtMatmulDesc_t product = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
  cublasLtMatmulAlgo_t algorithm{};
  bool supported = false;

  ~Plan() {
    if (a != nullptr) cublasLtMatrixLayoutDestroy(a);
    if (b != nullptr) cublasLtMatrixLayoutDestroy(b);
    if (c != nullptr) cublasLtMatrixLayoutDestroy(c);
    if (product != nullptr) cublasLtMatmulDescDestroy(product);
  }

  static void layout(cublasLtMatrixLayout_t& layout, std::int64_t rows, std::int64_t columns,
                     std::int64_t ld, std::int64_t batch, std::int64_t stride) {
    check(cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, static_cast<std::uint64_t>(rows),
                                     static_cast<std::uint64_t>(columns), ld),
          "layout");
    set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(batch));
    set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, stride);
  }

  /// @param bias any pointer of the alignment in `key`: without one, no epilogue that adds a bias
  ///   is found
  void make(cublasLtHandle_t handle, std::size_t workspace_bytes, const Key& key,
            const float* bias) {
    const auto [m, n, k, batch, a_transpose, a_ld, a_stride, a_align, b_transpose, b_ld, b_stride,
                b_align, c_ld, c_stride, c_align, precision, epilogue, bias_align, bias_stride,
                accumulates] = key;
    check(cublasLtMatmulDescCreate(&product, compute_type(static_cast<Precision>(precision)),
                                   CUDA_R_32F),
          "descriptor");
    const bool ta = static_cast<Transpose>(a_transpose) == Transpose::yes;
    const bool tb = static_cast<Transpose>(b_transpose) == Transpose::yes;
    set(product, CUBLASLT_MATMUL_DESC_TRANSA, ta ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(product, CUBLASLT_MATMUL_DESC_TRANSB, tb ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(product, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(static_cast<Epilogue>(epilogue)));
    if (static_cast<Epilogue>(epilogue) != Epilogue::none) {
      set(product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    }
    if (bias_stride != 0) {
      set(product, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, bias_stride);
    }
    layout(a, ta ? k : m, ta ? m : k, a_ld, batch, a_stride);
    layout(b, tb ? n : k, tb ? k : n, b_ld, batch, b_stride);
    layout(c, m, n, c_ld, batch, c_stride);
    choose(handle, workspace_bytes, a_align, b_align, c_align);
  }

  void choose(cublasLtHandle_t handle, std::uint64_t workspace_bytes, std::int64_t a_align,
              std::int64_t b_align, std::int64_t c_align) {
    cublasLtMatmulPreference_t raw = nullptr;
    check(cublasLtMatmulPreferenceCreate(&raw), "preference");
    const std::unique_ptr<cublasLtMatmulPreferenceOpaque_t,
                          decltype(&cublasLtMatmulPreferenceDestroy)>
        preference(raw, &cublasLtMatmulPreferenceDestroy);
    set(raw, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
    // Parts of a split product are stored and then added in a fixed order, or it is not split.
    set(raw, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_NONE |
                                   CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
    set(raw, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(a_align));
    set(raw, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(b_align));
    set(raw, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(c_align));
    set(raw, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(c_align));
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(handle, product, a, b, c, c, raw, 1, &result, &found);
    if (status != CUBLAS_STATUS_NOT_SUPPORTED) check(status, "choice of an algorithm");
    supported = status == CUBLAS_STATUS_SUCCESS && found > 0;
    algorithm = result.algo;
  }
};

GemmHandle::GemmHandle(std::size_t workspace_bytes) : workspace_bytes_(workspace_bytes) {
  check(cublasLtCreate(&handle_), "cublasLtCreate");
  if (workspace_bytes_ > 0 && cudaMalloc(&workspace_, workspace_bytes_) != cudaSuccess) {
    cudaGetLastError();
    cublasLtDestroy(handle_);
    throw Error("gemm: out of memory: expected a workspace of " + std::to_string(workspace_bytes_) +
                " bytes, got none");
  }
}

GemmHandle::~GemmHandle() {
  plans_.clear();
  cudaFree(workspace_);
  cublasLtDestroy(handle_);
}

GemmHandle::Plan& GemmHandle::plan(const Key& key, const float* bias) {
  auto it = plans_.find(key);
  if (it == plans_.end()) {
    auto plan = std::make_unique<Plan>();
    plan->make(handle_, workspace_bytes_, key, bias);
    it = plans_.emplace(key, std::move(plan)).first;
  }
  return *it->second;
}

void GemmCall::run(GemmHandle& handle, cudaStream_t stream) const {
  if (m == 0 || n == 0 || batch == 0) return;
  if (k < 1) throw Error("gemm: expected k of at least 1, got " + std::to_string(k));
  GemmHandle::Plan& plan = handle.plan(key(), bias);
  if (!plan.supported) {
    if (batch == 1) throw Error("gemm: cuBLASLt knows no algorithm for this shape");
    return run_one_by_one(handle, stream);
  }
  if (epilogue != Epilogue::none) set(plan.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  check(cublasLtMatmul(handle.handle_, plan.product, &alpha, a.data, plan.a, b.data, plan.b, &beta,
                       c, plan.c, c, plan.c, &plan.algorithm, handle.workspace_,
                       handle.workspace_bytes_, stream),
        "cublasLtMatmul");
}

// Not every release strides biases along with a batch.
void GemmCall::run_one_by_one(GemmHandle& handle, cudaStream_t stream) const {
  for (std::int64_t s = 0; s < batch; ++s) {
    GemmCall one = *this;
    one.a.data += s * a.stride;
    one.b.data += s * b.stride;
    one.c += s * stride_c;
    if (bias != nullptr) one.bias += s * stride_bias;
    one.batch = 1;
    one.a.stride = one.b.stride = one.stride_c = one.stride_bias = 0;
    one.run(handle, stream);
  }
}

void gemm_batched(GemmHandle& handle, Transpose a, Transpose b, std::int64_t m, std::int64_t n,
                  std::int64_t k, float alpha, const float* A, std::int64_t lda,
                  std::int64_t stride_a, const float* B, std::int64_t ldb, std::int64_t stride_b,
                  float beta, float* C, std::int64_t ldc, std::int64_t stride_c, std::int64_t batch,
                  Precision precision, Epilogue epilogue, const float* bias,
                  std::int64_t stride_bias, cudaStream_t stream) {
  if (batch == 1) stride_a = stride_b = stride_c = stride_bias = 0;  // one plan, however given
  const GemmCall call{{B, b, ldb, stride_b},
                      {A, a, lda, stride_a},
                      n,
                      m,
                      k,
                      batch,
                      C,
                      ldc,
                      stride_c,
                      alpha,
                      beta,
                      precision,
                      epilogue,
                      bias,
                      stride_bias};
  call.run(handle, stream);
}

void gemm(GemmHandle& handle, Transpose a, Transpose b, std::int64_t m, std::int64_t n,
          std::int64_t k, float alpha, const float* A, std::int64_t lda, const float* B,
          std::int64_t ldb, float beta, float* C, std::int64_t ldc, Precision precision,
          Epilogue epilogue, const float* bias, cudaStream_t stream) {
  gemm_batched(handle, a, b, m, n, k, alpha, A, lda, 0, B, ldb, 0, beta, C, ldc, 0, 1, precision,
               epilogue, bias, 0, stream);
}

}  // namespace clipk::gpu
