#include "cpu/detail/quad_hinge_forms.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/quad_hinge_dense.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <atomic>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"
#include "cpu/detail/counted_gradient.hpp"
#include "cpu/detail/quad_hinge-inl.hpp"

// The dense form. All e_ij by one product; a quadruple adds +1 and -1 to integer coefficients C,
// whose sums do not depend on the order; C / e then makes the gradient by two more products
// (counted_gradient).

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// All quadruples of one query, whose distances and coefficients lie contiguous. Returns the sum of
/// the hinges.
template <class T>
double dense_query(const QuadHinge<T>& call, std::int64_t q, std::int64_t others,
                   const std::int32_t* list, std::int64_t near, const T* HWY_RESTRICT d,
                   const T* HWY_RESTRICT e, std::int32_t* HWY_RESTRICT c) {
  QuadBatch<T> batch;
  const std::uint32_t* place = batch.row[0];
  const std::uint32_t* column = batch.column[0];
  const std::int64_t quads = quads_of_query(call.options.count, call.queries(), q);
  double sum = 0;
  for (std::int64_t t = 0; t < quads; t += kQuadBatch) {
    const std::int64_t count = std::min(kQuadBatch, quads - t);
    draw_query(call.options.seed, call.step, q, t, count, static_cast<std::uint32_t>(near),
               static_cast<std::uint32_t>(others), call.self ? q : -1, batch.row[0],
               batch.column[0]);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int32_t nearer = list[place[i]];
      batch.row[0][i] = static_cast<std::uint32_t>(nearer);
      batch.d[0][i] = d[nearer];
      batch.e[0][i] = e[nearer];
      batch.d[1][i] = d[column[i]];
      batch.e[1][i] = e[column[i]];
    }
    sum += batch_hinges(static_cast<T>(call.options.margin), count, batch);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto sign = static_cast<std::int32_t>(batch.sign[i]);
      c[place[i]] += sign;
      c[column[i]] -= sign;
    }
  }
  return sum;
}

/// Quadruples of a uniform draw. kShared: other threads count into c at the same time.
template <bool kShared, class T>
double dense_numbers(const QuadHinge<T>& call, QuadRange range, MatrixView<const T> d,
                     MatrixView<const T> e, std::int32_t* c) {
  const std::int64_t m = e.cols;
  const std::int64_t last = range.first + range.count;
  const auto draw = [&](std::int64_t t, QuadBatch<T>& batch) HWY_ATTR {
    const std::int64_t count = std::min(kQuadBatch, last - t);
    if (count <= 0) return;
    draw_all(call.options.seed, call.step, t, count, static_cast<std::uint32_t>(e.rows),
             static_cast<std::uint32_t>(m), call.self, batch.row, batch.column);
    for (int pair = 0; pair < 2; ++pair) {
      for (std::int64_t i = 0; i < count; ++i) {
        hwy::Prefetch(d.row(batch.row[pair][i]) + batch.column[pair][i]);
        hwy::Prefetch(e.row(batch.row[pair][i]) + batch.column[pair][i]);
      }
    }
  };
  // Prefetches the distances of the next batch while this one is worked on.
  QuadBatch<T> batches[2];
  std::int64_t index[2][kQuadBatch];
  std::int32_t sign[kQuadBatch];
  int current = 0;
  double sum = 0;
  draw(range.first, batches[0]);
  for (std::int64_t t = range.first; t < last; t += kQuadBatch, current = 1 - current) {
    const std::int64_t count = std::min(kQuadBatch, last - t);
    QuadBatch<T>& batch = batches[current];
    draw(t + kQuadBatch, batches[1 - current]);
    for (int pair = 0; pair < 2; ++pair) {
      for (std::int64_t i = 0; i < count; ++i) {
        batch.d[pair][i] = d.row(batch.row[pair][i])[batch.column[pair][i]];
        batch.e[pair][i] = e.row(batch.row[pair][i])[batch.column[pair][i]];
      }
    }
    sum += batch_hinges(static_cast<T>(call.options.margin), count, batch);
    std::int64_t active = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      index[0][active] = batch.row[0][i] * m + batch.column[0][i];
      index[1][active] = batch.row[1][i] * m + batch.column[1][i];
      sign[active] = static_cast<std::int32_t>(batch.sign[i]);
      active += sign[active] != 0 ? 1 : 0;
    }
    for (int pair = 0; pair < 2; ++pair) {
      for (std::int64_t i = 0; i < active; ++i) __builtin_prefetch(c + index[pair][i], 1);
    }
    for (int pair = 0; pair < 2; ++pair) {
      for (std::int64_t i = 0; i < active; ++i) {
        const std::int32_t one = pair == 0 ? sign[i] : -sign[i];
        if constexpr (kShared) {
          std::atomic_ref(c[index[pair][i]]).fetch_add(one, std::memory_order_relaxed);
        } else {
          c[index[pair][i]] += one;
        }
      }
    }
  }
  return sum;
}

