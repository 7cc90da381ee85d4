#include "cpu/quad_order.hpp"

#include <algorithm>

#include "clipk/core/memory.hpp"
#include "cpu/detail/value_sort.hpp"

namespace clipk::cpu {
namespace {

// Queries of columns are taken a cache line of columns at a time, from copies that lie contiguous.
constexpr std::int64_t kPanel = 16;

struct Counted {
  std::int64_t count = 0;
  bool ties = false;
};

/// Ranks of sorted items by their places, and the places of the first `nearest.size`.
template <class T>
Counted rank_sorted(const SortItem<T>* items, std::int64_t n, std::int64_t near,
                    std::int32_t* ranks, VectorView<std::int32_t> nearest) {
  Counted counted;
  std::int64_t rank = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    if (k > 0 && items[k].key == items[k - 1].key) {
      counted.ties = true;
    } else {
      rank = k;
    }
    ranks[items[k].place] = static_cast<std::int32_t>(rank);
    counted.count += near == 0 ? rank : std::min(near, rank);
    if (k < nearest.size) nearest[k] = items[k].place;
  }
  return counted;
}

template <class T>
struct Sorter {
  SortItem<T>* items;
  SortItem<T>* spare;
  std::uint32_t* counts;
};

/// The candidates of one query, but for `skip`.
template <class T>
Counted rank_query(const Sorter<T>& sorter, const T* d, std::int64_t n, std::int64_t skip,
                   std::int64_t near, std::int32_t* ranks, VectorView<std::int32_t> nearest) {
  std::int64_t size = 0;
  for (std::int64_t c = 0; c < n; ++c) {
    if (c != skip) sorter.items[size++] = SortItem<T>::of(d[c], static_cast<std::int32_t>(c));
  }
  if (skip >= 0) ranks[skip] = -1;
  const SortItem<T>* const sorted = sort_items(1, sorter.items, sorter.spare, size, sorter.counts);
  return rank_sorted(sorted, size, near, ranks, nearest);
}

VectorView<std::int32_t> list_of(Matrix<std::int32_t>& lists, std::int64_t query) {
  return {lists.empty() ? nullptr : lists.view().row(query), lists.empty() ? 0 : lists.cols(),
          Device::cpu};
}

template <class T>
Counted by_query(int threads, Scratch& scratch, MatrixView<const T> d, QuadOrder& order) {
  const std::int64_t n = d.rows, m = d.cols, longest = std::max(n, m);
  const bool self = order.options.one_set;
  const VectorView<SortItem<T>> items = scratch.vector<SortItem<T>>(threads * 2 * longest);
  const VectorView<std::uint32_t> counts = scratch.vector<std::uint32_t>(threads * sort_counts(1));
  const VectorView<T> panels = scratch.vector<T>(self ? 0 : threads * kPanel * n);
  const auto sorter = [&](std::int64_t thread) {
    SortItem<T>* const own = items.data + thread * 2 * longest;
    return Sorter<T>{own, own + longest, counts.data + thread * sort_counts(1)};
  };
  const std::int64_t row_tasks = (n + kPanel - 1) / kPanel;
  const std::int64_t col_tasks = self ? 0 : (m + kPanel - 1) / kPanel;
  const VectorView<Counted> parts = scratch.vector<Counted>(row_tasks + col_tasks);
  const auto add = [&](std::int64_t task, Counted query) {
    parts[task].count += query.count;
    parts[task].ties = parts[task].ties || query.ties;
  };
  parallel_for(threads, row_tasks, [&](std::int64_t task) {
    parts[task] = {};
    for (std::int64_t i = task * kPanel; i < std::min(n, (task + 1) * kPanel); ++i) {
      add(task,
          rank_query(sorter(omp_get_thread_num()), d.row(i), m, self ? i : -1, order.options.near,
                     order.of_rows.view().row(i), list_of(order.near_rows, i)));
    }
  });
  parallel_for(threads, col_tasks, [&](std::int64_t task) {
    const std::int64_t thread = omp_get_thread_num();
    T* const panel = panels.data + thread * kPanel * n;
    const std::int64_t first = task * kPanel, cols = std::min(kPanel, m - first);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) panel[j * n + i] = d.row(i)[first + j];
    }
    parts[row_tasks + task] = {};
    for (std::int64_t j = first; j < first + cols; ++j) {
      add(row_tasks + task,
          rank_query(sorter(thread), panel + (j - first) * n, n, -1, order.options.near,
                     order.of_cols.view().row(j), list_of(order.near_cols, j)));
    }
  });
  Counted total;
  for (const Counted& part : parts) {
    total.count += part.count;
    total.ties = total.ties || part.ties;
  }
  return total;
}

template <class T>
Counted of_block(int threads, Scratch& scratch, MatrixView<const T> d, QuadOrder& order) {
  const std::int64_t n = d.rows, m = d.cols;
  const bool self = order.options.one_set;
  const std::int64_t size = self ? n * (n - 1) / 2 : n * m;
  const VectorView<SortItem<T>> items = scratch.vector<SortItem<T>>(2 * size);
  const VectorView<std::uint32_t> counts = scratch.vector<std::uint32_t>(sort_counts(threads));
  std::int32_t* const ranks = order.of_rows.data();
  std::int64_t k = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < m; ++j) {
      ranks[i * m + j] = -1;
      if (self && j <= i) continue;
      items[k++] = SortItem<T>::of(d.row(i)[j], static_cast<std::int32_t>(i * m + j));
    }
  }
  const SortItem<T>* const sorted =
      sort_items(threads, items.data, items.data + size, size, counts.data);
  return rank_sorted(sorted, size, 0, ranks, {});
}

template <class T>
void run(Context& context, MatrixView<const T> d, QuadOrder& order) {
  Scratch scratch(context);
  const Counted counted = order.options.draw == QuadDraw::query
                              ? by_query(context.threads(), scratch, d, order)
                              : of_block(context.threads(), scratch, d, order);
  order.count = counted.count;
  order.ties = counted.ties;
}

}  // namespace

void quad_order(Context& context, MatrixView<const float> d, QuadOrder& order) {
  run(context, d, order);
}
void quad_order(Context& context, MatrixView<const double> d, QuadOrder& order) {
  run(context, d, order);
}

}  // namespace clipk::cpu
