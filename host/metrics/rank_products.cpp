#include "metrics/rank_products.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/parallel.hpp"
#include "linalg/cross_products.hpp"

namespace clipk {
namespace {

// Bytes of ranks held at a time. The first bounds a block of columns of the outer matrix. For each
// such block the columns of the inner matrix are ranked again, in blocks of the second size.
constexpr std::int64_t kOuterBytes = std::int64_t{1} << 30;
constexpr std::int64_t kInnerBytes = std::int64_t{1} << 27;
constexpr std::int64_t kMostCols = 1024;
constexpr std::int64_t kRows = 1024;  // rows per block of ranks in float64
constexpr std::int64_t kLine = 16;    // columns read together: a cache line

// Maps a float to an integer of the same order; 0 and -0 are equal.
std::uint32_t ordered(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value == 0 ? 0.0F : value);
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
}

// Radix sort of entries (key, index) by their keys, in digits of 11 bits from the lowest.
void sort_by_key(std::vector<std::uint64_t>& entries, std::vector<std::uint64_t>& spare) {
  constexpr std::size_t kFew = 4096;
  if (entries.size() < kFew) {
    std::sort(entries.begin(), entries.end());
    return;
  }
  constexpr int kBits = 11;
  constexpr std::uint64_t kMask = (1 << kBits) - 1;
  spare.resize(entries.size());
  for (int shift = 32; shift < 64; shift += kBits) {
    std::array<std::size_t, kMask + 1> starts{};
    for (const std::uint64_t entry : entries) ++starts[(entry >> shift) & kMask];
    std::size_t sum = 0;
    for (std::size_t& start : starts) sum += std::exchange(start, sum);
    for (const std::uint64_t entry : entries) spare[starts[(entry >> shift) & kMask]++] = entry;
    entries.swap(spare);
  }
}

// Columns of ranks [cols, n]: twice the mean rank of equal values minus n + 1, which is an integer
// and sums to zero.
class RankBlock {
 public:
  RankBlock(std::int64_t most_cols, std::int64_t n)
      : n_(n), values_(static_cast<std::size_t>(most_cols * n)) {}

  void fill(int threads, const ChosenRows& rows, std::int64_t first_col, std::int64_t cols,
            double* squares) {
    // Copies the values first, each column contiguous.
    cpu::parallel_chunks(threads, n_, 256, [&](std::int64_t first, std::int64_t count) {
      for (std::int64_t j = 0; j < cols; j += kLine) {
        const std::int64_t some = std::min(kLine, cols - j);
        for (std::int64_t i = first; i < first + count; ++i) {
          const float* from = rows.row(i) + first_col + j;
          for (std::int64_t l = 0; l < some; ++l) {
            column(j + l)[i] = std::bit_cast<std::int32_t>(from[l]);
          }
        }
      }
    });
    cpu::parallel_chunks(threads, cols, 8, [&](std::int64_t first, std::int64_t count) {
      std::vector<std::uint64_t> entries(static_cast<std::size_t>(n_)), spare;
      for (std::int64_t j = first; j < first + count; ++j) {
        squares[j] = rank(column(j), entries, spare);
      }
    });
  }

  // The ranks of rows first..., in panels.
  template <class Panels>
  void convert(int threads, std::int64_t cols, std::int64_t first, std::int64_t count,
               Panels& panels) const {
    constexpr std::int64_t kWidth = Panels::width();
    cpu::parallel_for(threads, (cols + kWidth - 1) / kWidth, [&](std::int64_t p) {
      double* to = panels.panel(p);
      const std::int64_t width = std::min(kWidth, cols - p * kWidth);
      for (std::int64_t l = 0; l < width; ++l) {
        const std::int32_t* from = values_.data() + (p * kWidth + l) * n_ + first;
        for (std::int64_t i = 0; i < count; ++i) to[i * kWidth + l] = from[i];
      }
    });
  }

 private:
  std::int32_t* column(std::int64_t j) { return values_.data() + j * n_; }

  // Replaces values by ranks; returns their sum of squares.
  double rank(std::int32_t* values, std::vector<std::uint64_t>& entries,
              std::vector<std::uint64_t>& spare) const {
    for (std::int64_t i = 0; i < n_; ++i) {
      const std::uint64_t key = ordered(std::bit_cast<float>(values[i]));
      entries[static_cast<std::size_t>(i)] = key << 32 | static_cast<std::uint64_t>(i);
    }
    sort_by_key(entries, spare);
    double square = 0;
    for (std::int64_t first = 0; first < n_;) {
      std::int64_t last = first + 1;
      const std::uint64_t key = entries[static_cast<std::size_t>(first)] >> 32;
      while (last < n_ && entries[static_cast<std::size_t>(last)] >> 32 == key) ++last;
      const auto rank = static_cast<std::int32_t>(first + last - n_);
      for (std::int64_t i = first; i < last; ++i) {
        values[static_cast<std::uint32_t>(entries[static_cast<std::size_t>(i)])] = rank;
      }
      square += static_cast<double>(last - first) * static_cast<double>(rank) * rank;
      first = last;
    }
    return square;
  }

  std::int64_t n_;
  std::vector<std::int32_t> values_;
};

std::int64_t block_cols(std::int64_t bytes, std::int64_t n, std::int64_t cols) {
  const std::int64_t most = std::clamp<std::int64_t>(bytes / (4 * n), 1, kMostCols);
  const std::int64_t blocks = std::max<std::int64_t>((cols + most - 1) / most, 1);
  return (cols + blocks - 1) / blocks;  // blocks of nearly equal size
}

}  // namespace

void rank_products(int threads, const ChosenRows& x, const ChosenRows& y,
                   MatrixView<double> products, std::vector<double>& x_squares,
                   std::vector<double>& y_squares) {
  const std::int64_t n = x.rows(), c = x.matrix.cols, f = y.matrix.cols;
  x_squares.resize(static_cast<std::size_t>(c));
  y_squares.resize(static_cast<std::size_t>(f));
  const std::int64_t x_cols = block_cols(kOuterBytes, n, c);
  const std::int64_t y_cols = block_cols(kInnerBytes, n, f);
  RankBlock x_ranks(x_cols, n), y_ranks(y_cols, n);
  cpu::LeftPanels left(std::min(n, kRows), x_cols);
  cpu::RightPanels right(std::min(n, kRows), y_cols);
  for (std::int64_t row = 0; row < c; row += x_cols) {
    const std::int64_t rows = std::min(x_cols, c - row);
    x_ranks.fill(threads, x, row, rows, x_squares.data() + row);
    for (std::int64_t col = 0; col < f; col += y_cols) {
      const std::int64_t cols = std::min(y_cols, f - col);
      y_ranks.fill(threads, y, col, cols, y_squares.data() + col);
      const MatrixView<double> block = products.row_range(row, rows).col_range(col, cols);
      for (std::int64_t first = 0; first < n; first += kRows) {
        const std::int64_t count = std::min(kRows, n - first);
        x_ranks.convert(threads, rows, first, count, left);
        y_ranks.convert(threads, cols, first, count, right);
        cpu::cross_products(threads, left, right, count, block);
      }
    }
  }
}

}  // namespace clipk