#define CLIPK_QUAD_DENSE(T, suffix)                                                                \
  double dense_query_##suffix(const QuadHinge<T>& call, std::int64_t q, std::int64_t others,       \
                              const std::int32_t* list, std::int64_t near, const T* d, const T* e, \
                              std::int32_t* c) {                                                   \
    return dense_query(call, q, others, list, near, d, e, c);                                      \
  }                                                                                                \
  double dense_numbers_##suffix(const QuadHinge<T>& call, QuadRange range, MatrixView<const T> d,  \
                                MatrixView<const T> e, bool shared, std::int32_t* c) {             \
    return shared ? dense_numbers<true>(call, range, d, e, c)                                      \
                  : dense_numbers<false>(call, range, d, e, c);                                    \
  }
CLIPK_QUAD_DENSE(float, float)
CLIPK_QUAD_DENSE(double, double)
#undef CLIPK_QUAD_DENSE

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(dense_query_float);
HWY_EXPORT(dense_query_double);
HWY_EXPORT(dense_numbers_float);
HWY_EXPORT(dense_numbers_double);

namespace {

constexpr std::int64_t kRowGrain = 16;
// Queries of columns are taken a cache line of columns at a time, from copies that lie contiguous.
constexpr std::int64_t kPanel = 16;
constexpr std::int64_t kNumbersGrain = 1 << 16;
// A uniform draw counts into one matrix a thread up to this many distances, by atomics beyond.
constexpr std::int64_t kOwnCounts = 1 << 20;

double query_hinges(const QuadHinge<float>& call, std::int64_t q, std::int64_t others,
                    MatrixView<const std::int32_t> list, const float* d, const float* e,
                    std::int32_t* c) {
  return HWY_DYNAMIC_DISPATCH(dense_query_float)(call, q, others, list.data, list.cols, d, e, c);
}
double number_hinges(const QuadHinge<float>& call, QuadRange range, MatrixView<const float> d,
                     MatrixView<const float> e, bool shared, std::int32_t* c) {
  return HWY_DYNAMIC_DISPATCH(dense_numbers_float)(call, range, d, e, shared, c);
}
double query_hinges(const QuadHinge<double>& call, std::int64_t q, std::int64_t others,
                    MatrixView<const std::int32_t> list, const double* d, const double* e,
                    std::int32_t* c) {
  return HWY_DYNAMIC_DISPATCH(dense_query_double)(call, q, others, list.data, list.cols, d, e, c);
}
double number_hinges(const QuadHinge<double>& call, QuadRange range, MatrixView<const double> d,
                     MatrixView<const double> e, bool shared, std::int32_t* c) {
  return HWY_DYNAMIC_DISPATCH(dense_numbers_double)(call, range, d, e, shared, c);
}

/// Counts the quadruples of all queries into c, and returns the sum of their hinges.
template <class T>
double count_queries(int threads, Scratch& scratch, const QuadHinge<T>& call, MatrixView<const T> d,
                     MatrixView<const T> e, std::int32_t* c) {
  const std::int64_t n = e.rows, m = e.cols;
  const std::int64_t row_tasks = (n + kRowGrain - 1) / kRowGrain;
  const std::int64_t col_tasks = call.self ? 0 : (m + kPanel - 1) / kPanel;
  const VectorView<double> sums = scratch.vector<double>(row_tasks + col_tasks);
  parallel_for(threads, row_tasks, [&](std::int64_t task) {
    double sum = 0;
    for (std::int64_t i = task * kRowGrain; i < std::min(n, (task + 1) * kRowGrain); ++i) {
      std::fill_n(c + i * m, m, 0);
      sum += query_hinges(call, i, m, call.neighbors.of_rows.row_range(i, 1), d.row(i), e.row(i),
                          c + i * m);
    }
    sums[task] = sum;
  });
  const VectorView<T> panels = scratch.vector<T>(col_tasks == 0 ? 0 : threads * 2 * kPanel * n);
  const VectorView<std::int32_t> counts =
      scratch.vector<std::int32_t>(col_tasks == 0 ? 0 : threads * kPanel * n);
  parallel_for(threads, col_tasks, [&](std::int64_t task) {
    const std::int64_t thread = omp_get_thread_num();
    T* const d_panel = panels.data + thread * 2 * kPanel * n;
    T* const e_panel = d_panel + kPanel * n;
    std::int32_t* const c_panel = counts.data + thread * kPanel * n;
    const std::int64_t first = task * kPanel;
    const std::int64_t cols = std::min(kPanel, m - first);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) {
        d_panel[j * n + i] = d.row(i)[first + j];
        e_panel[j * n + i] = e.row(i)[first + j];
      }
    }
    std::fill_n(c_panel, cols * n, 0);
    double sum = 0;
    for (std::int64_t j = 0; j < cols; ++j) {
      sum += query_hinges(call, n + first + j, n, call.neighbors.of_cols.row_range(first + j, 1),
                          d_panel + j * n, e_panel + j * n, c_panel + j * n);
    }
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) c[i * m + first + j] += c_panel[j * n + i];
    }
    sums[row_tasks + task] = sum;
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

