#include "cpu/gemm.hpp"

#include <dnnl.h>

#include <Eigen/Core>
#include <algorithm>
#include <string>

#include "clipk/core/error.hpp"
#include "cpu/parallel.hpp"

namespace clipk::cpu {
namespace {

// One tile of C a task. Large enough that packing B again for every row of tiles costs little.
constexpr std::int64_t kTileRows = 384;
constexpr std::int64_t kTileCols = 1536;

template <class T>
const T* at(const T* data, std::int64_t ld, Transpose transpose, std::int64_t row,
            std::int64_t col) {
  return transpose == Transpose::no ? data + row * ld + col : data + col * ld + row;
}

void gemm_tile(Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
               float alpha, const float* A, std::int64_t lda, const float* B, std::int64_t ldb,
               float beta, float* C, std::int64_t ldc) {
  const dnnl_status_t status = dnnl_sgemm(static_cast<char>(a), static_cast<char>(b), m, n, k,
                                          alpha, A, lda, B, ldb, beta, C, ldc);
  if (status != dnnl_success) {
    throw Error("dnnl_sgemm: expected success, got status " + std::to_string(status) +
                " for m, n, k = " + std::to_string(m) + ", " + std::to_string(n) + ", " +
                std::to_string(k));
  }
}

void gemm_tile(Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
               double alpha, const double* A, std::int64_t lda, const double* B, std::int64_t ldb,
               double beta, double* C, std::int64_t ldc) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Stride = Eigen::OuterStride<>;
  const bool ta = a == Transpose::yes;
  const bool tb = b == Transpose::yes;
  const Eigen::Map<const RowMajor, 0, Stride> Am(A, ta ? k : m, ta ? m : k, Stride(lda));
  const Eigen::Map<const RowMajor, 0, Stride> Bm(B, tb ? n : k, tb ? k : n, Stride(ldb));
  Eigen::Map<RowMajor, 0, Stride> Cm(C, m, n, Stride(ldc));
  if (beta == 0) {
    Cm.setZero();
  } else if (beta != 1) {
    Cm *= beta;
  }
  if (ta && tb) {
    Cm.noalias() += alpha * Am.transpose() * Bm.transpose();
  } else if (ta) {
    Cm.noalias() += alpha * Am.transpose() * Bm;
  } else if (tb) {
    Cm.noalias() += alpha * Am * Bm.transpose();
  } else {
    Cm.noalias() += alpha * Am * Bm;
  }
}

template <class T>
void tiled_gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n,
                std::int64_t k, T alpha, const T* A, std::int64_t lda, const T* B, std::int64_t ldb,
                T beta, T* C, std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  const std::int64_t row_tiles = (m + kTileRows - 1) / kTileRows;
  const std::int64_t col_tiles = (n + kTileCols - 1) / kTileCols;
  parallel_for(threads, row_tiles * col_tiles, [&](std::int64_t tile) {
    const std::int64_t i = tile / col_tiles * kTileRows;
    const std::int64_t j = tile % col_tiles * kTileCols;
    gemm_tile(a, b, std::min(kTileRows, m - i), std::min(kTileCols, n - j), k, alpha,
              at(A, lda, a, i, 0), lda, at(B, ldb, b, 0, j), ldb, beta, C + i * ldc + j, ldc);
  });
}

}  // namespace

void gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
          float alpha, const float* A, std::int64_t lda, const float* B, std::int64_t ldb,
          float beta, float* C, std::int64_t ldc) {
  tiled_gemm(threads, a, b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
}

void gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
          double alpha, const double* A, std::int64_t lda, const double* B, std::int64_t ldb,
          double beta, double* C, std::int64_t ldc) {
  tiled_gemm(threads, a, b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
}

}  // namespace clipk::cpu
