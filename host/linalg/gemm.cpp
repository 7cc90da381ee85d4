#include "linalg/gemm.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/parallel.hpp"
#include "linalg/gemm_product.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "linalg/gemm.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per target; must come before highway.h
#include <hwy/highway.h>
// after highway.h
#include <hwy/cache_control.h>

#include "linalg/gemm_kernel-inl.hpp"
#include "linalg/gemm_pack-inl.hpp"

// Blocks of B [kDepth, some columns] are packed into panels as wide as a tile of C and stay in the
// cache; rows of A stream past them, a tile's height at a time. A tile takes its blocks of k one
// after another while it is in L1, so that C is written once per kDepth values of k.
//
// Ladder, AVX-512 (5000 x 5000 x 512 and 5000 x 5000 x 64, shares of the peak)
//   1  a panel of B in L1, rows of A past it      0.80 0.70   C is written in narrow columns
//   2  rows of A in L1, panels of B past them     0.86 0.83
//   3  two blocks of k per visit to a tile        0.87 0.83   C leaves the cache half as often
//   4  the next rows of A are prefetched          0.88 0.85
//   5  more of B, in L3; C is prefetched to write  2 % and 1 % faster than 4   <- this one

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Values of k that are packed at a time.
constexpr std::int64_t kDepth = 2 * kGemmBlock;
// Bytes of B that are packed at a time: about half of L2. For many rows of A, more is packed and
// stays in L3, so that A is read less often.
constexpr std::int64_t kPackedBytes = std::int64_t{1} << 19;
constexpr std::int64_t kManyRows = 2048;
constexpr std::int64_t kPackedForManyRows = std::int64_t{5} << 19;
// Up to this many rows, B is read in place (not packed) if it need not be transposed.
constexpr std::int64_t kRowsInPlace = HWY_TARGET <= HWY_AVX3 ? 256 : 64;
// Up to this many columns, A is read in place.
constexpr std::int64_t kColsInPlace = 64;
// Tiles whose rows of A are packed together: if A is transposed, they share cache lines.
constexpr std::int64_t kPackedTiles = 8;
constexpr std::int64_t kLineBytes = 64;
// Prefetch distance in values of k, if A is transposed.
constexpr std::int64_t kAhead = 16;

template <class T>
using Kernel = void (*)(const T*, std::int64_t, std::int64_t, const T*, std::int64_t, std::int64_t,
                        const TileOut<T>&);

template <class T, int kVectors, int... kR>
constexpr std::array<Kernel<T>, sizeof...(kR)> kernels_of_width(std::integer_sequence<int, kR...>) {
  return {&tile_kernel<kR + 1, kVectors, T>...};
}
// kernels[vectors - 1][rows - 1]
template <class T, int... kV>
constexpr std::array<std::array<Kernel<T>, kTileRows>, sizeof...(kV)> kernels_of(
    std::integer_sequence<int, kV...>) {
  return {kernels_of_width<T, kV + 1>(std::make_integer_sequence<int, kTileRows>())...};
}

/// Cuts rows into tiles of nearly the same height, because tiles of few rows are slower.
struct RowTiles {
  explicit RowTiles(std::int64_t rows)
      : count((rows + kTileRows - 1) / kTileRows), height(rows / count), higher(rows % count) {}
  std::int64_t first(std::int64_t tile) const { return tile * height + std::min(tile, higher); }
  std::int64_t rows(std::int64_t tile) const { return height + (tile < higher ? 1 : 0); }
  std::int64_t count, height, higher;
};

/// One operand's part of a tile: element (r, k) at data[r * row + k * step].
template <class T>
struct Strided {
  const T* data;
  std::int64_t row, step;
};

