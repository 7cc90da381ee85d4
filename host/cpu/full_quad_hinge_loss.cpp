#include "cpu/full_quad_hinge_loss.hpp"

#include <algorithm>

#include "clipk/core/memory.hpp"
#include "cpu/detail/counted_gradient.hpp"
#include "cpu/detail/full_quad_counts.hpp"

namespace clipk::cpu {
namespace {

constexpr std::int64_t kRowGrain = 16;
// Queries of columns are taken a cache line of columns at a time, from copies that lie contiguous.
constexpr std::int64_t kPanel = 16;
// Up to this many nearest, comparing each with all others takes less time than a sort.
constexpr std::int64_t kCompared = 96;
constexpr std::int64_t kPieces = 1 << 16;
constexpr std::int64_t kAhead = 32;  // of what is read at random from a large group

/// What it takes to sort and count a group of distances.
template <class T>
struct GroupMemory {
  const RankSetShape* shape;
  SortItem<T>* items;
  SortItem<T>* spare;
  std::uint32_t* sort;
  std::int32_t* ranks;
  std::int32_t* slots;  // of a group with ties, as the next
  std::int32_t* tied;
  std::uint8_t* is_near;  // zeros; null if all are
  RankSetMemory sets;     // two a thread

  RankSetMemory set(std::int64_t number) const {
    return {sets.words + number * shape->words, sets.sums + number * shape->sums};
  }
};

/// Memory for groups of up to `size` distances, each counted by `threads` threads.
template <class T>
GroupMemory<T> group_memory(Scratch& scratch, const RankSetShape& shape, std::int64_t size,
                            bool ties, bool near, int threads) {
  GroupMemory<T> memory{};
  memory.shape = &shape;
  memory.items = scratch.vector<SortItem<T>>(2 * size).data;
  memory.spare = memory.items + size;
  memory.sort = scratch.vector<std::uint32_t>(sort_counts(threads)).data;
  memory.ranks = scratch.vector<std::int32_t>(size).data;
  if (ties) {
    memory.slots = scratch.vector<std::int32_t>(size).data;
    memory.tied = scratch.vector<std::int32_t>(size).data;
  }
  if (near) {
    memory.is_near = scratch.vector<std::uint8_t>(size).data;
    std::fill_n(memory.is_near, size, std::uint8_t{0});
  }
  memory.sets = {scratch.vector<std::uint64_t>(2 * threads * shape.words).data,
                 scratch.vector<std::int32_t>(2 * threads * shape.sums).data};
  return memory;
}

/// Counts the first `size` items of the memory, in as many pieces as `active` has room for. Ranks
/// and counts are by place.
template <class T>
std::int64_t count_group(int threads, const GroupMemory<T>& memory, std::int64_t size, T margin,
                         const std::int32_t* ranks, VectorView<const std::int32_t> list,
                         std::int32_t* counts, VectorView<std::int64_t> active) {
  const SortItem<T>* const items =
      sort_items(threads, memory.items, memory.spare, size, memory.sort);
  const bool ties = memory.tied != nullptr;
  parallel_chunks(threads, size, kPieces, [&](std::int64_t first, std::int64_t n) {
    for (std::int64_t k = first; k < first + n; ++k) {
      __builtin_prefetch(ranks + items[std::min(k + kAhead, size - 1)].place);
      memory.ranks[k] = ranks[items[k].place];
    }
  });
  if (ties) {
    std::fill_n(memory.tied, size, 0);
    for (std::int64_t k = 0; k < size; ++k) {
      __builtin_prefetch(memory.tied + memory.ranks[std::min(k + kAhead, size - 1)], 1);
      const std::int32_t rank = memory.ranks[k];
      memory.slots[k] = rank + memory.tied[rank]++;
    }
  }
  const auto mark = [&](std::uint8_t one) {
    if (memory.is_near == nullptr) return;
    for (const std::int32_t place : list) memory.is_near[place] = one;
  };
  mark(1);
  const SortedGroup<T> group{
      size,        margin,         items,     memory.ranks, ties ? memory.slots : memory.ranks,
      memory.tied, memory.is_near, list.size, counts};
  // Counts are integers, so the cut may depend on the threads.
  const std::int64_t grain = (size + active.size - 1) / active.size;
  std::fill(active.begin(), active.end(), 0);
  parallel_chunks(threads, size, grain, [&](std::int64_t first, std::int64_t n) {
    const std::int64_t piece = first / grain;
    active[piece] = count_sorted(group, first, first + n, *memory.shape,
                                 {memory.set(2 * piece), memory.set(2 * piece + 1)});
  });
  mark(0);
  std::int64_t sum = 0;
  for (const std::int64_t part : active) sum += part;
  return sum;
}

/// Counts of the candidates of one query, `skip` left out. Without memory each of `list` is
/// compared with all.
template <class T>
std::int64_t count_query(const GroupMemory<T>* memory, std::int64_t size, std::int64_t skip,
                         T margin, const T* e, const std::int32_t* ranks,
                         VectorView<const std::int32_t> list, std::int32_t* counts) {
  if (memory == nullptr) {
    return count_near(NearGroup<T>{size, margin, e, ranks, list.data, list.size, counts});
  }
  std::int64_t used = 0;
  for (std::int64_t c = 0; c < size; ++c) {
    if (c != skip) memory->items[used++] = SortItem<T>::of(e[c], static_cast<std::int32_t>(c));
  }
  if (skip >= 0) counts[skip] = 0;
  std::int64_t active = 0;
  return count_group(1, *memory, used, margin, ranks, list, counts,
                     VectorView<std::int64_t>(&active, 1));
}

VectorView<const std::int32_t> list_of(const Matrix<std::int32_t>& lists, std::int64_t query) {
  if (lists.empty()) return {};
  return {lists.view().row(query), lists.cols(), Device::cpu};
}

/// Counts of all distances by query into c; returns the active quadruples.
template <class T>
std::int64_t count_queries(int threads, Scratch& scratch, const FullQuadHinge<T>& call,
                           MatrixView<const T> e, MatrixView<std::int32_t> c) {
  const QuadOrder& order = *call.order;
  const std::int64_t n = e.rows, m = e.cols, near = order.options.near;
  const bool sorts = near == 0 || near > kCompared;
  const T margin = static_cast<T>(call.options.margin);
  const RankSetShape shape(std::max(n, m));
  const VectorView<GroupMemory<T>> memory = scratch.vector<GroupMemory<T>>(sorts ? threads : 0);
  for (GroupMemory<T>& own : memory) {
    own = group_memory<T>(scratch, shape, std::max(n, m), order.ties, near > 0, 1);
  }
  const auto own = [&] { return sorts ? &memory[omp_get_thread_num()] : nullptr; };
  const std::int64_t row_tasks = (n + kRowGrain - 1) / kRowGrain;
  const std::int64_t col_tasks = call.self ? 0 : (m + kPanel - 1) / kPanel;
  const VectorView<std::int64_t> active = scratch.vector<std::int64_t>(row_tasks + col_tasks);
  parallel_for(threads, row_tasks, [&](std::int64_t task) {
    std::int64_t sum = 0;
    for (std::int64_t i = task * kRowGrain; i < std::min(n, (task + 1) * kRowGrain); ++i) {
      sum += count_query(own(), m, call.self ? i : -1, margin, e.row(i),
                         order.of_rows.view().row(i), list_of(order.near_rows, i), c.row(i));
    }
    active[task] = sum;
  });
  const VectorView<T> panels = scratch.vector<T>(call.self ? 0 : threads * kPanel * n);
  const VectorView<std::int32_t> counts =
      scratch.vector<std::int32_t>(call.self ? 0 : threads * kPanel * n);
  parallel_for(threads, col_tasks, [&](std::int64_t task) {
    const std::int64_t thread = omp_get_thread_num();
    T* const e_panel = panels.data + thread * kPanel * n;
    std::int32_t* const c_panel = counts.data + thread * kPanel * n;
    const std::int64_t first = task * kPanel, cols = std::min(kPanel, m - first);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) e_panel[j * n + i] = e.row(i)[first + j];
    }
    std::int64_t sum = 0;
    for (std::int64_t j = 0; j < cols; ++j) {
      sum += count_query(own(), n, -1, margin, e_panel + j * n, order.of_cols.view().row(first + j),
                         list_of(order.near_cols, first + j), c_panel + j * n);
    }
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) c.row(i)[first + j] += c_panel[j * n + i];
    }
    active[row_tasks + task] = sum;
  });
  std::int64_t total = 0;
  for (const std::int64_t part : active) total += part;
  return total;
}

