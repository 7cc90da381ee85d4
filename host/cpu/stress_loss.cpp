#include "cpu/stress_loss.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/stress_loss.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <limits>

#include "core/virtual_lanes-inl.hpp"
#include "cpu/detail/distance_gradient.hpp"
#include "cpu/detail/packed_rows.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Turns a tile of e^2 into the coefficients factor w (e - scale d) / e, adds their sums by row and
// column, and returns the sum of w (e - scale d)^2.
template <class T>
double coefficient_tile(const GradientTile<T>& tile, const T* target, std::int64_t target_stride,
                        T factor, T scale, bool sammon) {
  const hn::ScalableTag<T> d;
  HWY_ALIGN T col_sums[PairStripes::kTileCols] = {};
  double loss = 0;
  for (std::int64_t i = 0; i < tile.rows; ++i) {
    T* const values = tile.values + i * tile.stride;
    const T* const row = target + i * target_stride;
    const std::int64_t first = tile.first_col(i);
    const std::int64_t start = first / kBlockLanes<T> * kBlockLanes<T>;
    std::fill(values, values + first, T{0});
    LaneSum<T> row_sum, stress;
    // Lanes before the first column and past the last one hold distances and targets of 0, which
    // add nothing.
    for_lanes<T>(tile.cols - start, [&](auto place, std::int64_t from_start, int v) HWY_ATTR {
      const std::int64_t j = start + from_start;
      const auto marked = place.load(values + j);
      auto wanted = place.load(row + j);
      if (j < first) {
        const auto column = hn::Iota(d, static_cast<T>(j));
        wanted = hn::IfThenElseZero(hn::Ge(column, hn::Set(d, static_cast<T>(first))), wanted);
      }
      // Not Gt of the opposite: NaN must not pass for a distance of zero.
      const auto zero = hn::Lt(hn::Abs(marked), hn::Set(d, std::numeric_limits<T>::min()));
      const auto e = hn::IfThenZeroElse(zero, hn::Sqrt(hn::Abs(marked)));
      const auto difference = hn::NegMulAdd(hn::Set(d, scale), wanted, e);
      auto weighted = difference;
      if (sammon) {
        const auto none = hn::Eq(wanted, hn::Zero(d));
        weighted = hn::IfThenZeroElse(none, hn::Div(difference, wanted));
      }
      auto c = hn::IfThenZeroElse(zero, hn::Div(hn::Mul(hn::Set(d, factor), weighted), e));
      const auto twin = hn::Lt(marked, hn::Zero(d));
      if (HWY_UNLIKELY(!hn::AllFalse(d, twin))) {
        HWY_ALIGN T marks[kVectorLanes<T>], coefficients[kVectorLanes<T>];
        hn::Store(marked, d, marks);
        hn::Store(c, d, coefficients);
        for (std::int64_t lane = 0; lane < kVectorLanes<T>; ++lane) {
          if (marks[lane] < 0) tile.add_twin(i, j + lane, coefficients[lane]);
        }
        c = hn::IfThenZeroElse(twin, c);
      }
      place.store(c, values + j);
      hn::Store(hn::Add(hn::Load(d, col_sums + j), c), d, col_sums + j);
      row_sum.vector[v] = hn::Add(row_sum.vector[v], c);
      stress.vector[v] = hn::MulAdd(weighted, difference, stress.vector[v]);
    });
    tile.row_sums[i] += static_cast<double>(row_sum.total());
    loss += static_cast<double>(stress.total());
  }
  for (std::int64_t j = 0; j < tile.cols; ++j) tile.col_sums[j] += static_cast<double>(col_sums[j]);
  return loss;
}

double coefficient_tile_float(const GradientTile<float>& tile, const float* target,
                              std::int64_t target_stride, float factor, float scale, bool sammon) {
  return coefficient_tile(tile, target, target_stride, factor, scale, sammon);
}
double coefficient_tile_double(const GradientTile<double>& tile, const double* target,
                               std::int64_t target_stride, double factor, double scale,
                               bool sammon) {
  return coefficient_tile(tile, target, target_stride, factor, scale, sammon);
}