template <class T>
class BlockedProduct {
 public:
  explicit BlockedProduct(const Product<T>& p)
      : p_(p),
        tiles_(p.m),
        // Rows that are a multiple of a page apart would evict each other from L1.
        pack_a_(p.n > kColsInPlace && (p.a == Transpose::yes || p.lda * kBytes % 4096 == 0)),
        depth_(std::min(p.k, pack_a_ ? kGemmBlock : kDepth)),
        pack_b_(p.b == Transpose::yes || p.m > kRowsInPlace || p.n % kLanes != 0),
        block_cols_(std::min((p.n + kCols - 1) / kCols * kCols,
                             std::max(kCols, packed_bytes() / kBytes / depth_ / kCols * kCols))) {
    const std::int64_t a_size = pack_a_ ? kPackedTiles * kRows * depth_ : 0;
    panels_a_ = panel_scratch<T>(a_size + (pack_b_ ? block_cols_ * depth_ : 0));
    panels_b_ = panels_a_ + a_size;
  }

  void run() {
    for (std::int64_t j = 0; j < p_.n; j += block_cols_) {
      const std::int64_t cols = std::min(block_cols_, p_.n - j);
      for (std::int64_t k = 0; k < p_.k; k += depth_) {
        const std::int64_t depth = std::min(depth_, p_.k - k);
        if (pack_b_) pack_b(k, depth, j, cols);
        for (std::int64_t t = 0; t < tiles_.count; ++t) {
          if (pack_a_ && t % kPackedTiles == 0) pack_a(t, k, depth);
          row_of_tiles(t, k, depth, j, cols);
          if (k + depth == p_.k && p_.epilogue) {
            p_.epilogue({tiles_.first(t), tiles_.rows(t), j, cols});
          }
        }
      }
    }
  }

 private:
  static constexpr auto kBytes = static_cast<std::int64_t>(sizeof(T));
  static constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  static constexpr std::int64_t kCols = kTileVectors * kLanes;
  // From one k to the next in a panel of A: whole vectors.
  static constexpr std::int64_t kRows = (kTileRows + kLanes - 1) / kLanes * kLanes;

  std::int64_t packed_bytes() const {
    return p_.m >= kManyRows ? kPackedForManyRows : kPackedBytes;
  }

  void pack_b(std::int64_t k, std::int64_t depth, std::int64_t j, std::int64_t cols) {
    for (std::int64_t c = 0; c < cols; c += kCols) {
      const T* const from = p_.b_at(k, j + c);
      T* const to = panels_b_ + c * depth;
      if (p_.b == Transpose::yes) {
        pack_across(from, p_.ldb, std::min(kCols, cols - c), depth, kCols, to);
      } else {
        pack_along(from, p_.ldb, std::min(kCols, cols - c), depth, kCols, to);
      }
    }
  }

  void pack_a(std::int64_t first, std::int64_t k, std::int64_t depth) {
    const std::int64_t last = std::min(first + kPackedTiles, tiles_.count);
    if (p_.a == Transpose::yes) return pack_columns_of_a(first, last, k, depth);
    for (std::int64_t t = first; t < last; ++t) {
      pack_across(p_.a_at(tiles_.first(t), k), p_.lda, tiles_.rows(t), depth, kRows,
                  packed_tile(t));
    }
  }
  // The tiles lie side by side in a stored row of A, which is read once for all of them.
  void pack_columns_of_a(std::int64_t first, std::int64_t last, std::int64_t k,
                         std::int64_t depth) {
    const hn::ScalableTag<T> d;
    const std::int64_t end = tiles_.first(last - 1) + tiles_.rows(last - 1);
    for (std::int64_t l = 0; l < depth; ++l) {
      const T* const row = p_.A + (k + l) * p_.lda;
      const T* const ahead = p_.A + std::min(k + l + kAhead, p_.k - 1) * p_.lda;
      for (std::int64_t i = tiles_.first(first); i < end; i += kLineBytes / kBytes) {
        hwy::Prefetch(ahead + i);
      }
      for (std::int64_t t = first; t < last; ++t) {
        const std::int64_t i = tiles_.first(t);
        T* const to = packed_tile(t) + l * kRows;
        if (i + kRows > p_.m) {
          pack_along(row + i, p_.lda, tiles_.rows(t), 1, kRows, to);
        } else {  // with some of the next tile's
          for (std::int64_t r = 0; r < kRows; r += kLanes) {
            hn::StoreU(hn::LoadU(d, row + i + r), d, to + r);
          }
        }
      }
    }
  }
  T* packed_tile(std::int64_t t) const { return panels_a_ + t % kPackedTiles * kRows * depth_; }

