#include "cpu/detail/quad_hinge_forms.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/quad_hinge_gather.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "clipk/core/error.hpp"
#include "core/parallel.hpp"
#include "cpu/detail/quad_hinge-inl.hpp"

// The gather form: the rows of every quadruple are read where they lie. A batch goes through three
// passes (distances; hinges, all lanes at once; gradients of the active rows), so that no pass
// waits for an unpredictable branch.

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// |a - b|^2 of two padded rows.
template <class T>
HWY_INLINE T squared_distance(const T* HWY_RESTRICT a, const T* HWY_RESTRICT b,
                              std::int64_t stride) {
  return sum_of_squares<T, 2>(stride, [&](auto place, std::int64_t k) HWY_ATTR {
    return hn::Sub(place.load(a + k), place.load(b + k));
  });
}

/// Rows of target of any alignment and length: the square of their distance, or 1 - cosine. Only
/// the order of the results counts; e_ij and e_ji have the same bits.
template <class T, bool kCosine>
HWY_INLINE T row_distance(const T* HWY_RESTRICT a, const T* HWY_RESTRICT b, std::int64_t n) {
  if constexpr (!kCosine) {
    return sum_of_squares<T>(n, [&](auto place, std::int64_t k) HWY_ATTR {
      return hn::Sub(place.load(a + k), place.load(b + k));
    });
  }
  LaneSum<T> ab, aa, bb;
  for_lanes<T>(n, [&](auto place, std::int64_t k, int at) HWY_ATTR {
    const auto u = place.load(a + k);
    const auto v = place.load(b + k);
    ab.vector[at] = hn::MulAdd(u, v, ab.vector[at]);
    aa.vector[at] = hn::MulAdd(u, u, aa.vector[at]);
    bb.vector[at] = hn::MulAdd(v, v, bb.vector[at]);
  });
  const T lengths = aa.total() * bb.total();
  if (lengths == 0) {
    throw Error("quad_hinge_loss: expected target rows with a length above 0 under cosine, got 0");
  }
  return T{1} - ab.total() / std::sqrt(lengths);
}

/// The target distances of one query: read, or made from the rows.
template <class T>
class TargetRow {
 public:
  /// Query q: a row of the block, or (q >= n) a column of it.
  TargetRow(const QuadHinge<T>& call, std::int64_t q) {
    const BasicTargetDistances<T>& target = call.target;
    const std::int64_t n = call.x.rows;
    const bool column = q >= n;
    const std::int64_t own = column ? q - n : q;
    if (!target.distances.empty()) {
      step_ = column ? target.distances.stride : 1;
      data_ = column ? target.distances.data + own : target.distances.row(own);
      return;
    }
    const MatrixView<const T>& rows_y = call.self ? target.rows_x : target.rows_y;
    others_ = column ? target.rows_x : rows_y;
    row_ = column ? rows_y.row(own) : target.rows_x.row(own);
    cosine_ = target.metric == Metric::cosine;
  }

  HWY_INLINE void prefetch(std::int64_t c) const {
    if (data_ != nullptr) hwy::Prefetch(data_ + c * step_);
  }
  HWY_INLINE T operator()(std::int64_t c) const {
    if (data_ != nullptr) return data_[c * step_];
    return cosine_ ? row_distance<T, true>(row_, others_.row(c), others_.cols)
                   : row_distance<T, false>(row_, others_.row(c), others_.cols);
  }

 private:
  const T* data_ = nullptr;
  std::int64_t step_ = 0;
  const T* row_ = nullptr;
  MatrixView<const T> others_;
  bool cosine_ = false;
};

template <class T>
HWY_INLINE void sqrt_in_place(T* values, std::int64_t count) {
  const LineTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < count; i += lanes) {
    hn::Store(hn::Sqrt(hn::Load(d, values + i)), d, values + i);
  }
}

