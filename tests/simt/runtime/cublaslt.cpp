// A stand-in for the part of cuBLASLt that kernels/detail/gemm.cu uses: float32 products with
// transposes, strides, batches and the bias and ReLU epilogues. Inputs are rounded as the compute
// type says.
#include <cublasLt.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "simt/runtime/device_memory.hpp"
#include "simt/runtime/monitor.hpp"
#include "simt/runtime/simt.hpp"
#include "simt/runtime/stream.hpp"

namespace clipk::simt {
namespace {

struct Product {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  std::int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const float* bias = nullptr;
  std::int64_t bias_stride = 0;
};
struct Layout {
  std::uint64_t rows = 0, columns = 0;
  std::int64_t ld = 0, stride = 0;
  std::int32_t batch = 1;
  std::int32_t order = CUBLASLT_ORDER_COL;

  std::int64_t index(std::uint64_t row, std::uint64_t column) const {
    return order == CUBLASLT_ORDER_COL ? static_cast<std::int64_t>(column) * ld + row
                                       : static_cast<std::int64_t>(row) * ld + column;
  }
  std::int64_t floats() const {  // from the first to the last element of all batches
    return index(rows - 1, columns - 1) + 1 + stride * (batch - 1);
  }
};
Product& product_of(cublasLtMatmulDesc_t desc) {
  return *reinterpret_cast<Product*>(desc);
}
Layout& layout_of(cublasLtMatrixLayout_t layout) {
  return *reinterpret_cast<Layout*>(layout);
}

float rounded(float x, cublasComputeType_t compute) {
  if (compute != CUBLAS_COMPUTE_32F_FAST_TF32 && compute != CUBLAS_COMPUTE_32F_FAST_16BF) return x;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7F800000u) == 0x7F800000u) return x;
  const bool tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  return std::bit_cast<float>(tf32 ? (bits + 0x1000u) & ~0x1FFFu
                                   : (bits + 0x7FFFu + (bits >> 16 & 1)) & 0xFFFF0000u);
}

/// op(M) as [outer][inner], packed.
std::vector<float> pack(const float* data, const Layout& layout, bool by_columns,
                        cublasComputeType_t compute) {
  const std::uint64_t outer = by_columns ? layout.columns : layout.rows;
  const std::uint64_t inner = by_columns ? layout.rows : layout.columns;
  std::vector<float> packed(outer * inner);
  for (std::uint64_t i = 0; i < outer; ++i) {
    for (std::uint64_t j = 0; j < inner; ++j) {
      const auto at = by_columns ? layout.index(j, i) : layout.index(i, j);
      packed[i * inner + j] = rounded(data[at], compute);
    }
  }
  return packed;
}

struct Call {
  Product product;
  Layout a, b, c, d;
  float alpha, beta;
  const float *a_data, *b_data, *c_data;
  float* d_data;

  bool a_transposed() const { return product.transpose_a != CUBLAS_OP_N; }
  bool biased() const {
    return product.epilogue == CUBLASLT_EPILOGUE_BIAS ||
           product.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
  }
  bool b_transposed() const { return product.transpose_b != CUBLAS_OP_N; }
  std::uint64_t depth() const { return a_transposed() ? a.rows : a.columns; }

  bool fits() const {
    return (a_transposed() ? a.columns : a.rows) == d.rows &&
           (b_transposed() ? b.rows : b.columns) == d.columns &&
           (b_transposed() ? b.columns : b.rows) == depth() && depth() > 0 && c.rows == d.rows &&
           c.columns == d.columns && a.batch == d.batch && b.batch == d.batch;
  }
  bool in_device_memory() const {
    auto check = [](const char* what, const void* data, const Layout& layout) {
      return check_device_range(what, data, static_cast<std::size_t>(layout.floats()) * 4);
    };
    return check("gemm: A", a_data, a) && check("gemm: B", b_data, b) &&
           check("gemm: D", d_data, d) && (beta == 0 || check("gemm: C", c_data, c));
  }

  void run() const {
    if (!in_device_memory()) return;
    for (std::int32_t i = 0; i < d.batch; ++i) run_one(i);
  }