  Strided<T> rows_of_a(std::int64_t t, std::int64_t k) const {
    if (pack_a_) return {packed_tile(t), 1, kRows};
    const T* const a = p_.a_at(tiles_.first(t), k);
    if (p_.a == Transpose::yes) return {a, 1, p_.lda};
    return {a, p_.lda, 1};
  }

  // Lines first ... last - 1 of each row of A that the next tiles will read.
  void prefetch_rows(std::int64_t t, std::int64_t k, std::int64_t first, std::int64_t last) const {
    constexpr std::int64_t kLine = kLineBytes / kBytes;
    for (std::int64_t r = 0; r < tiles_.rows(t); ++r) {
      const T* const row = p_.a_at(tiles_.first(t) + r, k);
      for (std::int64_t line = first; line < last; ++line) hwy::Prefetch(row + line * kLine);
    }
  }

  void row_of_tiles(std::int64_t t, std::int64_t k, std::int64_t depth, std::int64_t j,
                    std::int64_t cols) const {
    static constexpr auto kKernels = kernels_of<T>(std::make_integer_sequence<int, kTileVectors>());
    const Strided<T> a = rows_of_a(t, k);
    const std::int64_t b_step = pack_b_ ? kCols : p_.ldb;
    const bool prefetch = !pack_a_ && p_.a == Transpose::no && t + 1 < tiles_.count;
    const std::int64_t lines = (depth * kBytes + kLineBytes - 1) / kLineBytes;
    const std::int64_t share = (lines * kCols + cols - 1) / cols;  // of a tile's lines
    for (std::int64_t c = 0; c < cols; c += kCols) {
      if (prefetch) {
        const std::int64_t first = c / kCols * share;
        prefetch_rows(t + 1, k, first, std::min(first + share, lines));
      }
      const T* const b = pack_b_ ? panels_b_ + c * depth : p_.b_at(k, j + c);
      TileOut<T> out{p_.C + tiles_.first(t) * p_.ldc + j + c,
                     p_.ldc,
                     std::min(kCols, cols - c),
                     p_.alpha,
                     p_.beta,
                     p_.beta != 0};
      const auto vectors = static_cast<std::size_t>((out.cols + kLanes - 1) / kLanes);
      const Kernel<T> kernel = kKernels[vectors - 1][static_cast<std::size_t>(tiles_.rows(t) - 1)];
      for (std::int64_t block = 0; block < depth; block += kGemmBlock) {
        if (k + block > 0) {
          out.beta = 1;
          out.read = true;
        }
        kernel(a.data + block * a.step, a.row, a.step, b + block * b_step, b_step,
               std::min(kGemmBlock, depth - block), out);
      }
    }
  }

  const Product<T>& p_;
  RowTiles tiles_;
  bool pack_a_;
  std::int64_t depth_;
  bool pack_b_;
  std::int64_t block_cols_;
  T *panels_a_, *panels_b_;
};