/// gradient_a += w (a - b), gradient_b -= the same.
template <class T>
HWY_INLINE void add_pair(T w, const T* HWY_RESTRICT a, const T* HWY_RESTRICT b, std::int64_t stride,
                         T* gradient_a, T* gradient_b) {
  const LineTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto weight = hn::Set(d, w);
  for (std::int64_t k = 0; k < stride; k += lanes) {
    const auto g = hn::Mul(weight, hn::Sub(hn::Load(d, a + k), hn::Load(d, b + k)));
    hn::Store(hn::Add(hn::Load(d, gradient_a + k), g), d, gradient_a + k);
    hn::Store(hn::Sub(hn::Load(d, gradient_b + k), g), d, gradient_b + k);
  }
}

template <class T>
double gather_queries(const QuadHinge<T>& call, const GatherRows<T>& rows, QuadRange range) {
  const std::int64_t n = call.x.rows;
  const std::int64_t stride = rows.stride;
  QuadBatch<T> batch;
  std::vector<T> near_d, near_e, near_sign;
  double sum = 0;
  for (std::int64_t q = range.first; q < range.first + range.count; ++q) {
    const bool is_row = q < n;
    const std::int64_t offset = is_row && !call.self ? n : 0;
    const std::int64_t others = is_row ? (call.self ? n : call.y.rows) : n;
    const std::int32_t* list =
        is_row ? call.neighbors.of_rows.row(q) : call.neighbors.of_cols.row(q - n);
    const std::int64_t near = is_row ? call.neighbors.of_rows.cols : call.neighbors.of_cols.cols;
    const TargetRow<T> target(call, q);
    const T* code = rows.codes + q * stride;
    const T* other_codes = rows.codes + offset * stride;
    T* own_gradient = rows.gradient + q * stride;
    T* other_gradient = rows.gradient + offset * stride;
    near_d.resize(static_cast<std::size_t>(near));
    near_e.resize(static_cast<std::size_t>(near));
    near_sign.assign(static_cast<std::size_t>(near), 0);
    for (std::int64_t p = 0; p < near; ++p) {
      const auto place = static_cast<std::size_t>(p);
      near_d[place] = target(list[p]);
      near_e[place] = std::sqrt(squared_distance(code, other_codes + list[p] * stride, stride));
    }
    const std::int64_t quads = quads_of_query(call.options.count, call.queries(), q);
    for (std::int64_t t = 0; t < quads; t += kQuadBatch) {
      const std::int64_t count = std::min(kQuadBatch, quads - t);
      std::uint32_t* place = batch.row[0];
      std::uint32_t* column = batch.column[0];
      draw_query(call.options.seed, call.step, q, t, count, static_cast<std::uint32_t>(near),
                 static_cast<std::uint32_t>(others), call.self ? q : -1, place, column);
      for (std::int64_t i = 0; i < count; ++i) target.prefetch(column[i]);
      for (std::int64_t i = 0; i < count; ++i) {
        batch.e[1][i] = squared_distance(code, other_codes + column[i] * stride, stride);
      }
      sqrt_in_place(batch.e[1], count);
      for (std::int64_t i = 0; i < count; ++i) {
        batch.d[0][i] = near_d[place[i]];
        batch.e[0][i] = near_e[place[i]];
        batch.d[1][i] = target(column[i]);
      }
      sum += batch_hinges(static_cast<T>(call.options.margin), count, batch);
      std::int64_t active = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        const T sign = batch.sign[i];
        const T e = batch.e[1][i];
        near_sign[place[i]] += sign;
        column[active] = column[i];
        batch.sign[active] = sign / e;
        active += sign != 0 && e != 0 ? 1 : 0;
      }
      for (std::int64_t i = 0; i < active; ++i) {
        add_pair(batch.sign[i], other_codes + column[i] * stride, code, stride, own_gradient,
                 other_gradient + column[i] * stride);
      }
    }
    for (std::int64_t p = 0; p < near; ++p) {
      const auto place = static_cast<std::size_t>(p);
      if (near_sign[place] == 0 || near_e[place] == 0) continue;
      add_pair(near_sign[place] / near_e[place], code, other_codes + list[p] * stride, stride,
               own_gradient, other_gradient + list[p] * stride);
    }
  }
  return sum;
}

