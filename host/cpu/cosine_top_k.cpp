#include "cpu/cosine_top_k.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/cosine_top_k.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "clipk/core/matrix.hpp"
#include "core/parallel.hpp"
#include "core/unit_rows.hpp"
#include "cpu/detail/distance_tile.hpp"
#include "cpu/detail/select-inl.hpp"
#include "linalg/row_scales.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One tile into the lists of its rows and of its columns. A column's list takes rows in rising
// order, so a row as near as the list's last is not among its nearest.
// @param limits [cols] the limits of the columns' lists, kept beside them for whole vectors
void select_both(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                 std::int64_t first_col, const float* tile, CandidateList<float>* row_lists,
                 CandidateList<float>* col_lists, float* limits) {
  const hn::ScalableTag<float> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto add = [&](std::int64_t i, std::int64_t j) {
    const float key = tile[i * kTileCols + j];
    if (!(key < limits[j])) return;
    col_lists[j].add(key, static_cast<std::int32_t>(first_row + i));
    limits[j] = col_lists[j].limit;
  };
  const auto take = [&](auto nearer, std::int64_t i, std::int64_t begin) HWY_ATTR {
    std::uint8_t bytes[8] = {};
    hn::StoreMaskBits(tag, nearer, bytes);
    std::uint64_t bits;
    std::memcpy(&bits, bytes, sizeof(bits));
    for (; bits != 0; bits &= bits - 1) add(i, begin + __builtin_ctzll(bits));
  };
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* row = tile + i * kTileCols;
    select(row, cols, first_col, row_lists[i]);
    std::int64_t j = 0;
    for (; j + 2 * lanes <= cols; j += 2 * lanes) {
      const auto nearer0 = hn::Lt(hn::LoadU(tag, row + j), hn::LoadU(tag, limits + j));
      const auto nearer1 =
          hn::Lt(hn::LoadU(tag, row + j + lanes), hn::LoadU(tag, limits + j + lanes));
      if (hn::AllFalse(tag, hn::Or(nearer0, nearer1))) continue;
      take(nearer0, i, j);
      take(nearer1, i, j + lanes);
    }
    for (; j < cols; ++j) add(i, j);
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(select_both);

namespace {

constexpr std::int64_t kMostChunks = 16;  // of rows, each with lists of its own for all columns

// Lists over one block of memory.
class Lists {
 public:
  Lists(std::int64_t count, std::int64_t k)
      : capacity_(k <= kSortedList ? k : 2 * k),
        items_(static_cast<std::size_t>(count * capacity_)) {
    for (std::int64_t i = 0; i < count; ++i) {
      lists_.emplace_back(items_.data() + i * capacity_, static_cast<int>(k),
                          static_cast<int>(capacity_));
    }
  }
  CandidateList<float>* at(std::int64_t i) { return lists_.data() + i; }

 private:
  std::int64_t capacity_;
  std::vector<Candidate<float>> items_;
  std::vector<CandidateList<float>> lists_;
};

void write_row(const Candidate<float>* from, std::int64_t row, MatrixView<std::int32_t> indices,
               MatrixView<float> cosines) {
  for (std::int64_t p = 0; p < indices.cols; ++p) {
    indices(row, p) = from[p].index();
    cosines(row, p) = 1 - from[p].key();
  }
}

// Rows and the reciprocals of their lengths; the rows are a copy at length one where their own
// lengths are extreme.
class ScaledSide {
 public:
  ScaledSide(int threads, MatrixView<const float> rows, const char* name)
      : rows_(rows), scales_(static_cast<std::size_t>(rows.rows)) {
    scale(threads);
    if (lengths_are_moderate(scales_)) return;
    unit_ = unit_rows(threads, rows, name);
    rows_ = std::as_const(unit_).view();
    scale(threads);
  }
  ScaledRows<float> at(std::int64_t row) const {
    return {rows_.row(row), rows_.stride, scales_.data() + row};
  }

 private:
  void scale(int threads) {
    parallel_chunks(threads, rows_.rows, kTileRows, [&](std::int64_t first, std::int64_t count) {
      row_scales(Metric::cosine, rows_.row_range(first, count), scales_.data() + first);
    });
  }

  MatrixView<const float> rows_;
  Matrix<float> unit_;
  std::vector<float> scales_;
};

}  // namespace

void cosine_top_k(int threads, MatrixView<const float> x, MatrixView<const float> y,
                  MatrixView<std::int32_t> indices_of_x, MatrixView<float> cosines_of_x,
                  MatrixView<std::int32_t> indices_of_y, MatrixView<float> cosines_of_y) {
  const std::int64_t n = x.rows, m = y.rows, d = x.cols;
  const ScaledSide scaled_x(threads, x, "cosine_top_k: x");
  const ScaledSide scaled_y(threads, y, "cosine_top_k: y");
  const std::int64_t blocks = (n + kTileRows - 1) / kTileRows;
  const std::int64_t chunks = std::min(blocks, kMostChunks);
  const std::int64_t chunk_blocks = (blocks + chunks - 1) / chunks;
  const std::int64_t per_col = indices_of_y.cols;
  std::vector<Lists> col_lists;
  for (std::int64_t c = 0; c < chunks; ++c) col_lists.emplace_back(m, per_col);

  parallel_for(threads, chunks, [&](std::int64_t chunk) {
    std::vector<float> tile(static_cast<std::size_t>(kTileRows * kTileCols));
    std::vector<float> limits(static_cast<std::size_t>(m), std::numeric_limits<float>::infinity());
    const std::int64_t end = std::min(n, (chunk + 1) * chunk_blocks * kTileRows);
    for (std::int64_t i = chunk * chunk_blocks * kTileRows; i < end; i += kTileRows) {
      const std::int64_t rows = std::min(kTileRows, end - i);
      Lists row_lists(rows, indices_of_x.cols);
      for (std::int64_t j = 0; j < m; j += kTileCols) {
        const std::int64_t cols = std::min(kTileCols, m - j);
        distance_tile(Metric::cosine, rows, cols, d, scaled_x.at(i), scaled_y.at(j), tile.data(),
                      kTileCols);
        HWY_DYNAMIC_DISPATCH(select_both)
        (rows, cols, i, j, tile.data(), row_lists.at(0), col_lists[chunk].at(j), limits.data() + j);
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        row_lists.at(r)->finish();
        write_row(row_lists.at(r)->items, i + r, indices_of_x, cosines_of_x);
      }
    }
  });
  // A candidate is a distance and an index: the order of the chunks does not matter.
  parallel_chunks(threads, m, 64, [&](std::int64_t first, std::int64_t count) {
    std::vector<Candidate<float>> all;
    for (std::int64_t j = first; j < first + count; ++j) {
      all.clear();
      for (Lists& lists : col_lists) {
        CandidateList<float>& list = *lists.at(j);
        const int size = list.finish();
        all.insert(all.end(), list.items, list.items + size);
      }
      std::partial_sort(all.begin(), all.begin() + per_col, all.end());
      write_row(all.data(), j, indices_of_y, cosines_of_y);
    }
  });
}

}  // namespace clipk::cpu
#endif