void product_float(const Product<float>& p) {
  BlockedProduct<float>(p).run();
}
void product_double(const Product<double>& p) {
  BlockedProduct<double>(p).run();
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(product_float);
HWY_EXPORT(product_double);

namespace {

// Tiles of less work than this (0.1 ms) do not pay for a thread.
constexpr std::int64_t kTileWork = std::int64_t{1} << 24;  // multiply-adds
// Enough tiles per thread, so that none waits long for the others.
constexpr std::int64_t kTilesOfThread = 4;
constexpr std::int64_t kLeastTileCols = 128;

void multiply(const Product<float>& p) {
  HWY_DYNAMIC_DISPATCH(product_float)(p);
}
void multiply(const Product<double>& p) {
  HWY_DYNAMIC_DISPATCH(product_double)(p);
}

template <class T>
void serial(const Product<T>& p) {
  if (p.m == 0 || p.n == 0) return;
  if (p.k > 0) return multiply(p);
  for (std::int64_t i = 0; i < p.m; ++i) {
    T* const row = p.C + i * p.ldc;
    for (std::int64_t j = 0; j < p.n; ++j) row[j] = p.beta == 0 ? 0 : p.beta * row[j];
  }
  if (p.epilogue) p.epilogue({0, p.m, 0, p.n});
}

template <class T>
Product<T> part_of(const Product<T>& p, const GemmTile& t) {
  Product<T> part = p;
  part.m = t.rows;
  part.n = t.cols;
  part.A = p.a_at(t.row, 0);
  part.B = p.b_at(0, t.col);
  part.C = p.C + t.row * p.ldc + t.col;
  return part;
}

template <class T>
void tiled(int threads, const Product<T>& p) {
  const GemmGrid grid = gemm_grid(threads, p.m, p.n, p.k);
  parallel_for(threads, grid.tiles(),
               [&](std::int64_t task) { serial(part_of(p, grid.tile(task))); });
}

// Computes strips of columns down to the diagonal, the longest first, then the part below it.
template <class T>
void symmetric(int threads, const Product<T>& p) {
  const std::int64_t strips = (p.n + kLeastTileCols - 1) / kLeastTileCols;
  parallel_for(p.m * p.n * p.k < kTileWork ? 1 : threads, strips, [&](std::int64_t task) {
    const std::int64_t first = (strips - 1 - task) * kLeastTileCols;
    const std::int64_t last = std::min(first + kLeastTileCols, p.n);
    serial(part_of(p, {0, last, first, last - first}));
  });
  for (std::int64_t i = 1; i < p.m; ++i) {
    for (std::int64_t j = 0; j < i; ++j) p.C[i * p.ldc + j] = p.C[j * p.ldc + i];
  }
}

Transpose other(Transpose a) {
  return a == Transpose::no ? Transpose::yes : Transpose::no;
}

}  // namespace

GemmGrid gemm_grid(int threads, std::int64_t m, std::int64_t n, std::int64_t k) {
  const auto cut = [](std::int64_t size, std::int64_t parts, std::int64_t multiple) {
    parts = std::max<std::int64_t>(parts, 1);
    return std::max<std::int64_t>(1, ((size + parts - 1) / parts + multiple - 1) / multiple) *
           multiple;
  };
  const std::int64_t wanted =
      threads == 1 ? 1 : std::min(kTilesOfThread * threads, m * n * k / kTileWork);
  // The loop over columns is outside: a tile packs its columns of B once, for all its rows.
  GemmGrid grid{m, n, 1, cut(n, std::min(wanted, n / kLeastTileCols), 64)};
  grid.tile_rows = cut(m, wanted / std::max<std::int64_t>(1, grid.col_tiles()), 1);
  return grid;
}

void gemm_serial(Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
                 float alpha, const float* A, std::int64_t lda, const float* B, std::int64_t ldb,
                 float beta, float* C, std::int64_t ldc, GemmEpilogue epilogue) {
  serial<float>({a, b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc, epilogue});
}
void gemm_serial(Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
                 double alpha, const double* A, std::int64_t lda, const double* B, std::int64_t ldb,
                 double beta, double* C, std::int64_t ldc, GemmEpilogue epilogue) {
  serial<double>({a, b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc, epilogue});
}

void gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
          float alpha, const float* A, std::int64_t lda, const float* B, std::int64_t ldb,
          float beta, float* C, std::int64_t ldc) {
  tiled<float>(threads, {a, b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc, {}});
}
void gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
          double alpha, const double* A, std::int64_t lda, const double* B, std::int64_t ldb,
          double beta, double* C, std::int64_t ldc) {
  tiled<double>(threads, {a, b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc, {}});
}

void gemm_symmetric(int threads, Transpose a, std::int64_t m, std::int64_t k, float alpha,
                    const float* A, std::int64_t lda, float beta, float* C, std::int64_t ldc) {
  symmetric<float>(threads, {a, other(a), m, m, k, alpha, A, lda, A, lda, beta, C, ldc, {}});
}
void gemm_symmetric(int threads, Transpose a, std::int64_t m, std::int64_t k, double alpha,
                    const double* A, std::int64_t lda, double beta, double* C, std::int64_t ldc) {
  symmetric<double>(threads, {a, other(a), m, m, k, alpha, A, lda, A, lda, beta, C, ldc, {}});
}

}  // namespace clipk::cpu
#endif
