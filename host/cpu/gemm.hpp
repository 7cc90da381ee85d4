#pragma once

#include <algorithm>
#include <cstdint>

namespace clipk::cpu {

enum class Transpose : char { no = 'N', yes = 'T' };

/// C [m, n] = alpha op(A) op(B) + beta C, row-major; op(A) is [m, k], op(B) is [k, n].
/// Cut into fixed tiles of C, so that the result does not depend on the number of threads; called
/// from within parallel_for it runs on the calling thread alone.
void gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
          float alpha, const float* A, std::int64_t lda, const float* B, std::int64_t ldb,
          float beta, float* C, std::int64_t ldc);
void gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
          double alpha, const double* A, std::int64_t lda, const double* B, std::int64_t ldb,
          double beta, double* C, std::int64_t ldc);

/// The same without tiles, for a caller that is itself a task of parallel_for: it adds an epilogue
/// to a tile while the tile is in cache, or shares the threads between several products.
void gemm_serial(Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
                 float alpha, const float* A, std::int64_t lda, const float* B, std::int64_t ldb,
                 float beta, float* C, std::int64_t ldc);
void gemm_serial(Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
                 double alpha, const double* A, std::int64_t lda, const double* B, std::int64_t ldb,
                 double beta, double* C, std::int64_t ldc);

struct GemmTile {
  std::int64_t row, rows, col, cols;
};

/// How C [m, n] is cut into tiles.
struct GemmGrid {
  std::int64_t m = 0, n = 0;
  std::int64_t tile_rows = 1, tile_cols = 1;

  std::int64_t row_tiles() const { return (m + tile_rows - 1) / tile_rows; }
  std::int64_t col_tiles() const { return (n + tile_cols - 1) / tile_cols; }
  std::int64_t tiles() const { return row_tiles() * col_tiles(); }
  GemmTile tile(std::int64_t task) const {
    const std::int64_t row = task / col_tiles() * tile_rows;
    const std::int64_t col = task % col_tiles() * tile_cols;
    return {row, std::min(tile_rows, m - row), col, std::min(tile_cols, n - col)};
  }
};

/// The tiles that gemm takes: a function of the size alone.
GemmGrid gemm_grid(std::int64_t m, std::int64_t n, std::int64_t k);

}  // namespace clipk::cpu
