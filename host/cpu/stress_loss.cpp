#include "cpu/stress_loss.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/stress_loss.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <limits>

#include "cpu/pair_gradient.hpp"
#include "cpu/pair_tile.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 1 / sqrt(v) for normal v, and then sqrt(v): the estimate of the hardware and one step of Newton
// cost a fifth of a root and a division.
template <class D, class V>
V reciprocal_root(D d, V v) {
  using T = hn::TFromD<D>;
  if constexpr (sizeof(T) == 4) {
    const auto guess = hn::ApproximateReciprocalSqrt(v);
    const auto half = hn::Mul(hn::Mul(hn::Set(d, T(0.5)), v), guess);
    return hn::Mul(guess, hn::NegMulAdd(half, guess, hn::Set(d, T(1.5))));
  } else {
    return hn::Div(hn::Set(d, T(1)), hn::Sqrt(v));
  }
}

// Turns a tile of e^2 into the coefficients factor w (e - scale d) / e, adds their sums by row and
// column, and returns the sum of w (e - scale d)^2.
template <class T>
double coefficient_tile(const PairTile<T>& tile, const T* target, std::int64_t target_stride,
                        T factor, T scale, bool sammon) {
  const hn::ScalableTag<T> vector;
  const hn::CappedTag<T, 1> scalar;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(vector));
  HWY_ALIGN T col_sums[PairStripes::kTileCols] = {};
  double loss = 0;
  for (std::int64_t i = 0; i < tile.rows; ++i) {
    T* const values = tile.values + i * tile.stride;
    const T* const row = target + i * target_stride;
    const auto pairs = [&](auto d, std::int64_t j, auto& row_sum, auto& stress) HWY_ATTR {
      const auto marked = hn::LoadU(d, values + j);
      const auto squared = hn::Abs(marked);
      const auto wanted = hn::LoadU(d, row + j);
      // Not Gt of the opposite: NaN must not pass for a pair at zero.
      const auto zero = hn::Lt(squared, hn::Set(d, std::numeric_limits<T>::min()));
      const auto inverse = hn::IfThenZeroElse(zero, reciprocal_root(d, squared));
      auto e = hn::Mul(squared, inverse);
      e = hn::MulAdd(hn::Mul(hn::Set(d, T(0.5)), inverse), hn::NegMulAdd(e, e, squared), e);
      const auto difference = hn::NegMulAdd(hn::Set(d, scale), wanted, e);
      auto weighted = difference;
      if (sammon) {
        const auto none = hn::Eq(wanted, hn::Zero(d));
        weighted = hn::IfThenZeroElse(none, hn::Div(difference, wanted));
      }
      auto c = hn::Mul(hn::Mul(hn::Set(d, factor), weighted), inverse);
      const auto twin = hn::Lt(marked, hn::Zero(d));
      if (HWY_UNLIKELY(!hn::AllFalse(d, twin))) {
        HWY_ALIGN T coefficients[hn::MaxLanes(vector)];
        hn::StoreU(c, d, coefficients);
        for (std::size_t lane = 0; lane < hn::Lanes(d); ++lane) {
          const std::int64_t at = j + static_cast<std::int64_t>(lane);
          if (values[at] < 0) tile.add_twin(i, at, coefficients[lane]);
        }
        c = hn::IfThenZeroElse(twin, c);
      }
      hn::StoreU(c, d, values + j);
      hn::StoreU(hn::Add(hn::LoadU(d, col_sums + j), c), d, col_sums + j);
      row_sum = hn::Add(row_sum, c);
      stress = hn::MulAdd(weighted, difference, stress);
    };
    std::int64_t j = tile.first_col(i);
    std::fill(values, values + j, T{0});
    auto row_sum = hn::Zero(vector), stress = hn::Zero(vector);
    auto row_rest = hn::Zero(scalar), stress_rest = hn::Zero(scalar);
    for (; j < tile.cols && j % lanes != 0; ++j) pairs(scalar, j, row_rest, stress_rest);
    for (; j + lanes <= tile.cols; j += lanes) pairs(vector, j, row_sum, stress);
    for (; j < tile.cols; ++j) pairs(scalar, j, row_rest, stress_rest);
    tile.row_sums[i] += static_cast<double>(hn::GetLane(hn::SumOfLanes(vector, row_sum))) +
                        static_cast<double>(hn::GetLane(row_rest));
    loss += static_cast<double>(hn::GetLane(hn::SumOfLanes(vector, stress))) +
            static_cast<double>(hn::GetLane(stress_rest));
  }
  for (std::int64_t j = 0; j < tile.cols; ++j) tile.col_sums[j] += static_cast<double>(col_sums[j]);
  return loss;
}

double coefficient_tile_float(const PairTile<float>& tile, const float* target,
                              std::int64_t target_stride, float factor, float scale, bool sammon) {
  return coefficient_tile(tile, target, target_stride, factor, scale, sammon);
}
double coefficient_tile_double(const PairTile<double>& tile, const double* target,
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

double coefficient_tile(const PairTile<float>& tile, const float* target, std::int64_t stride,
                        float factor, float scale, bool sammon) {
  return HWY_DYNAMIC_DISPATCH(coefficient_tile_float)(tile, target, stride, factor, scale, sammon);
}
double coefficient_tile(const PairTile<double>& tile, const double* target, std::int64_t stride,
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
            bool within, const BasicPairTarget<T>& target, const StressOptions& options,
            double& loss, MatrixView<T> grad_x, MatrixView<T> grad_y) {
  const std::int64_t n = x.rows, m = y.rows;
  const double pairs = static_cast<double>(n) * static_cast<double>(within ? n - 1 : m);
  if (pairs == 0) return;
  // Within one set each unordered pair is visited once and counts twice.
  const double share = (within ? 2 : 1) * static_cast<double>(options.weight) / pairs;

  const PackedPair<T> codes =
      pack_pair(threads, scratch, "stress_loss", x, y, within, Metric::euclidean);
  const bool stored = target.distances.data != nullptr;
  constexpr std::int64_t kTile = PairStripes::kTileRows * PairStripes::kTileCols;
  const PairStripes stripes(n);
  PackedPair<T> rows{};
  VectorView<T> targets;
  if (!stored) {
    rows = pack_pair(threads, scratch, "stress_loss", target.rows_x, target.rows_y, within,
                     target.metric);
    targets = scratch.vector<T>(stripes.count * kTile);
  }
  const VectorView<double> losses = scratch.vector<double>(stripes.count);
  std::fill(losses.begin(), losses.end(), 0.0);

  const auto fill = [&](const PairTile<T>& tile) {
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
                 MatrixView<const float> y, bool within, const PairTarget& target,
                 const StressOptions& options, double& loss, MatrixView<float> grad_x,
                 MatrixView<float> grad_y) {
  stress(threads, scratch, x, y, within, target, options, loss, grad_x, grad_y);
}
void stress_loss(int threads, Scratch& scratch, MatrixView<const double> x,
                 MatrixView<const double> y, bool within, const BasicPairTarget<double>& target,
                 const StressOptions& options, double& loss, MatrixView<double> grad_x,
                 MatrixView<double> grad_y) {
  stress(threads, scratch, x, y, within, target, options, loss, grad_x, grad_y);
}

}  // namespace clipk::cpu
#endif
