#include "linalg/column_products.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "clipk/core/check_finite.hpp"
#include "core/parallel.hpp"
#include "linalg/cross_products.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kMomentBlocks = 1024;  // partial sums at most
constexpr std::int64_t kMomentRows = 512;     // rows of a partial sum at least
constexpr std::int64_t kRows = 1024;          // rows per block of centred rows
constexpr std::int64_t kCols = 4096;          // columns of it

// Adds term(row, sums) of every row to sums [width]: partial sums of fixed blocks, in their order.
template <class F>
std::vector<double> sum_rows(int threads, std::int64_t n, std::int64_t width, F&& term) {
  const std::int64_t grain = std::max(kMomentRows, (n + kMomentBlocks - 1) / kMomentBlocks);
  const std::int64_t blocks = (n + grain - 1) / grain;
  std::vector<double> partial(static_cast<std::size_t>(blocks * width));
  cpu::parallel_chunks(threads, n, grain, [&](std::int64_t first, std::int64_t count) {
    double* sums = partial.data() + first / grain * width;
    for (std::int64_t i = first; i < first + count; ++i) term(i, sums);
  });
  std::vector<double> total(static_cast<std::size_t>(width));
  for (std::int64_t b = 0; b < blocks; ++b) {
    for (std::int64_t j = 0; j < width; ++j) {
      total[static_cast<std::size_t>(j)] += partial[static_cast<std::size_t>(b * width + j)];
    }
  }
  return total;
}

// Columns first_col... of rows first..., minus the column means, in panels.
template <class Panels>
void centre(int threads, const ChosenRows& rows, const std::vector<double>& means,
            std::int64_t first, std::int64_t count, std::int64_t first_col, std::int64_t cols,
            Panels& panels) {
  constexpr std::int64_t kWidth = Panels::width();
  cpu::parallel_chunks(threads, count, 64, [&](std::int64_t begin, std::int64_t some) {
    for (std::int64_t i = begin; i < begin + some; ++i) {
      for (std::int64_t j = 0; j < cols; j += kWidth) {
        const float* row = rows.row(first + i) + first_col + j;
        const double* mean = means.data() + first_col + j;
        double* to = panels.panel(j / kWidth) + i * kWidth;
        const std::int64_t width = std::min(kWidth, cols - j);
        for (std::int64_t l = 0; l < width; ++l) to[l] = static_cast<double>(row[l]) - mean[l];
      }
    }
  });
}

}  // namespace

ColumnSpread column_spread(int threads, const ChosenRows& rows, const char* name) {
  const std::int64_t n = rows.rows(), cols = rows.matrix.cols;
  ColumnSpread moments;
  const std::vector<double> sums = sum_rows(threads, n, cols, [&](std::int64_t i, double* partial) {
    const float* row = rows.row(i);
    for (std::int64_t j = 0; j < cols; ++j) partial[j] += static_cast<double>(row[j]);
  });
  // A sum of float32 values cannot overflow float64: it is finite if all values are.
  if (!std::all_of(sums.begin(), sums.end(), [](double sum) { return std::isfinite(sum); })) {
    check_finite(rows.matrix, name);
  }
  for (const double sum : sums) moments.means.push_back(sum / static_cast<double>(n));
  moments.squares = sum_rows(threads, n, cols, [&](std::int64_t i, double* partial) {
    const float* row = rows.row(i);
    for (std::int64_t j = 0; j < cols; ++j) {
      const double deviation =
          static_cast<double>(row[j]) - moments.means[static_cast<std::size_t>(j)];
      partial[j] += deviation * deviation;
    }
  });
  return moments;
}

void centred_products(int threads, const ChosenRows& x, const ColumnSpread& x_spread,
                      const ChosenRows& y, const ColumnSpread& y_spread,
                      MatrixView<double> products) {
  const std::int64_t n = x.rows(), c = x.matrix.cols, f = y.matrix.cols;
  cpu::LeftPanels left(std::min(n, kRows), std::min(c, kCols));
  cpu::RightPanels right(std::min(n, kRows), std::min(f, kCols));
  for (std::int64_t row = 0; row < c; row += kCols) {
    const std::int64_t rows = std::min(kCols, c - row);
    for (std::int64_t col = 0; col < f; col += kCols) {
      const std::int64_t cols = std::min(kCols, f - col);
      const MatrixView<double> block = products.row_range(row, rows).col_range(col, cols);
      for (std::int64_t first = 0; first < n; first += kRows) {
        const std::int64_t count = std::min(kRows, n - first);
        centre(threads, x, x_spread.means, first, count, row, rows, left);
        centre(threads, y, y_spread.means, first, count, col, cols, right);
        cpu::cross_products(threads, left, right, count, block);
      }
    }
  }
}

}  // namespace clipk
