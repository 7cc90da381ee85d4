#include "cpu/quad_hinge_forms.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/quad_hinge_gather.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/quad_hinge-inl.hpp"

// The gather form: the rows of every quadruple are read where they lie. A batch goes through three
// passes (distances; hinges, all lanes at once; gradients of the active pairs), so that no pass
// waits for an unpredictable branch.

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Batch arrays of one task. Of a draw by query the first row holds places in the list of nearest.
template <class T>
struct GatherBatch {
  alignas(64) OfPairs<std::uint32_t> row;
  alignas(64) OfPairs<std::uint32_t> column;
  alignas(64) OfPairs<T> d;
  alignas(64) OfPairs<T> e;
  alignas(64) T sign[kQuadBatch + kQuadSlack];
};

template <class T>
HWY_INLINE void sqrt_in_place(T* values, std::int64_t count) {
  const LineTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < count; i += lanes) {
    hn::Store(hn::Sqrt(hn::Load(d, values + i)), d, values + i);
  }
}

/// Signs and the sum of the hinges of a batch.
template <class T>
HWY_INLINE double batch_hinges(T margin, std::int64_t count, GatherBatch<T>& batch) {
  const LineTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  // Past the end, equal distances make an inactive quadruple.
  for (std::int64_t i = count; i < count + lanes; ++i) {
    batch.d[0][i] = batch.d[1][i] = batch.e[0][i] = batch.e[1][i] = 0;
  }
  double sum = 0;
  for (std::int64_t i = 0; i < count; i += lanes) {
    const auto result =
        hinges(d, hn::Set(d, margin), hn::Load(d, batch.d[0] + i), hn::Load(d, batch.d[1] + i),
               hn::Load(d, batch.e[0] + i), hn::Load(d, batch.e[1] + i));
    hn::Store(result.sign, d, batch.sign + i);
    sum += sum_of(d, result.value);
  }
  return sum;
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
void gather_queries(const QuadWork<T>& work, QuadRange range, double* loss, T* gradient) {
  const QuadHinge<T>& call = work.call;
  const std::int64_t n = call.x.rows;
  const std::int64_t stride = work.stride;
  GatherBatch<T> batch;
  std::vector<T> near_d, near_e, near_sign;
  double sum = 0;
  for (std::int64_t q = range.first; q < range.first + range.count; ++q) {
    const bool is_row = q < n;
    const std::int64_t offset = is_row ? work.offset_y() : 0;
    const std::int64_t others = is_row ? (call.self ? n : call.y.rows) : n;
    const std::int32_t* list =
        is_row ? call.neighbors.of_rows.row(q) : call.neighbors.of_cols.row(q - n);
    const std::int64_t near = is_row ? call.neighbors.of_rows.cols : call.neighbors.of_cols.cols;
    const TargetRow<T> target(work, q);
    const T* code = work.codes + q * stride;
    const T* other_codes = work.codes + offset * stride;
    T* own_gradient = gradient + q * stride;
    T* other_gradient = gradient + offset * stride;
    near_d.resize(static_cast<std::size_t>(near));
    near_e.resize(static_cast<std::size_t>(near));
    near_sign.assign(static_cast<std::size_t>(near), 0);
    for (std::int64_t p = 0; p < near; ++p) {
      const auto place = static_cast<std::size_t>(p);
      near_d[place] = target(list[p]);
      near_e[place] = std::sqrt(squared_distance(code, other_codes + list[p] * stride, stride));
    }
    const std::int64_t quads = quads_of_query(call.options.count, work.queries(), q);
    for (std::int64_t t = 0; t < quads; t += kQuadBatch) {
      const std::int64_t count = std::min(kQuadBatch, quads - t);
      std::uint32_t* place = batch.row[0];
      std::uint32_t* column = batch.column[0];
      draw_query(call.options.seed, work.call.step, q, t, count, static_cast<std::uint32_t>(near),
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
  *loss += sum;
}

template <class T>
void gather_all(const QuadWork<T>& work, QuadRange range, double* loss, T* gradient) {
  const QuadHinge<T>& call = work.call;
  const std::int64_t n = call.x.rows;
  const std::int64_t m = call.self ? n : call.y.rows;
  const std::int64_t stride = work.stride;
  const T* codes_y = work.codes + work.offset_y() * stride;
  T* gradient_y = gradient + work.offset_y() * stride;
  const MatrixView<const T>& distances = call.target.distances;
  GatherBatch<T> batch;
  double sum = 0;
  for (std::int64_t t = range.first; t < range.first + range.count; t += kQuadBatch) {
    const std::int64_t count = std::min(kQuadBatch, range.first + range.count - t);
    draw_all(call.options.seed, call.step, t, count, static_cast<std::uint32_t>(n),
             static_cast<std::uint32_t>(m), call.self, batch.row, batch.column);
    if (!distances.empty()) {
      for (int pair = 0; pair < 2; ++pair) {
        for (std::int64_t i = 0; i < count; ++i) {
          hwy::Prefetch(distances.row(batch.row[pair][i]) + batch.column[pair][i]);
        }
      }
    }
    for (int pair = 0; pair < 2; ++pair) {
      for (std::int64_t i = 0; i < count; ++i) {
        batch.e[pair][i] = squared_distance(work.codes + batch.row[pair][i] * stride,
                                            codes_y + batch.column[pair][i] * stride, stride);
      }
      sqrt_in_place(batch.e[pair], count);
      for (std::int64_t i = 0; i < count; ++i) {
        batch.d[pair][i] = TargetRow<T>(work, batch.row[pair][i])(batch.column[pair][i]);
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
        add_pair(weight[i], work.codes + row[i] * stride, codes_y + column[i] * stride, stride,
                 gradient + row[i] * stride, gradient_y + column[i] * stride);
      }
    }
  }
  *loss += sum;
}

template <class T>
void gather(const QuadWork<T>& work, QuadRange range, double* loss, T* gradient) {
  if (work.call.options.draw == QuadDraw::query) {
    gather_queries(work, range, loss, gradient);
  } else {
    gather_all(work, range, loss, gradient);
  }
}

void gather_float(const QuadWork<float>& work, QuadRange range, double* loss, float* gradient) {
  gather(work, range, loss, gradient);
}
void gather_double(const QuadWork<double>& work, QuadRange range, double* loss, double* gradient) {
  gather(work, range, loss, gradient);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(gather_float);
HWY_EXPORT(gather_double);

void quad_gather(const QuadWork<float>& work, QuadRange range, double* loss, float* gradient) {
  HWY_DYNAMIC_DISPATCH(gather_float)(work, range, loss, gradient);
}
void quad_gather(const QuadWork<double>& work, QuadRange range, double* loss, double* gradient) {
  HWY_DYNAMIC_DISPATCH(gather_double)(work, range, loss, gradient);
}

}  // namespace clipk::cpu
#endif
