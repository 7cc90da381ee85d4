#pragma once

#include <algorithm>
#include <cstdint>

// The matrix product of all CPU backends: C [m, n] = alpha op(A) op(B) + beta C, row-major; op(A)
// is [m, k], op(B) is [k, n].
//
// Every element is computed by one rule, on every processor, so that it depends on its row of
// op(A), its column of op(B) and its old value alone: not on m, n, the strides, the transposes,
// the threads or the tiles. k is cut into blocks of kGemmBlock values. The sum of a block is a
// chain of fused multiply-adds that begins with 0 and runs upwards over k; block after block it is
// added to c:
//
//   sum = 0;  sum = fma(a_k, b_k, sum) for each k of the block
//   first block:  c = alpha * sum                 if beta is 0 (c is not read)
//                 c = fma(alpha, sum, beta * c)   otherwise
//   the others:   c = fma(alpha, sum, c)
//
// So equal rows have equal products, A A^T is exactly symmetric, and NaN and infinity propagate as
// in the plain loop. Without any block (k = 0) c becomes beta * c, or 0 if beta is 0.
namespace clipk::cpu {

/// Values of k that one chain of multiply-adds runs over.
inline constexpr std::int64_t kGemmBlock = 256;

enum class Transpose : char { no, yes };

struct GemmTile {
  std::int64_t row, rows, col, cols;
};

/// Refers to a function that receives finished parts of C, on the thread that computed them and
/// while they are in cache: for biases, activations and the like. It must not call gemm, because
/// the thread's panels are in use.
class GemmEpilogue {
 public:
  GemmEpilogue() = default;
  template <class F>
  explicit GemmEpilogue(const F& f)
      : call_([](const void* object, const GemmTile& done) {
          (*static_cast<const F*>(object))(done);
        }),
        object_(&f) {}

  explicit operator bool() const { return call_ != nullptr; }
  void operator()(const GemmTile& done) const { call_(object_, done); }

 private:
  void (*call_)(const void*, const GemmTile&) = nullptr;
  const void* object_ = nullptr;
};

/// If called by one of several tasks of parallel_for, it runs on the calling thread alone.
void gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
          float alpha, const float* A, std::int64_t lda, const float* B, std::int64_t ldb,
          float beta, float* C, std::int64_t ldc);
void gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
          double alpha, const double* A, std::int64_t lda, const double* B, std::int64_t ldb,
          double beta, double* C, std::int64_t ldc);

/// The product of op(A) [m, k] with its transpose, by the same rule, at nearly half the cost.
/// Unless beta is 0, C must be symmetric; the result is symmetric.
void gemm_symmetric(int threads, Transpose a, std::int64_t m, std::int64_t k, float alpha,
                    const float* A, std::int64_t lda, float beta, float* C, std::int64_t ldc);
void gemm_symmetric(int threads, Transpose a, std::int64_t m, std::int64_t k, double alpha,
                    const double* A, std::int64_t lda, double beta, double* C, std::int64_t ldc);

/// gemm on the calling thread, for a caller that is itself a task of parallel_for because it shares
/// the threads between several products or processes one tile after another.
void gemm_serial(Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
                 float alpha, const float* A, std::int64_t lda, const float* B, std::int64_t ldb,
                 float beta, float* C, std::int64_t ldc, GemmEpilogue epilogue = {});
void gemm_serial(Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
                 double alpha, const double* A, std::int64_t lda, const double* B, std::int64_t ldb,
                 double beta, double* C, std::int64_t ldc, GemmEpilogue epilogue = {});

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

/// The tiles that gemm shares among `threads` threads.
GemmGrid gemm_grid(int threads, std::int64_t m, std::int64_t n, std::int64_t k);

}  // namespace clipk::cpu