template <class T>
double gather_all(const QuadHinge<T>& call, const GatherRows<T>& rows, QuadRange range) {
  const std::int64_t n = call.x.rows;
  const std::int64_t m = call.self ? n : call.y.rows;
  const std::int64_t stride = rows.stride;
  const T* codes_y = rows.codes + (call.self ? 0 : n) * stride;
  T* gradient_y = rows.gradient + (call.self ? 0 : n) * stride;
  const MatrixView<const T>& distances = call.target.distances;
  const std::int64_t last = range.first + range.count;
  const auto draw = [&](std::int64_t t, QuadBatch<T>& batch) HWY_ATTR {
    const std::int64_t count = std::min(kQuadBatch, last - t);
    if (count <= 0) return;
    draw_all(call.options.seed, call.step, t, count, static_cast<std::uint32_t>(n),
             static_cast<std::uint32_t>(m), call.self, batch.row, batch.column);
    for (int pair = 0; pair < 2 && !distances.empty(); ++pair) {
      for (std::int64_t i = 0; i < count; ++i) {
        hwy::Prefetch(distances.row(batch.row[pair][i]) + batch.column[pair][i]);
      }
    }
  };
  // Prefetches the distances of the next batch while this one is worked on.
  QuadBatch<T> batches[2];
  int current = 0;
  double sum = 0;
  draw(range.first, batches[0]);
  for (std::int64_t t = range.first; t < last; t += kQuadBatch, current = 1 - current) {
    const std::int64_t count = std::min(kQuadBatch, last - t);
    QuadBatch<T>& batch = batches[current];
    draw(t + kQuadBatch, batches[1 - current]);
    for (int pair = 0; pair < 2; ++pair) {
      for (std::int64_t i = 0; i < count; ++i) {
        batch.e[pair][i] = squared_distance(rows.codes + batch.row[pair][i] * stride,
                                            codes_y + batch.column[pair][i] * stride, stride);
      }
      sqrt_in_place(batch.e[pair], count);
      for (std::int64_t i = 0; i < count; ++i) {
        batch.d[pair][i] = TargetRow<T>(call, batch.row[pair][i])(batch.column[pair][i]);
      }
    }
    sum += batch_hinges(static_cast<T>(call.options.margin), count, batch);
    for (int pair = 0; pair < 2; ++pair) {
      std::uint32_t* row = batch.row[pair];
      std::uint32_t* column = batch.column[pair];
      T* weight = batch.d[pair];
      std::int64_t active = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        const T sign = pair == 0 ? batch.sign[i] : -batch.sign[i];
        const T e = batch.e[pair][i];
        row[active] = row[i];
        column[active] = column[i];
        weight[active] = sign / e;
        active += sign != 0 && e != 0 ? 1 : 0;
      }
      for (std::int64_t i = 0; i < active; ++i) {
        add_pair(weight[i], rows.codes + row[i] * stride, codes_y + column[i] * stride, stride,
                 rows.gradient + row[i] * stride, gradient_y + column[i] * stride);
      }
    }
  }
  return sum;
}

template <class T>
double gather(const QuadHinge<T>& call, const GatherRows<T>& rows, QuadRange range) {
  return call.options.draw == QuadDraw::query ? gather_queries(call, rows, range)
                                              : gather_all(call, rows, range);
}

double gather_float(const QuadHinge<float>& call, const GatherRows<float>& rows, QuadRange range) {
  return gather(call, rows, range);
}
double gather_double(const QuadHinge<double>& call, const GatherRows<double>& rows,
                     QuadRange range) {
  return gather(call, rows, range);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(gather_float);
HWY_EXPORT(gather_double);

namespace {

// Every slot of quadruples has a gradient of its own, and they are added in order; their number
// follows from the sizes alone. More of them serve more threads, but cost memory and a longer sum.
constexpr std::int64_t kMaxSlots = 16;
constexpr std::int64_t kQuadsOfSlot = 1 << 16;
constexpr std::int64_t kSlotBytes = std::int64_t{1} << 29;
// Slots of a uniform draw begin at whole batches of draws.
constexpr std::int64_t kSlotGrain = 4096;

constexpr std::int64_t kRowGrain = 256;

double gather_slot(const QuadHinge<float>& call, const GatherRows<float>& rows, QuadRange range) {
  return HWY_DYNAMIC_DISPATCH(gather_float)(call, rows, range);
}
double gather_slot(const QuadHinge<double>& call, const GatherRows<double>& rows, QuadRange range) {
  return HWY_DYNAMIC_DISPATCH(gather_double)(call, rows, range);
}

template <class T>
void pad_rows(int threads, MatrixView<const T> from, std::int64_t stride, T* to) {
  parallel_chunks(threads, from.rows, kRowGrain, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      std::copy_n(from.row(i), from.cols, to + i * stride);
      std::fill(to + i * stride + from.cols, to + (i + 1) * stride, T{0});
    }
  });
}

