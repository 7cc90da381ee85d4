#pragma once

#include <algorithm>
#include <cstdint>

#include "clipk/core/memory.hpp"
#include "core/parallel.hpp"
#include "linalg/gemm.hpp"

// Gradients of a loss over distances e_ij = |x_i - y_j|, given c_ij = dL/de_ij / e_ij:
//   grad_x_i += sum_j c_ij (x_i - y_j) = (sum_j c_ij) x_i - (C Y)_i
//   grad_y_j += sum_i c_ij (y_j - x_i) = (sum_i c_ij) y_j - (C' X)_j
// C is made a tile at a time and never stored: both products are taken while the tile is in cache.
// Near twins, whose c_ij is large and whose two terms cancel, are added one by one.
namespace clipk::cpu {

template <class T>
struct NearTwins {
  std::int32_t i, j;  ///< within the tile
  T coefficient;
};

/// One tile of C, to be filled by the core that works on it.
template <class T>
struct GradientTile {
  std::int64_t stripe;  ///< the stripe of rows it lies in: one thread works on one at a time
  std::int64_t row, rows, col, cols;
  T* values;  ///< [rows, cols]; to be written whole
  std::int64_t stride;
  double* row_sums;  ///< [rows]: the sums of each row and column are to be added here
  double* col_sums;  ///< [cols]
  bool within;       ///< only j > i counts; zeros belong elsewhere
  NearTwins<T>* twins;
  std::int64_t* twin_count;

  /// Takes c_ij by itself: its value and its share of the sums in the tile are to be zero.
  void add_twin(std::int64_t i, std::int64_t j, T coefficient) const {
    twins[(*twin_count)++] = {static_cast<std::int32_t>(i), static_cast<std::int32_t>(j),
                              coefficient};
  }

  /// The first column of row i of the tile that counts.
  std::int64_t first_col(std::int64_t i) const {
    return within ? std::clamp<std::int64_t>(row + i + 1 - col, 0, cols) : 0;
  }
};

/// How n rows are cut: by their number alone, so that results do not depend on the threads. Each
/// stripe keeps a partial of grad_y of its own, hence not many; each is a task, hence not few.
struct PairStripes {
  static constexpr std::int64_t kMost = 16;
  static constexpr std::int64_t kTileRows = 160;
  static constexpr std::int64_t kTileCols = 512;