/// The same for one group of all distances of the block.
template <class T>
std::int64_t count_block(int threads, Scratch& scratch, const FullQuadHinge<T>& call,
                         MatrixView<const T> e, MatrixView<std::int32_t> c) {
  const std::int64_t n = e.rows, m = e.cols;
  const std::int64_t size = call.self ? n * (n - 1) / 2 : n * m;
  const RankSetShape shape(size);
  const GroupMemory<T> memory =
      group_memory<T>(scratch, shape, size, call.order->ties, false, threads);
  const VectorView<std::int64_t> active =
      scratch.vector<std::int64_t>(size < kPieces ? 1 : threads);
  parallel_for(threads, n, [&](std::int64_t i) {
    // Of the rows before it within one set: n - 1, n - 2, ...
    std::int64_t k = call.self ? i * (n - 1) - i * (i - 1) / 2 : i * m;
    for (std::int64_t j = call.self ? i + 1 : 0; j < m; ++j, ++k) {
      memory.items[k] = SortItem<T>::of(e.row(i)[j], static_cast<std::int32_t>(i * m + j));
    }
    std::fill_n(c.row(i), m, 0);
  });
  return count_group(threads, memory, size, static_cast<T>(call.options.margin),
                     call.order->of_rows.data(), {}, c.data, active);
}