/// The same for a uniform draw.
template <class T>
double count_numbers(int threads, Scratch& scratch, const QuadHinge<T>& call, MatrixView<const T> d,
                     MatrixView<const T> e, std::int32_t* c) {
  const std::int64_t pairs = e.rows * e.cols;
  const bool shared = threads > 1 && pairs > kOwnCounts;
  const std::int64_t copies = shared ? 1 : threads;
  const VectorView<std::int32_t> others = scratch.vector<std::int32_t>((copies - 1) * pairs);
  const auto counts = [&](std::int64_t copy) {
    return copy == 0 ? c : others.data + (copy - 1) * pairs;
  };
  parallel_chunks(threads, copies * pairs, kNumbersGrain, [&](std::int64_t first, std::int64_t n) {
    for (std::int64_t p = first; p < first + n; ++p) counts(p / pairs)[p % pairs] = 0;
  });
  const VectorView<double> sums =
      scratch.vector<double>((call.options.count + kNumbersGrain - 1) / kNumbersGrain);
  parallel_chunks(
      threads, call.options.count, kNumbersGrain, [&](std::int64_t first, std::int64_t count) {
        std::int32_t* const own = counts(shared ? 0 : omp_get_thread_num());
        sums[first / kNumbersGrain] = number_hinges(call, {first, count}, d, e, shared, own);
      });
  if (copies > 1) {
    parallel_chunks(threads, pairs, kNumbersGrain, [&](std::int64_t first, std::int64_t n) {
      for (std::int64_t copy = 1; copy < copies; ++copy) {
        for (std::int64_t p = first; p < first + n; ++p) c[p] += counts(copy)[p];
      }
    });
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

template <class T>
void run(int threads, Scratch& scratch, const QuadHinge<T>& call) {
  const std::int64_t n = call.x.rows, m = call.y.rows;
  const PackedSides<T> codes =
      pack_sides(threads, scratch, "quad_hinge_loss", call.x, call.y, call.self, Metric::euclidean);
  const MatrixView<const T> e = distances_of(threads, scratch, codes, Metric::euclidean);
  MatrixView<const T> d = call.target.distances;
  if (d.empty()) {
    // Of rows of length one under cosine. Only the order counts.
    const PackedSides<T> rows = pack_sides(threads, scratch, "quad_hinge_loss", call.target.rows_x,
                                           call.target.rows_y, call.self, call.target.metric);
    d = distances_of(threads, scratch, rows, Metric::squared_euclidean);
  }
  const MatrixView<std::int32_t> c = scratch.matrix<std::int32_t>(n, m);
  const double sum = call.options.draw == QuadDraw::query
                         ? count_queries(threads, scratch, call, d, e, c.data)
                         : count_numbers(threads, scratch, call, d, e, c.data);
  *call.loss += call.factor() * sum;
  counted_gradient(threads, scratch, codes, call.self, c, e, call.factor(), call.grad_x,
                   call.grad_y);
}

}  // namespace

void quad_dense(int threads, Scratch& scratch, const QuadHinge<float>& call) {
  run(threads, scratch, call);
}
void quad_dense(int threads, Scratch& scratch, const QuadHinge<double>& call) {
  run(threads, scratch, call);
}

}  // namespace clipk::cpu
#endif
