#include "cpu/detail/counted_gradient.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/counted_gradient.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>

#include "core/virtual_lanes-inl.hpp"
#include "cpu/detail/distance_gradient.hpp"
#include "cpu/pairwise_distance.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Turns the coefficients c and distances e of a tile (of which these are the first) into
/// factor c / e with their sums. Within one set the mirror image's count is added.
template <class T>
void weight_tile(const GradientTile<T>& tile, const std::int32_t* c, const std::int32_t* mirror,
                 const T* e, std::int64_t stride, const T* norms_x, const T* norms_y, T factor) {
  // Nearer than this share of |x|^2 + |y|^2, the products would cancel.
  constexpr T kTwin = T{1} / 1024;
  const hn::ScalableTag<T> d;
  HWY_ALIGN T col_sums[PairStripes::kTileCols] = {};
  for (std::int64_t i = 0; i < tile.rows; ++i) {
    T* const values = tile.values + i * tile.stride;
    const std::int32_t* const count = c + i * stride;
    const T* const length = e + i * stride;
    const std::int64_t first = tile.first_col(i);
    std::fill(values, values + first, T{0});
    for (std::int64_t j = first; j < tile.cols; ++j) values[j] = static_cast<T>(count[j]);
    if (mirror != nullptr) {
      for (std::int64_t j = first; j < tile.cols; ++j) {
        values[j] += static_cast<T>(mirror[j * stride + i]);
      }
    }
    // Lanes before the first column and past the last one have no sign, and weigh nothing.
    const std::int64_t start = first / kBlockLanes<T> * kBlockLanes<T>;
    LaneSum<T> row_sum;
    for_lanes<T>(tile.cols - start, [&](auto place, std::int64_t from_start, int v) HWY_ATTR {
      const std::int64_t j = start + from_start;
      const auto signs = place.load(values + j);
      const auto distance = place.load(length + j);
      const auto none = hn::Or(hn::Eq(signs, hn::Zero(d)), hn::Eq(distance, hn::Zero(d)));
      auto weight = hn::IfThenZeroElse(none, hn::Div(hn::Mul(hn::Set(d, factor), signs), distance));
      const auto lengths = hn::Add(hn::Set(d, norms_x[i]), place.load(norms_y + j));
      const auto twin = hn::AndNot(
          none, hn::Lt(hn::Mul(distance, distance), hn::Mul(hn::Set(d, kTwin), lengths)));
      if (HWY_UNLIKELY(!hn::AllFalse(d, twin))) {
        HWY_ALIGN T marks[kVectorLanes<T>], weights[kVectorLanes<T>];
        hn::Store(hn::IfThenElseZero(twin, hn::Set(d, T{1})), d, marks);
        hn::Store(weight, d, weights);
        for (std::int64_t lane = 0; lane < kVectorLanes<T>; ++lane) {
          if (marks[lane] != 0) tile.add_twin(i, j + lane, weights[lane]);
        }
        weight = hn::IfThenZeroElse(twin, weight);
      }
      place.store(weight, values + j);
      hn::Store(hn::Add(hn::Load(d, col_sums + j), weight), d, col_sums + j);
      row_sum.vector[v] = hn::Add(row_sum.vector[v], weight);
    });
    tile.row_sums[i] += static_cast<double>(row_sum.total());
  }
  for (std::int64_t j = 0; j < tile.cols; ++j) tile.col_sums[j] += static_cast<double>(col_sums[j]);
}

#define CLIPK_WEIGHT_TILE(T, suffix)                                                     \
  void weight_tile_##suffix(const GradientTile<T>& tile, const std::int32_t* c,          \
                            const std::int32_t* mirror, const T* e, std::int64_t stride, \
                            const T* norms_x, const T* norms_y, T factor) {              \
    weight_tile(tile, c, mirror, e, stride, norms_x, norms_y, factor);                   \
  }
CLIPK_WEIGHT_TILE(float, float)
CLIPK_WEIGHT_TILE(double, double)
#undef CLIPK_WEIGHT_TILE

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(weight_tile_float);
HWY_EXPORT(weight_tile_double);

namespace {

void weights(const GradientTile<float>& tile, const std::int32_t* c, const std::int32_t* mirror,
             const float* e, std::int64_t stride, const float* norms_x, const float* norms_y,
             float factor) {
  HWY_DYNAMIC_DISPATCH(weight_tile_float)(tile, c, mirror, e, stride, norms_x, norms_y, factor);
}
void weights(const GradientTile<double>& tile, const std::int32_t* c, const std::int32_t* mirror,
             const double* e, std::int64_t stride, const double* norms_x, const double* norms_y,
             double factor) {
  HWY_DYNAMIC_DISPATCH(weight_tile_double)(tile, c, mirror, e, stride, norms_x, norms_y, factor);
}

template <class T>
MatrixView<T> make_distances(int threads, Scratch& scratch, const PackedSides<T>& rows,
                             Metric metric) {
  const MatrixView<T> out = scratch.matrix<T>(rows.x.rows.rows, rows.y.rows.rows);
  pairwise_distance(threads, BatchView<const T>(rows.x.rows), BatchView<const T>(rows.y.rows),
                    metric, rows.x.norms, rows.y.norms, BatchView<T>(out));
  return out;
}

template <class T>
void add_gradient(int threads, Scratch& scratch, const PackedSides<T>& codes, bool self,
                  MatrixView<const std::int32_t> c, MatrixView<const T> e, double factor,
                  MatrixView<T> grad_x, MatrixView<T> grad_y) {
  const auto fill = [&](const GradientTile<T>& tile) {
    const std::int32_t* mirror = self ? c.row(tile.col) + tile.row : nullptr;
    weights(tile, c.row(tile.row) + tile.col, mirror, e.row(tile.row) + tile.col, e.cols,
            codes.x.norms + tile.row, codes.y.norms + tile.col, static_cast<T>(factor));
  };
  pair_gradient<T>(threads, scratch, codes.x.rows, codes.y.rows, self, fill, grad_x, grad_y);
}

}  // namespace

MatrixView<float> distances_of(int threads, Scratch& scratch, const PackedSides<float>& rows,
                               Metric metric) {
  return make_distances(threads, scratch, rows, metric);
}
MatrixView<double> distances_of(int threads, Scratch& scratch, const PackedSides<double>& rows,
                                Metric metric) {
  return make_distances(threads, scratch, rows, metric);
}

void counted_gradient(int threads, Scratch& scratch, const PackedSides<float>& codes, bool self,
                      MatrixView<const std::int32_t> c, MatrixView<const float> e, double factor,
                      MatrixView<float> grad_x, MatrixView<float> grad_y) {
  add_gradient(threads, scratch, codes, self, c, e, factor, grad_x, grad_y);
}
void counted_gradient(int threads, Scratch& scratch, const PackedSides<double>& codes, bool self,
                      MatrixView<const std::int32_t> c, MatrixView<const double> e, double factor,
                      MatrixView<double> grad_x, MatrixView<double> grad_y) {
  add_gradient(threads, scratch, codes, self, c, e, factor, grad_x, grad_y);
}

}  // namespace clipk::cpu
#endif
