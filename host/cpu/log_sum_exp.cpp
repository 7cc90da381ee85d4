#include "cpu/log_sum_exp.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/log_sum_exp.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
// After foreach_target.h.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "core/math/math.hpp"
#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"
#include "linalg/gemm.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// hn::Exp, except that NaN stays NaN.
template <class V>
HWY_INLINE V exp_of(V x) {
  const hn::DFromV<V> tag;
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(tag, x));
}

// exp of products * scale + offset - top, added up. The rounding errors of scale, of offset and
// of its difference with top are added back, so that exponents near 0 are accurate.
HWY_INLINE double sum_row(const float* products, const TileOffsets<float>& offset,
                          std::int64_t padded, double scale, double top) {
  const hn::ScalableTag<float> tag;
  const auto factor = hn::Set(tag, static_cast<float>(scale));
  const auto factor_rest =
      hn::Set(tag, static_cast<float>(scale - static_cast<double>(static_cast<float>(scale))));
  const auto base = hn::Set(tag, static_cast<float>(top));
  LaneSum<float> sum;
  for_lanes<float>(padded, [&](auto, std::int64_t j, int v) HWY_ATTR {
    const auto product = hn::LoadU(tag, products + j);
    const auto shift = hn::LoadU(tag, offset.rounded + j);
    // shift - base = high + rest, exactly (Knuth's two-sum).
    const auto high = hn::Sub(shift, base);
    const auto part = hn::Sub(high, shift);
    const auto rest = hn::Sub(hn::Sub(shift, hn::Sub(high, part)), hn::Add(base, part));
    const auto small =
        hn::MulAdd(product, factor_rest, hn::Add(rest, hn::LoadU(tag, offset.rest + j)));
    const auto e = exp_of(hn::Add(hn::MulAdd(product, factor, high), small));
    sum.vector[v] = hn::Add(sum.vector[v], e);
  });
  return static_cast<double>(sum.total());
}
HWY_INLINE double sum_row(const double* products, const TileOffsets<double>& offset,
                          std::int64_t padded, double scale, double top) {
  const hn::ScalableTag<double> tag;
  const auto factor = hn::Set(tag, scale), base = hn::Set(tag, top);
  LaneSum<double> sum;
  for_lanes<double>(padded, [&](auto, std::int64_t j, int v) HWY_ATTR {
    const auto exponent =
        hn::MulAdd(hn::LoadU(tag, products + j), factor, hn::LoadU(tag, offset.rounded + j));
    sum.vector[v] = hn::Add(sum.vector[v], exp_of(hn::Sub(exponent, base)));
  });
  return sum.total();
}

// The largest exponent, rounded to T: it need not be exact.
template <class T>
HWY_INLINE double top_of_row(const T* products, const TileOffsets<T>& offset, std::int64_t padded,
                             double scale, double top) {
  const hn::ScalableTag<T> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto factor = hn::Set(tag, static_cast<T>(scale));
  auto most = hn::Set(tag, static_cast<T>(top));
  for (std::int64_t j = 0; j < padded; j += lanes) {
    const auto product = hn::LoadU(tag, products + j);
    most = hn::Max(hn::MulAdd(product, factor, hn::LoadU(tag, offset.rounded + j)), most);
  }
  return static_cast<double>(hn::GetLane(hn::MaxOfLanes(tag, most)));
}

// Adds a tile of products to the sums of its rows. Up to the next whole block its columns hold
// products 0, left out by their offsets.
template <class T>
void add_tile(std::int64_t rows, std::int64_t cols, const T* tile, double scale,
              const TileOffsets<T>& offset, ScaledSum* sums) {
  const std::int64_t padded = (cols + kBlockLanes<T> - 1) / kBlockLanes<T> * kBlockLanes<T>;
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* products = tile + i * kSumTileCols;
    const double top = top_of_row(products, offset, padded, scale, sums[i].top);
    const double sum = sum_row(products, offset, padded, scale, top);
    sums[i].sum = sums[i].sum * math::exp(sums[i].top - top) + sum;
    sums[i].top = top;
  }
}