/// The sum of c_ij e_ij.
template <class T>
double counted_sum(int threads, Scratch& scratch, MatrixView<const std::int32_t> c,
                   MatrixView<const T> e) {
  constexpr std::int64_t kLanes = 8;
  const VectorView<double> parts = scratch.vector<double>((e.rows + kRowGrain - 1) / kRowGrain);
  parallel_chunks(threads, e.rows, kRowGrain, [&](std::int64_t first, std::int64_t count) {
    double lanes[kLanes] = {};
    for (std::int64_t i = first; i < first + count; ++i) {
      const std::int32_t* const counts = c.row(i);
      const T* const lengths = e.row(i);
      std::int64_t j = 0;
      for (; j + kLanes <= e.cols; j += kLanes) {
        for (std::int64_t l = 0; l < kLanes; ++l) {
          lanes[l] += static_cast<double>(counts[j + l]) * static_cast<double>(lengths[j + l]);
        }
      }
      for (std::int64_t l = 0; j < e.cols; ++j, ++l) {
        lanes[l] += static_cast<double>(counts[j]) * static_cast<double>(lengths[j]);
      }
    }
    double sum = 0;
    for (const double lane : lanes) sum += lane;
    parts[first / kRowGrain] = sum;
  });
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

template <class T>
void run(Context& context, const FullQuadHinge<T>& call) {
  Scratch scratch(context);
  const int threads = context.threads();
  const PackedSides<T> codes = pack_sides(threads, scratch, "full_quad_hinge_loss", call.x, call.y,
                                          call.self, Metric::euclidean);
  const MatrixView<const T> e = distances_of(threads, scratch, codes, Metric::euclidean);
  const MatrixView<std::int32_t> c = scratch.matrix<std::int32_t>(e.rows, e.cols);
  const std::int64_t active = call.order->options.draw == QuadDraw::query
                                  ? count_queries(threads, scratch, call, e, c)
                                  : count_block(threads, scratch, call, e, c);
  const double sum = counted_sum<T>(threads, scratch, c, e);
  *call.loss += call.factor() *
                (static_cast<double>(call.options.margin) * static_cast<double>(active) + sum);
  counted_gradient(threads, scratch, codes, call.self, c, e, call.factor(), call.grad_x,
                   call.grad_y);
}

}  // namespace

void full_quad_hinge_loss(Context& context, const FullQuadHinge<float>& call) {
  run(context, call);
}
void full_quad_hinge_loss(Context& context, const FullQuadHinge<double>& call) {
  run(context, call);
}

}  // namespace clipk::cpu
