#include "cpu/nearest.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/nearest.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "cpu/parallel.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The nearest columns found so far, in order of distance and then of index.
template <class T>
struct List {
  T* keys;
  std::int32_t* indices;
  int k;
  int filled;

  // Columns come in ascending order, so a newcomer goes behind its equals.
  void insert(T key, std::int32_t index) {
    const int place = static_cast<int>(std::upper_bound(keys, keys + filled, key) - keys);
    filled = std::min(filled + 1, k);
    const auto moved = static_cast<std::size_t>(filled - 1 - place);
    std::memmove(keys + place + 1, keys + place, moved * sizeof(T));
    std::memmove(indices + place + 1, indices + place, moved * sizeof(std::int32_t));
    keys[place] = key;
    indices[place] = index;
  }
};

// Takes what is nearer than the list's last from `count` distances of columns first, first + 1...
// Once the list has filled, few are: a compare of 4 vectors passes over the rest.
template <class T>
void select(const T* row, std::int64_t count, std::int64_t first, List<T>& list) {
  std::int64_t j = 0;
  for (; j < count && list.filled < list.k; ++j) {
    // Not a number counts as infinitely far.
    const T key = row[j] == row[j] ? row[j] : std::numeric_limits<T>::infinity();
    list.insert(key, static_cast<std::int32_t>(first + j));
  }
  const hn::ScalableTag<T> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  auto limit = hn::Set(tag, list.keys[list.k - 1]);
  const auto scan = [&](std::int64_t begin, std::int64_t end) HWY_ATTR {
    for (std::int64_t c = begin; c < end; ++c) {
      if (row[c] < list.keys[list.k - 1]) {
        list.insert(row[c], static_cast<std::int32_t>(first + c));
      }
    }
    limit = hn::Set(tag, list.keys[list.k - 1]);
  };
  const auto nearer = [&](std::int64_t c)
                          HWY_ATTR { return hn::Lt(hn::LoadU(tag, row + c), limit); };
  for (; j + 4 * lanes <= count; j += 4 * lanes) {
    const auto any = hn::Or(hn::Or(nearer(j), nearer(j + lanes)),
                            hn::Or(nearer(j + 2 * lanes), nearer(j + 3 * lanes)));
    if (!hn::AllFalse(tag, any)) scan(j, j + 4 * lanes);
  }
  if (j < count) scan(j, count);
}

// One tile of distances into the lists of its rows; `filled` is how long each list is.
template <class T>
void select_tile(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                 std::int64_t first_col, const T* tile, bool exclude_self, int k, T* keys,
                 std::int32_t* indices, int* filled) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = tile + i * kTileCols;
    List<T> list{keys + i * k, indices + i * k, k, filled[i]};
    const std::int64_t self = first_row + i - first_col;
    if (exclude_self && self >= 0 && self < cols) {
      select(row, self, first_col, list);
      select(row + self + 1, cols - self - 1, first_col + self + 1, list);
    } else {
      select(row, cols, first_col, list);
    }
    filled[i] = list.filled;
  }
}