/// out += factor * sum over the slots, in order.
template <class T>
void add_slots(int threads, double factor, const T* slots, std::int64_t count,
               std::int64_t slot_size, std::int64_t stride, MatrixView<T> out) {
  parallel_chunks(threads, out.rows, kRowGrain, [&](std::int64_t first, std::int64_t rows) {
    std::vector<double> sums(static_cast<std::size_t>(out.cols));
    for (std::int64_t i = first; i < first + rows; ++i) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (std::int64_t s = 0; s < count; ++s) {
        const T* part = slots + s * slot_size + i * stride;
        for (std::int64_t k = 0; k < out.cols; ++k) {
          sums[static_cast<std::size_t>(k)] += static_cast<double>(part[k]);
        }
      }
      T* row = out.row(i);
      for (std::int64_t k = 0; k < out.cols; ++k) {
        row[k] = static_cast<T>(static_cast<double>(row[k]) +
                                factor * sums[static_cast<std::size_t>(k)]);
      }
    }
  });
}

template <class T>
void run(int threads, Scratch& scratch, const QuadHinge<T>& call) {
  const std::int64_t n = call.x.rows;
  const std::int64_t rows = call.queries();
  constexpr auto line = static_cast<std::int64_t>(64 / sizeof(T));
  const std::int64_t stride = (call.x.cols + line - 1) / line * line;
  T* codes = scratch.vector<T>(rows * stride).data;
  pad_rows(threads, call.x, stride, codes);
  if (!call.self) pad_rows(threads, call.y, stride, codes + n * stride);

  const std::int64_t slot_size = rows * stride;
  const std::int64_t fit = kSlotBytes / (slot_size * static_cast<std::int64_t>(sizeof(T)));
  const std::int64_t slots =
      std::clamp<std::int64_t>(std::min(call.options.count / kQuadsOfSlot, fit), 1, kMaxSlots);
  T* gradients = scratch.vector<T>(slots * slot_size).data;
  double* losses = scratch.vector<double>(slots).data;
  const bool by_query = call.options.draw == QuadDraw::query;
  const std::int64_t total = by_query ? rows : call.options.count;
  const std::int64_t grain = by_query ? 1 : kSlotGrain;
  const std::int64_t share = ((total + slots - 1) / slots + grain - 1) / grain * grain;
  parallel_for(threads, slots, [&](std::int64_t slot) {
    T* gradient = gradients + slot * slot_size;
    std::fill_n(gradient, slot_size, T{0});
    const std::int64_t first = std::min(slot * share, total);
    losses[slot] =
        gather_slot(call, {codes, gradient, stride}, {first, std::min(share, total - first)});
  });

  double loss = 0;
  for (std::int64_t slot = 0; slot < slots; ++slot) loss += losses[slot];
  *call.loss += call.factor() * loss;
  if (!call.grad_x.empty()) {
    add_slots(threads, call.factor(), gradients, slots, slot_size, stride, call.grad_x);
  }
  if (!call.grad_y.empty()) {
    add_slots(threads, call.factor(), gradients + n * stride, slots, slot_size, stride,
              call.grad_y);
  }
}

}  // namespace

void quad_gather(int threads, Scratch& scratch, const QuadHinge<float>& call) {
  run(threads, scratch, call);
}
void quad_gather(int threads, Scratch& scratch, const QuadHinge<double>& call) {
  run(threads, scratch, call);
}

}  // namespace clipk::cpu
#endif
