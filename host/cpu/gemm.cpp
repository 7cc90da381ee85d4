#include "cpu/gemm.hpp"

#include <dnnl.h>

#include <Eigen/Core>
#include <algorithm>
#include <string>

#include "clipk/core/error.hpp"
#include "cpu/parallel.hpp"

namespace clipk::cpu {
namespace {

// One tile of C a task: at most this large, so that A's and B's parts stay in cache, and large
// enough that packing B again for every row of tiles costs little.
constexpr std::int64_t kTileRows = 384;
constexpr std::int64_t kTileCols = 1536;
// A small product is cut further, down to tiles of this much work (.1 ms), until there are enough.
constexpr std::int64_t kEnoughTiles = 16;
constexpr std::int64_t kTileWork = std::int64_t{1} << 24;  // multiply-adds

template <class T>
const T* at(const T* data, std::int64_t ld, Transpose transpose, std::int64_t row,
            std::int64_t col) {
  return transpose == Transpose::no ? data + row * ld + col : data + col * ld + row;
}

template <class T>
void tiled_gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n,
                std::int64_t k, T alpha, const T* A, std::int64_t lda, const T* B, std::int64_t ldb,
                T beta, T* C, std::int64_t ldc) {
  const GemmGrid grid = gemm_grid(m, n, k);
  parallel_for(threads, grid.tiles(), [&](std::int64_t task) {
    const GemmTile t = grid.tile(task);
    gemm_serial(a, b, t.rows, t.cols, k, alpha, at(A, lda, a, t.row, 0), lda,
                at(B, ldb, b, 0, t.col), ldb, beta, C + t.row * ldc + t.col, ldc);
  });
}

template <class T>
void scale_rows(std::int64_t m, std::int64_t n, T beta, T* C, std::int64_t ldc) {
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) C[i * ldc + j] = beta == 0 ? 0 : beta * C[i * ldc + j];
  }
}

}  // namespace

GemmGrid gemm_grid(std::int64_t m, std::int64_t n, std::int64_t k) {
  GemmGrid grid{m, n, kTileRows, kTileCols};
  const auto half = [](std::int64_t size) { return ((size + 1) / 2 + 15) / 16 * 16; };
  grid.tile_rows = std::min(grid.tile_rows, std::max<std::int64_t>(m, 1));
  grid.tile_cols = std::min(grid.tile_cols, std::max<std::int64_t>(n, 1));
  while (grid.tiles() < kEnoughTiles && grid.tile_rows * grid.tile_cols * k > 2 * kTileWork) {
    if (grid.tile_rows >= grid.tile_cols) {
      grid.tile_rows = half(grid.tile_rows);
    } else {
      grid.tile_cols = half(grid.tile_cols);
    }
  }
  return grid;
}

void gemm_serial(Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
                 float alpha, const float* A, std::int64_t lda, const float* B, std::int64_t ldb,
                 float beta, float* C, std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scale_rows(m, n, beta, C, ldc);
  const dnnl_status_t status = dnnl_sgemm(static_cast<char>(a), static_cast<char>(b), m, n, k,
                                          alpha, A, lda, B, ldb, beta, C, ldc);
  if (status != dnnl_success) {
    throw Error("dnnl_sgemm: expected success, got status " + std::to_string(status) +
                " for m, n, k = " + std::to_string(m) + ", " + std::to_string(n) + ", " +
                std::to_string(k));
  }
}

void gemm_serial(Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
                 double alpha, const double* A, std::int64_t lda, const double* B, std::int64_t ldb,
                 double beta, double* C, std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scale_rows(m, n, beta, C, ldc);
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