  void run_one(std::int64_t batch) const {
    const std::uint64_t depth = this->depth();
    // [k][row] and [column][k]: the inner loop below runs along rows, without a stride.
    const auto packed_a = pack(a_data + batch * a.stride, a, !a_transposed(), product.compute);
    const auto packed_b = pack(b_data + batch * b.stride, b, !b_transposed(), product.compute);
    constexpr std::uint64_t kTile = 128;
    for (std::uint64_t column = 0; column < d.columns; ++column) {
      for (std::uint64_t row = 0; row < d.rows; row += kTile) {
        const std::uint64_t count = std::min(kTile, d.rows - row);
        float sums[kTile] = {};
        for (std::uint64_t k = 0; k < depth; ++k) {
          const float factor = packed_b[column * depth + k];
          const float* from = &packed_a[k * d.rows + row];
          for (std::uint64_t r = 0; r < count; ++r) sums[r] += factor * from[r];
        }
        for (std::uint64_t r = 0; r < count; ++r) store(batch, row + r, column, sums[r]);
      }
    }
  }

  void store(std::int64_t batch, std::uint64_t row, std::uint64_t column, float sum) const {
    float value = alpha * sum;
    if (beta != 0) value += beta * c_data[batch * c.stride + c.index(row, column)];
    if (biased())
      value += product.bias[batch * product.bias_stride + static_cast<std::int64_t>(row)];
    const bool relu = product.epilogue == CUBLASLT_EPILOGUE_RELU ||
                      product.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
    if (relu && value < 0) value = 0;
    float* to = d_data + batch * d.stride + d.index(row, column);
    *to = value;
    if (g_monitor != nullptr) g_monitor->written_by_host(to, sizeof *to);
  }
};

template <class T>
cublasStatus_t assign(T& to, const void* value, std::size_t bytes) {
  if (bytes != sizeof to) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t unknown_attribute(const char* what, int attribute) {
  report("cuBLASLt stand-in: %s attribute %d is not modelled", what, attribute);
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

}  // namespace
}  // namespace clipk::simt

using namespace clipk::simt;

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = reinterpret_cast<cublasLtHandle_t>(new char);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete reinterpret_cast<char*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "success";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an unsupported value or parameter was passed to the function";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality requested is not supported";
    default:
      return "cuBLASLt error";
  }
}
const char* cublasLtGetStatusName(cublasStatus_t status) {
  return cublasLtGetStatusString(status);
}
size_t cublasLtGetVersion() {
  return 0;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  if (scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  *desc = reinterpret_cast<cublasLtMatmulDesc_t>(new Product{.compute = compute});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  delete &product_of(desc);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  Product& product = product_of(desc);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return assign(product.transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return assign(product.transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return assign(product.epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return assign(product.bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE:
      return assign(product.bias_stride, value, bytes);
    default:
      return unknown_attribute("product", attribute);
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          uint64_t rows, uint64_t columns, int64_t ld) {
  if (type != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (rows == 0 || columns == 0) return CUBLAS_STATUS_INVALID_VALUE;
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(
      new Layout{.rows = rows, .columns = columns, .ld = ld});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete &layout_of(layout);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, size_t bytes) {
  Layout& to = layout_of(layout);
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return assign(to.batch, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return assign(to.stride, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_ORDER:
      return assign(to.order, value, bytes);
    default:
      return unknown_attribute("layout", attribute);
  }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new cublasLtMatmulPreferenceOpaque_t{};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                                    cublasLtMatmulPreferenceAttributes_t,
                                                    const void*, size_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t* results,
                                              int* found) {
  const Call call{product_of(desc), layout_of(a), layout_of(b), layout_of(c), layout_of(d), 1, 0,
                  nullptr,          nullptr,      nullptr,      nullptr};
  *found = 0;
  if (!call.fits()) return CUBLAS_STATUS_INVALID_VALUE;
  // The real one looks at the bias too: without its pointer no epilogue that adds one is found, and
  // biases a batch apart are refused by some releases. Here those are whose stride is odd.
  if (call.biased() && call.product.bias == nullptr) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (call.product.bias_stride % 2 != 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  results[0] = {};
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t*, void*,
                              size_t, cudaStream_t stream) {
  const Call call{product_of(desc),
                  layout_of(a_layout),
                  layout_of(b_layout),
                  layout_of(c_layout),
                  layout_of(d_layout),
                  *static_cast<const float*>(alpha),
                  *static_cast<const float*>(beta),
                  static_cast<const float*>(a),
                  static_cast<const float*>(b),
                  static_cast<const float*>(c),
                  static_cast<float*>(d)};
  if (!call.fits()) return CUBLAS_STATUS_INVALID_VALUE;
  return enqueue(stream, [call] { call.run(); }) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                                                : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