void select_float(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                  std::int64_t first_col, const float* tile, bool exclude_self, int k, float* keys,
                  std::int32_t* indices, int* filled) {
  select_tile(rows, cols, first_row, first_col, tile, exclude_self, k, keys, indices, filled);
}
void select_double(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                   std::int64_t first_col, const double* tile, bool exclude_self, int k,
                   double* keys, std::int32_t* indices, int* filled) {
  select_tile(rows, cols, first_row, first_col, tile, exclude_self, k, keys, indices, filled);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(select_float);
HWY_EXPORT(select_double);

namespace {

// Enough tasks for the threads of one machine, none shorter than a few tiles.
constexpr std::int64_t kTasks = 16;
constexpr std::int64_t kLeastChunkTiles = 8;

void select_any(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                std::int64_t first_col, const float* tile, bool exclude_self, int k, float* keys,
                std::int32_t* indices, int* filled) {
  HWY_DYNAMIC_DISPATCH(select_float)
  (rows, cols, first_row, first_col, tile, exclude_self, k, keys, indices, filled);
}
void select_any(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                std::int64_t first_col, const double* tile, bool exclude_self, int k, double* keys,
                std::int32_t* indices, int* filled) {
  HWY_DYNAMIC_DISPATCH(select_double)
  (rows, cols, first_row, first_col, tile, exclude_self, k, keys, indices, filled);
}

template <class T>
void search(int threads, const NearestPlan& plan, MatrixView<const T> queries,
            MatrixView<const T> database, const NearestOptions& options, const T* scales_q,
            const T* scales_d, const NearestScratch<T>& scratch, MatrixView<std::int32_t> indices,
            MatrixView<T> distances) {
  const std::int64_t n = queries.rows, m = database.rows, d = queries.cols;
  const int k = static_cast<int>(indices.cols);
  // How many entries the lists of chunk c have in row i.
  const auto list_length = [&](std::int64_t c, std::int64_t i) {
    const std::int64_t first = c * plan.chunk_cols;
    const std::int64_t end = std::min(m, first + plan.chunk_cols);
    const bool self = options.exclude_self && i >= first && i < end;
    return static_cast<int>(std::min<std::int64_t>(k, end - first - self));
  };
  parallel_for(threads, plan.row_blocks * plan.chunks, [&](std::int64_t task) {
    const std::int64_t i = task / plan.chunks * kTileRows;
    const std::int64_t chunk = task % plan.chunks;
    const std::int64_t rows = std::min(kTileRows, n - i);
    const std::int64_t list = (chunk * n + i) * k;
    T* tile = scratch.tiles + omp_get_thread_num() * kTileRows * kTileCols;
    int filled[kTileRows] = {};
    const std::int64_t end = std::min(m, (chunk + 1) * plan.chunk_cols);
    for (std::int64_t j = chunk * plan.chunk_cols; j < end; j += kTileCols) {
      const std::int64_t cols = std::min(kTileCols, end - j);
      distance_tile(options.metric, rows, cols, d,
                    ScaledRows<T>{queries.row(i), queries.stride, scales_q + i},
                    ScaledRows<T>{database.row(j), database.stride, scales_d + j}, tile, kTileCols);
      select_any(rows, cols, i, j, tile, options.exclude_self, k, scratch.list_keys + list,
                 scratch.list_indices + list, filled);
    }
  });
  // The chunks' lists into one, by distance and then by index: chunks come in ascending order.
  parallel_chunks(threads, n, kTileRows, [&](std::int64_t first, std::int64_t count) {
    std::vector<int> next(static_cast<std::size_t>(plan.chunks));
    for (std::int64_t i = first; i < first + count; ++i) {
      std::fill(next.begin(), next.end(), 0);
      for (int place = 0; place < k; ++place) {
        std::int64_t best = -1, best_at = 0;
        for (std::int64_t c = 0; c < plan.chunks; ++c) {
          const int position = next[static_cast<std::size_t>(c)];
          if (position >= list_length(c, i)) continue;
          const std::int64_t at = (c * n + i) * k + position;
          if (best < 0 || scratch.list_keys[at] < scratch.list_keys[best_at]) {
            best = c;
            best_at = at;
          }
        }
        ++next[static_cast<std::size_t>(best)];
        indices.row(i)[place] = scratch.list_indices[best_at];
        if (!distances.empty()) distances.row(i)[place] = scratch.list_keys[best_at];
      }
    }
  });
}

}  // namespace

NearestPlan::NearestPlan(std::int64_t n, std::int64_t m, std::int64_t k) {
  row_blocks = (n + kTileRows - 1) / kTileRows;
  const std::int64_t tiles = (m + kTileCols - 1) / kTileCols;
  const std::int64_t wanted =
      std::max<std::int64_t>(1, kTasks / std::max<std::int64_t>(1, row_blocks));
  const std::int64_t chunk_tiles = std::max(kLeastChunkTiles, (tiles + wanted - 1) / wanted);
  chunk_cols = chunk_tiles * kTileCols;
  chunks = (m + chunk_cols - 1) / chunk_cols;
  list_size = chunks * n * k;
}

void nearest(int threads, const NearestPlan& plan, MatrixView<const float> queries,
             MatrixView<const float> database, const NearestOptions& options, const float* scales_q,
             const float* scales_d, const NearestScratch<float>& scratch,
             MatrixView<std::int32_t> indices, MatrixView<float> distances) {
  search(threads, plan, queries, database, options, scales_q, scales_d, scratch, indices,
         distances);
}
void nearest(int threads, const NearestPlan& plan, MatrixView<const double> queries,
             MatrixView<const double> database, const NearestOptions& options,
             const double* scales_q, const double* scales_d, const NearestScratch<double>& scratch,
             MatrixView<std::int32_t> indices, MatrixView<double> distances) {
  search(threads, plan, queries, database, options, scales_q, scales_d, scratch, indices,
         distances);
}

}  // namespace clipk::cpu
#endif