void add_float(std::int64_t rows, std::int64_t cols, const float* tile, double scale,
               const TileOffsets<float>& offset, ScaledSum* sums) {
  add_tile(rows, cols, tile, scale, offset, sums);
}
void add_double(std::int64_t rows, std::int64_t cols, const double* tile, double scale,
                const TileOffsets<double>& offset, ScaledSum* sums) {
  add_tile(rows, cols, tile, scale, offset, sums);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(add_float);
HWY_EXPORT(add_double);

namespace {

// Stands for an offset of minus infinity, and starts the search for the largest exponent. Finite,
// so that differences are numbers; so low that a column left out adds nothing.
constexpr double kLeftOut = -2e38;
constexpr double kLowest = -1e37;

void add_any(std::int64_t rows, std::int64_t cols, const float* tile, double scale,
             const TileOffsets<float>& offset, ScaledSum* sums) {
  HWY_DYNAMIC_DISPATCH(add_float)(rows, cols, tile, scale, offset, sums);
}
void add_any(std::int64_t rows, std::int64_t cols, const double* tile, double scale,
             const TileOffsets<double>& offset, ScaledSum* sums) {
  HWY_DYNAMIC_DISPATCH(add_double)(rows, cols, tile, scale, offset, sums);
}

// The offsets of a tile's columns; those behind them are left out.
template <class T>
TileOffsets<T> tile_offsets(const double* offset, std::int64_t first, std::int64_t cols) {
  TileOffsets<T> result;
  for (std::int64_t c = 0; c < kSumTileCols; ++c) {
    double value = c >= cols ? -INFINITY : offset == nullptr ? 0 : offset[first + c];
    if (value < kLeftOut) value = kLeftOut;
    result.rounded[c] = static_cast<T>(value);
    result.rest[c] = std::isfinite(value)
                         ? static_cast<T>(value - static_cast<double>(result.rounded[c]))
                         : T(0);
  }
  return result;
}

template <class T>
void sum_all(int threads, const ChunkPlan& plan, MatrixView<const T> x, MatrixView<const T> y,
             double scale, const double* offset, T* tiles, ScaledSum* parts, double* out) {
  const std::int64_t n = x.rows, m = y.rows, d = x.cols;
  parallel_for(threads, plan.row_blocks * plan.chunks, [&](std::int64_t task) {
    const std::int64_t chunk = task % plan.chunks;
    const std::int64_t i = task / plan.chunks * kSumTileRows;
    const std::int64_t rows = std::min(kSumTileRows, n - i);
    T* tile = tiles + omp_get_thread_num() * kSumTileRows * kSumTileCols;
    ScaledSum* sums = parts + chunk * n + i;
    std::fill(sums, sums + rows, ScaledSum{kLowest, 0});
    const std::int64_t end = std::min(m, (chunk + 1) * plan.chunk_cols);
    for (std::int64_t j = chunk * plan.chunk_cols; j < end; j += kSumTileCols) {
      const std::int64_t cols = std::min(kSumTileCols, end - j);
      gemm_serial(Transpose::no, Transpose::yes, rows, cols, d, T(1), x.row(i), x.stride, y.row(j),
                  y.stride, T(0), tile, kSumTileCols);
      for (std::int64_t r = 0; r < rows; ++r) {
        std::fill(tile + r * kSumTileCols + cols, tile + (r + 1) * kSumTileCols, T(0));
      }
      add_any(rows, cols, tile, scale, tile_offsets<T>(offset, j, cols), sums);
    }
  });
  parallel_chunks(threads, n, 4096, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      ScaledSum all{kLowest, 0};
      for (std::int64_t c = 0; c < plan.chunks; ++c) {
        const ScaledSum& part = parts[c * n + i];
        const double top = std::max(all.top, part.top);
        all.sum = all.sum * math::exp(all.top - top) + part.sum * math::exp(part.top - top);
        all.top = top;
      }
      out[i] = all.top + math::log(all.sum);
    }
  });
}

}  // namespace

void log_sum_exp(int threads, const ChunkPlan& plan, MatrixView<const float> x,
                 MatrixView<const float> y, double scale, const double* offset, float* tiles,
                 ScaledSum* parts, double* out) {
  sum_all(threads, plan, x, y, scale, offset, tiles, parts, out);
}
void log_sum_exp(int threads, const ChunkPlan& plan, MatrixView<const double> x,
                 MatrixView<const double> y, double scale, const double* offset, double* tiles,
                 ScaledSum* parts, double* out) {
  sum_all(threads, plan, x, y, scale, offset, tiles, parts, out);
}

}  // namespace clipk::cpu
#endif
