#include "cpu/nearest.hpp"

#include <omp.h>

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/nearest.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "cpu/detail/select-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
// One tile of distances into the lists of its rows.
template <class T>
void select_tile(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                 std::int64_t first_col, const T* tile, bool exclude_self,
                 CandidateList<T>* lists) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = tile + i * kTileCols;
    const std::int64_t self = first_row + i - first_col;
    if (exclude_self && self >= 0 && self < cols) {
      select(row, self, first_col, lists[i]);
      select(row + self + 1, cols - self - 1, first_col + self + 1, lists[i]);
    } else {
      select(row, cols, first_col, lists[i]);
    }
  }
}

void select_float(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                  std::int64_t first_col, const float* tile, bool exclude_self,
                  CandidateList<float>* lists) {
  select_tile(rows, cols, first_row, first_col, tile, exclude_self, lists);
}
void select_double(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                   std::int64_t first_col, const double* tile, bool exclude_self,
                   CandidateList<double>* lists) {
  select_tile(rows, cols, first_row, first_col, tile, exclude_self, lists);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(select_float);
HWY_EXPORT(select_double);

namespace {

void select_any(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                std::int64_t first_col, const float* tile, bool exclude_self,
                CandidateList<float>* lists) {
  HWY_DYNAMIC_DISPATCH(select_float)(rows, cols, first_row, first_col, tile, exclude_self, lists);
}
void select_any(std::int64_t rows, std::int64_t cols, std::int64_t first_row,
                std::int64_t first_col, const double* tile, bool exclude_self,
                CandidateList<double>* lists) {
  HWY_DYNAMIC_DISPATCH(select_double)(rows, cols, first_row, first_col, tile, exclude_self, lists);
}

// How many entries the list of query i in chunk c has.
std::int64_t list_length(const NearestPlan& plan, std::int64_t m, std::int64_t k, bool exclude_self,
                         std::int64_t c, std::int64_t i) {
  const std::int64_t first = c * plan.chunk_cols;
  const std::int64_t end = std::min(m, first + plan.chunk_cols);
  return std::min(k, end - first - (exclude_self && i >= first && i < end));
}

template <class T>
void write_row(std::int64_t i, std::int64_t place, const Candidate<T>& candidate,
               MatrixView<std::int32_t> indices, MatrixView<T> distances) {
  indices.row(i)[place] = candidate.index();
  if (!distances.empty()) distances.row(i)[place] = candidate.key();
}

// The chunks' lists into one.
template <class T>
void merge_row(const NearestPlan& plan, std::int64_t i, std::int64_t n, std::int64_t m,
               bool exclude_self, const Candidate<T>* lists, std::int64_t* next,
               MatrixView<std::int32_t> indices, MatrixView<T> distances) {
  const std::int64_t k = indices.cols;
  std::fill(next, next + plan.chunks, 0);
  for (std::int64_t place = 0; place < k; ++place) {
    std::int64_t from = -1;
    Candidate<T> best{};
    for (std::int64_t c = 0; c < plan.chunks; ++c) {
      if (next[c] >= list_length(plan, m, k, exclude_self, c, i)) continue;
      const Candidate<T> head = lists[(c * n + i) * k + next[c]];
      if (from < 0 || head < best) {
        from = c;
        best = head;
      }
    }
    ++next[from];
    write_row(i, place, best, indices, distances);
  }
}

template <class T>
void search(int threads, const NearestPlan& plan, MatrixView<const T> queries,
            MatrixView<const T> database, const NearestOptions& options, const T* scales_q,
            const T* scales_d, const NearestScratch<T>& scratch, MatrixView<std::int32_t> indices,
            MatrixView<T> distances) {
  const std::int64_t n = queries.rows, m = database.rows, d = queries.cols, k = indices.cols;
  parallel_for(threads, plan.row_blocks * plan.chunks, [&](std::int64_t task) {
    const std::int64_t i = task / plan.chunks * kTileRows;
    const std::int64_t chunk = task % plan.chunks;
    const std::int64_t rows = std::min(kTileRows, n - i);
    T* tile = scratch.tiles + omp_get_thread_num() * kTileRows * kTileCols;
    Candidate<T>* candidates =
        scratch.candidates + omp_get_thread_num() * kTileRows * plan.list_capacity;
    CandidateList<T> lists[kTileRows];
    for (std::int64_t r = 0; r < rows; ++r) {
      lists[r] = CandidateList<T>(candidates + r * plan.list_capacity, static_cast<int>(k),
                                  static_cast<int>(plan.list_capacity));
    }
    const std::int64_t end = std::min(m, (chunk + 1) * plan.chunk_cols);
    for (std::int64_t j = chunk * plan.chunk_cols; j < end; j += kTileCols) {
      const std::int64_t cols = std::min(kTileCols, end - j);
      distance_tile(options.metric, rows, cols, d,
                    ScaledRows<T>{queries.row(i), queries.stride, scales_q + i},
                    ScaledRows<T>{database.row(j), database.stride, scales_d + j}, tile, kTileCols);
      select_any(rows, cols, i, j, tile, options.exclude_self, lists);
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t found = lists[r].finish();
      if (plan.chunks > 1) {
        std::copy_n(lists[r].items, found, scratch.chunk_lists + (chunk * n + i + r) * k);
        continue;
      }
      for (std::int64_t p = 0; p < k; ++p) {
        write_row(i + r, p, lists[r].items[p], indices, distances);
      }
    }
  });
  if (plan.chunks == 1) return;
  parallel_chunks(threads, n, kTileRows, [&](std::int64_t first, std::int64_t count) {
    std::vector<std::int64_t> next(static_cast<std::size_t>(plan.chunks));
    for (std::int64_t i = first; i < first + count; ++i) {
      merge_row(plan, i, n, m, options.exclude_self, scratch.chunk_lists, next.data(), indices,
                distances);
    }
  });
}

}  // namespace

NearestPlan::NearestPlan(std::int64_t n, std::int64_t m, std::int64_t k)
    : ChunkPlan(n, m, kTileRows, kTileCols),
      list_capacity(k <= kSortedList ? k : 2 * k),
      chunk_list_size(chunks > 1 ? chunks * n * k : 0) {}

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
