#include "cpu/tsne_attraction.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/tsne_attraction.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>
//
#include <hwy/contrib/math/math-inl.h>

#include <algorithm>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
using Vector = hn::Vec<D>;

// Points columns[0 ... lanes - 1] of a contiguous [m, 2], by coordinate. A point of two floats is
// fetched as one double.
template <class D>
HWY_INLINE void gather_points(D d, const float* points, const std::int32_t* columns, Vector<D>& x,
                              Vector<D>& y) {
#if HWY_TARGET == HWY_SCALAR
  x = hn::Set(d, points[2 * std::int64_t{*columns}]);
  y = hn::Set(d, points[2 * std::int64_t{*columns} + 1]);
#else
  const hn::Repartition<double, D> wide;
  const hn::Rebind<std::int64_t, decltype(wide)> index;
  const hn::Rebind<std::int32_t, decltype(wide)> narrow;
  const auto half = hn::Lanes(wide);
  const auto* pairs = reinterpret_cast<const double*>(points);
  const auto low = hn::BitCast(
      d, hn::GatherIndex(wide, pairs, hn::PromoteTo(index, hn::LoadU(narrow, columns))));
  const auto high = hn::BitCast(
      d, hn::GatherIndex(wide, pairs, hn::PromoteTo(index, hn::LoadU(narrow, columns + half))));
  x = hn::ConcatEven(d, high, low);
  y = hn::ConcatOdd(d, high, low);
#endif
}
template <class D>
HWY_INLINE void gather_points(D d, const double* points, const std::int32_t* columns, Vector<D>& x,
                              Vector<D>& y) {
  const hn::Rebind<std::int64_t, D> index;
  const hn::Rebind<std::int32_t, D> narrow;
  const auto at = hn::ShiftLeft<1>(hn::PromoteTo(index, hn::LoadU(narrow, columns)));
  x = hn::GatherIndex(d, points, at);
  y = hn::GatherIndex(d, points + 1, at);
}

// Forces of rows [first, first + count), and their loss if it is wanted.
template <class T>
double attract_rows(std::int64_t first, std::int64_t count, const BasicTsneAffinities<T>& p,
                    const MatrixView<const T>& points, const T* others, const MatrixView<T>& forces,
                    bool with_loss) {
  const hn::ScalableTag<T> d;
  const auto one = hn::Set(d, T(1));
  double loss = 0;
  for (std::int64_t i = first; i < first + count; ++i) {
    const auto x = hn::Set(d, points.row(i)[0]);
    const auto y = hn::Set(d, points.row(i)[1]);
    LaneSum<T> fx, fy, row_loss;
    const auto add = [&](const std::int32_t* columns, const T* values, int v) HWY_ATTR {
      auto dx = hn::Zero(d), dy = dx;
      gather_points(d, others, columns, dx, dy);
      dx = hn::Sub(x, dx);
      dy = hn::Sub(y, dy);
      const auto value = hn::LoadU(d, values);
      const auto far = hn::MulAdd(dx, dx, hn::MulAdd(dy, dy, one));
      const auto weight = hn::Div(value, far);
      fx.vector[v] = hn::MulAdd(weight, dx, fx.vector[v]);
      fy.vector[v] = hn::MulAdd(weight, dy, fy.vector[v]);
      if (with_loss) row_loss.vector[v] = hn::MulAdd(value, hn::Log(d, far), row_loss.vector[v]);
    };
    const auto add_block = [&](const std::int32_t* columns, const T* values,
                               std::int64_t count) HWY_ATTR {
      for (int v = 0; v < kBlockVectors<T>; ++v) {
        if (v * kVectorLanes<T> >= count) break;
        add(columns + v * kVectorLanes<T>, values + v * kVectorLanes<T>, v);
      }
    };
    const std::int64_t end = p.starts.data[i + 1];
    std::int64_t e = p.starts.data[i];
    for (; e + kBlockLanes<T> <= end; e += kBlockLanes<T>) {
      add_block(p.columns.data + e, p.values.data + e, kBlockLanes<T>);
    }
    if (e < end) {  // the rest, filled up with entries of no weight
      std::int32_t columns[kBlockLanes<T>];
      T values[kBlockLanes<T>] = {};
      std::fill(columns, columns + kBlockLanes<T>, p.columns.data[e]);
      std::copy(p.columns.data + e, p.columns.data + end, columns);
      std::copy(p.values.data + e, p.values.data + end, values);
      add_block(columns, values, end - e);
    }
    forces.row(i)[0] = fx.total();
    forces.row(i)[1] = fy.total();
    loss += static_cast<double>(row_loss.total());
  }
  return loss;
}

double attract_rows_float(std::int64_t first, std::int64_t count, const TsneAffinities& p,
                          const MatrixView<const float>& points, const float* others,
                          const MatrixView<float>& forces, bool with_loss) {
  return attract_rows(first, count, p, points, others, forces, with_loss);
}
double attract_rows_double(std::int64_t first, std::int64_t count,
                           const BasicTsneAffinities<double>& p,
                           const MatrixView<const double>& points, const double* others,
                           const MatrixView<double>& forces, bool with_loss) {
  return attract_rows(first, count, p, points, others, forces, with_loss);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(attract_rows_float);
HWY_EXPORT(attract_rows_double);

namespace {

constexpr std::int64_t kGrain = 256;

double attract(std::int64_t first, std::int64_t count, const TsneAffinities& p,
               const MatrixView<const float>& points, const float* others,
               const MatrixView<float>& forces, bool with_loss) {
  return HWY_DYNAMIC_DISPATCH(attract_rows_float)(first, count, p, points, others, forces,
                                                  with_loss);
}
double attract(std::int64_t first, std::int64_t count, const BasicTsneAffinities<double>& p,
               const MatrixView<const double>& points, const double* others,
               const MatrixView<double>& forces, bool with_loss) {
  return HWY_DYNAMIC_DISPATCH(attract_rows_double)(first, count, p, points, others, forces,
                                                   with_loss);
}

template <class T>
void run(int threads, Scratch& scratch, const BasicTsneAffinities<T>& p, MatrixView<const T> y,
         MatrixView<const T> others, MatrixView<T> forces, double* loss) {
  const T* points = others.data;
  if (others.stride != 2) {
    T* packed = scratch.vector<T>(2 * others.rows).data;
    for (std::int64_t i = 0; i < others.rows; ++i) std::copy_n(others.row(i), 2, packed + 2 * i);
    points = packed;
  }
  const std::int64_t chunks = (y.rows + kGrain - 1) / kGrain;
  double* losses = scratch.vector<double>(chunks).data;
  parallel_chunks(threads, y.rows, kGrain, [&](std::int64_t first, std::int64_t count) {
    losses[first / kGrain] = attract(first, count, p, y, points, forces, loss != nullptr);
  });
  if (loss == nullptr) return;
  *loss = 0;
  for (std::int64_t c = 0; c < chunks; ++c) *loss += losses[c];
}

}  // namespace

void tsne_attraction(int threads, Scratch& scratch, const TsneAffinities& p,
                     MatrixView<const float> y, MatrixView<const float> others,
                     MatrixView<float> forces, double* loss) {
  run(threads, scratch, p, y, others, forces, loss);
}
void tsne_attraction(int threads, Scratch& scratch, const BasicTsneAffinities<double>& p,
                     MatrixView<const double> y, MatrixView<const double> others,
                     MatrixView<double> forces, double* loss) {
  run(threads, scratch, p, y, others, forces, loss);
}

}  // namespace clipk::cpu
#endif