  explicit PairStripes(std::int64_t n)
      : rows(std::max<std::int64_t>(64, ((n + kMost - 1) / kMost + 15) / 16 * 16)),
        count((n + rows - 1) / rows) {}
  std::int64_t rows;
  std::int64_t count;
};

/// Calls fill(GradientTile<T>) for tiles that cover all i and j, and adds the gradients; an empty
/// gradient is not computed. Where `within` is set, y is x, only c_ij with j > i are filled, and
/// grad_x takes both sides of each; grad_y is empty then.
/// Rows should be centred: the form above cancels where they share a large offset.
template <class T, class Fill>
void pair_gradient(int threads, Scratch& scratch, MatrixView<const T> x, MatrixView<const T> y,
                   bool within, Fill&& fill, MatrixView<T> grad_x, MatrixView<T> grad_y) {
  const std::int64_t n = x.rows, m = y.rows, q = x.cols;
  if (n == 0 || m == 0) return;
  const PairStripes stripes(n);
  const bool want_rows = !grad_x.empty();
  const bool want_cols = within ? want_rows : !grad_y.empty();
  const std::int64_t tile_rows = std::min(PairStripes::kTileRows, stripes.rows);
  const std::int64_t tile_cols = std::min(PairStripes::kTileCols, (m + 15) / 16 * 16);

  const VectorView<T> tiles = scratch.vector<T>(stripes.count * tile_rows * tile_cols);
  const VectorView<NearTwins<T>> twins = scratch.vector<NearTwins<T>>(tiles.size);
  const VectorView<double> row_sums = scratch.vector<double>(n);
  const VectorView<double> col_sums = scratch.vector<double>(stripes.count * m);
  const MatrixView<T> row_part = scratch.matrix<T>(want_rows ? n : 0, q);
  const MatrixView<T> col_part = scratch.matrix<T>(want_cols ? stripes.count * m : 0, q);

  parallel_for(threads, stripes.count, [&](std::int64_t s) {
    const std::int64_t first = s * stripes.rows;
    const std::int64_t last = std::min(n, first + stripes.rows);
    T* const values = tiles.data + s * tile_rows * tile_cols;
    NearTwins<T>* const twin = twins.data + s * tile_rows * tile_cols;
    std::fill(row_sums.data + first, row_sums.data + last, 0.0);
    std::fill(col_sums.data + s * m, col_sums.data + (s + 1) * m, 0.0);
    const std::int64_t start = within ? first : 0;
    for (std::int64_t j = start; j < m; j += tile_cols) {
      const std::int64_t cols = std::min(tile_cols, m - j);
      for (std::int64_t i = first; i < last; i += tile_rows) {
        if (within && i > first && j + cols <= i) continue;  // wholly below the diagonal
        const std::int64_t rows = std::min(tile_rows, last - i);
        std::int64_t twin_count = 0;
        fill(GradientTile<T>{s, i, rows, j, cols, values, tile_cols, row_sums.data + i,
                             col_sums.data + s * m + j, within, twin, &twin_count});
        if (want_rows) {
          const bool fresh = j == start || (within && i > first && j <= i);
          gemm(1, Transpose::no, Transpose::no, rows, q, cols, T{1}, values, tile_cols, y.row(j),
               y.stride, fresh ? T{0} : T{1}, row_part.row(i), q);
        }
        if (want_cols) {
          gemm(1, Transpose::yes, Transpose::no, cols, q, rows, T{1}, values, tile_cols, x.row(i),
               x.stride, i == first ? T{0} : T{1}, col_part.row(s * m + j), q);
        }
        for (std::int64_t t = 0; t < twin_count; ++t) {
          const T c = twin[t].coefficient;
          const T* const row_x = x.row(i + twin[t].i);
          const T* const row_y = y.row(j + twin[t].j);
          T* const part_x = want_rows ? row_part.row(i + twin[t].i) : nullptr;
          T* const part_y = want_cols ? col_part.row(s * m + j + twin[t].j) : nullptr;
          for (std::int64_t k = 0; k < q && want_rows; ++k) part_x[k] -= c * (row_x[k] - row_y[k]);
          for (std::int64_t k = 0; k < q && want_cols; ++k) part_y[k] += c * (row_x[k] - row_y[k]);
        }
      }
    }
  });

  constexpr std::int64_t kRowGrain = 64;
  if (want_rows) {
    parallel_chunks(threads, n, kRowGrain, [&](std::int64_t first, std::int64_t count) {
      for (std::int64_t i = first; i < first + count; ++i) {
        const T sum = static_cast<T>(row_sums[i]);
        const T* const row = x.row(i);
        const T* const part = row_part.row(i);
        T* const grad = grad_x.row(i);
        for (std::int64_t k = 0; k < q; ++k) grad[k] += sum * row[k] - part[k];
      }
    });
  }
  if (want_cols) {
    const MatrixView<T> grad_cols = within ? grad_x : grad_y;
    parallel_chunks(threads, m, kRowGrain, [&](std::int64_t first, std::int64_t count) {
      for (std::int64_t j = first; j < first + count; ++j) {
        const std::int64_t slots = within ? j / stripes.rows + 1 : stripes.count;
        double sum = col_sums[j];
        T* const part = col_part.row(j);
        for (std::int64_t s = 1; s < slots; ++s) {
          sum += col_sums[s * m + j];
          const T* const other = col_part.row(s * m + j);
          for (std::int64_t k = 0; k < q; ++k) part[k] += other[k];
        }
        const T* const row = y.row(j);
        T* const grad = grad_cols.row(j);
        for (std::int64_t k = 0; k < q; ++k) grad[k] += static_cast<T>(sum) * row[k] - part[k];
      }
    });
  }
}

}  // namespace clipk::cpu