// Squared distances of the rows to distances of the metric. Cosine's rows have length one.
template <class T>
void target_tile(Metric metric, std::int64_t rows, std::int64_t cols, T* values,
                 std::int64_t stride) {
  const hn::ScalableTag<T> vector;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(vector));
  for (std::int64_t i = 0; i < rows; ++i) {
    T* const row = values + i * stride;
    for (std::int64_t j = 0; j < cols; j += lanes) {  // the stride is a multiple of a vector
      auto value = hn::Abs(hn::LoadU(vector, row + j));
      if (metric == Metric::euclidean) value = hn::Sqrt(value);
      if (metric == Metric::cosine) value = hn::Mul(hn::Set(vector, T(0.5)), value);
      hn::StoreU(value, vector, row + j);
    }
  }
}
void target_tile_float(Metric metric, std::int64_t rows, std::int64_t cols, float* values,
                       std::int64_t stride) {
  target_tile(metric, rows, cols, values, stride);
}
void target_tile_double(Metric metric, std::int64_t rows, std::int64_t cols, double* values,
                        std::int64_t stride) {
  target_tile(metric, rows, cols, values, stride);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(coefficient_tile_float);
HWY_EXPORT(coefficient_tile_double);
HWY_EXPORT(target_tile_float);
HWY_EXPORT(target_tile_double);

namespace {

double coefficient_tile(const GradientTile<float>& tile, const float* target, std::int64_t stride,
                        float factor, float scale, bool sammon) {
  return HWY_DYNAMIC_DISPATCH(coefficient_tile_float)(tile, target, stride, factor, scale, sammon);
}
double coefficient_tile(const GradientTile<double>& tile, const double* target, std::int64_t stride,
                        double factor, double scale, bool sammon) {
  return HWY_DYNAMIC_DISPATCH(coefficient_tile_double)(tile, target, stride, factor, scale, sammon);
}
void target_tile(Metric metric, std::int64_t rows, std::int64_t cols, float* values,
                 std::int64_t stride) {
  HWY_DYNAMIC_DISPATCH(target_tile_float)(metric, rows, cols, values, stride);
}
void target_tile(Metric metric, std::int64_t rows, std::int64_t cols, double* values,
                 std::int64_t stride) {
  HWY_DYNAMIC_DISPATCH(target_tile_double)(metric, rows, cols, values, stride);
}

template <class T>
void stress(int threads, Scratch& scratch, MatrixView<const T> x, MatrixView<const T> y,
            bool within, const BasicTargetDistances<T>& target, const StressOptions& options,
            double& loss, MatrixView<T> grad_x, MatrixView<T> grad_y) {
  const std::int64_t n = x.rows, m = y.rows;
  const double pairs = static_cast<double>(n) * static_cast<double>(within ? n - 1 : m);
  if (pairs == 0) return;
  // Within one set e_ij is visited once, for i < j, and counts twice.
  const double share = (within ? 2 : 1) * static_cast<double>(options.weight) / pairs;

  const PackedSides<T> codes =
      pack_sides(threads, scratch, "stress_loss", x, y, within, Metric::euclidean);
  const bool stored = target.distances.data != nullptr;
  constexpr std::int64_t kTile = PairStripes::kTileRows * PairStripes::kTileCols;
  const PairStripes stripes(n);
  PackedSides<T> rows{};
  VectorView<T> targets;
  if (!stored) {
    rows = pack_sides(threads, scratch, "stress_loss", target.rows_x, target.rows_y, within,
                      target.metric);
    targets = scratch.vector<T>(stripes.count * kTile);
  }
  const VectorView<double> losses = scratch.vector<double>(stripes.count);
  std::fill(losses.begin(), losses.end(), 0.0);

  const auto fill = [&](const GradientTile<T>& tile) {
    const T* wanted = stored ? target.distances.row(tile.row) + tile.col : nullptr;
    std::int64_t stride = target.distances.stride;
    if (!stored) {
      T* const computed = targets.data + tile.stripe * kTile;
      stride = PairStripes::kTileCols;
      squared_distance_tile(rows, tile.row, tile.rows, tile.col, tile.cols, computed, stride);
      target_tile(target.metric, tile.rows, tile.cols, computed, stride);
      wanted = computed;
    }
    squared_distance_tile(codes, tile.row, tile.rows, tile.col, tile.cols, tile.values,
                          tile.stride);
    losses[tile.stripe] += coefficient_tile(tile, wanted, stride, static_cast<T>(2 * share),
                                            static_cast<T>(options.scale), options.sammon);
  };
  pair_gradient<T>(threads, scratch, codes.x.rows, codes.y.rows, within, fill, grad_x, grad_y);
  double total = 0;
  for (const double part : losses) total += part;
  loss += share * total;
}

}  // namespace

void stress_loss(int threads, Scratch& scratch, MatrixView<const float> x,
                 MatrixView<const float> y, bool within, const TargetDistances& target,
                 const StressOptions& options, double& loss, MatrixView<float> grad_x,
                 MatrixView<float> grad_y) {
  stress(threads, scratch, x, y, within, target, options, loss, grad_x, grad_y);
}
void stress_loss(int threads, Scratch& scratch, MatrixView<const double> x,
                 MatrixView<const double> y, bool within,
                 const BasicTargetDistances<double>& target, const StressOptions& options,
                 double& loss, MatrixView<double> grad_x, MatrixView<double> grad_y) {
  stress(threads, scratch, x, y, within, target, options, loss, grad_x, grad_y);
}

}  // namespace clipk::cpu
#endif
