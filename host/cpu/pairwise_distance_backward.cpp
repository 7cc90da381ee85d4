#include "cpu/pairwise_distance_backward.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pairwise_distance_backward.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"
#include "linalg/gemm.hpp"

// The gradient with respect to x_i is (sum_j s_ij) x_i - sum_j c_ij y_j, with
//   squared Euclidean   c = s = 2 g
//   Euclidean           c = s = g / e, and 0 at e = 0
//   cosine              c = g / (|x| |y|), s = g cos / |x|^2
// and likewise that of y. Rows that were near in the forward pass cancel here too; they are left
// out of the products and added one by one from their differences.

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE auto widen(D wide, hn::Vec<hn::Rebind<float, D>> v) {
  return hn::PromoteTo(wide, v);
}
template <class D>
HWY_INLINE auto widen(D, hn::Vec<D> v) {
  return v;
}

// Turns one row of distances into coefficients; adds up s by row (returned) and by column.
template <Metric kMetric, class T>
HWY_INLINE double coefficients_of_row(std::int64_t m, T scale_x, const T* scales_y,
                                      const T* grad_out, T* row, double* col_sums) {
  const auto step = [&](auto wide, std::int64_t j) HWY_ATTR {
    const hn::Rebind<T, decltype(wide)> tag;
    const auto e = hn::LoadU(tag, row + j);
    const auto g = hn::LoadU(tag, grad_out + j);
    auto c = g, s = g;
    if constexpr (kMetric == Metric::squared_euclidean) {
      c = s = hn::Add(g, g);
    } else if constexpr (kMetric == Metric::euclidean) {
      c = s = hn::IfThenElse(hn::Eq(e, hn::Zero(tag)), hn::Zero(tag), hn::Div(g, e));
    } else {
      c = hn::Mul(g, hn::Mul(hn::Set(tag, scale_x), hn::LoadU(tag, scales_y + j)));
      s = hn::Mul(g, hn::Sub(hn::Set(tag, T(1)), e));
    }
    const auto is_near = hn::Lt(e, hn::Zero(tag));
    hn::StoreU(hn::IfThenElse(is_near, hn::Zero(tag), c), tag, row + j);
    const auto sum = widen(wide, hn::IfThenElse(is_near, hn::Zero(tag), s));
    hn::StoreU(hn::Add(hn::LoadU(wide, col_sums + j), sum), wide, col_sums + j);
    return sum;
  };
  const hn::ScalableTag<double> vector;
  const hn::CappedTag<double, 1> scalar;
  constexpr std::int64_t kLanes = kBlockLanes<double>;
  LaneSum<double> sum;
  const auto add_block = [&](auto&& at) HWY_ATTR {
    for (int v = 0; v < kBlockVectors<double>; ++v) {
      sum.vector[v] = hn::Add(sum.vector[v], at(v * kVectorLanes<double>));
    }
  };
  std::int64_t j = 0;
  for (; j + kLanes <= m; j += kLanes) {
    add_block([&](std::int64_t lane) HWY_ATTR { return step(vector, j + lane); });
  }
  HWY_ALIGN double rest[kLanes] = {};
  for (std::int64_t lane = 0; j + lane < m; ++lane)
    rest[lane] = hn::GetLane(step(scalar, j + lane));
  add_block([&](std::int64_t lane) HWY_ATTR { return hn::Load(vector, rest + lane); });
  return sum.total();
}

// A tile of distances into coefficients, and its sums of s.
template <class T>
void coefficients(Metric metric, std::int64_t n, std::int64_t m, const T* scales_x,
                  const T* scales_y, const T* grad_out, std::int64_t grad_stride,
                  const std::uint32_t* near_bits, std::int64_t near_stride, T* tile,
                  std::int64_t stride, double* row_sums, std::int64_t row_stride,
                  double* col_sums) {
  std::fill(col_sums, col_sums + m, 0.0);
  for (std::int64_t i = 0; i < n; ++i) {
    T* row = tile + i * stride;
    const std::uint32_t* bits = near_bits + i * near_stride;
    for (std::int64_t w = 0; w < (m + 31) / 32; ++w) {
      for (std::uint32_t rest = bits[w]; rest != 0; rest &= rest - 1) {
        row[w * 32 + std::countr_zero(rest)] = -1;  // marks near rows: no distance is negative
      }
    }
    const T* g = grad_out + i * grad_stride;
    double sum = 0;
    switch (metric) {
      case Metric::squared_euclidean:
        sum = coefficients_of_row<Metric::squared_euclidean>(m, scales_x[i], scales_y, g, row,
                                                             col_sums);
        break;
      case Metric::euclidean:
        sum = coefficients_of_row<Metric::euclidean>(m, scales_x[i], scales_y, g, row, col_sums);
        break;
      case Metric::cosine:
        sum = coefficients_of_row<Metric::cosine>(m, scales_x[i], scales_y, g, row, col_sums);
        break;
    }
    row_sums[i * row_stride] = sum;
  }
}

// gradient += g times the derivative of the distance of x and y with respect to x.
template <class T>
void add_near(Metric metric, std::int64_t d, const T* x, T scale_x, const T* y, T scale_y, T g,
              T* gradient) {
  if (metric != Metric::cosine) scale_x = scale_y = 1;
  const hn::ScalableTag<T> tag;
  const auto unit_x = [&](auto place, std::int64_t k)
                          HWY_ATTR { return hn::Mul(place.load(x + k), hn::Set(tag, scale_x)); };
  const auto difference = [&](auto place, std::int64_t k) HWY_ATTR {
    return hn::Sub(unit_x(place, k), hn::Mul(place.load(y + k), hn::Set(tag, scale_y)));
  };
  T along = 0;  // part of x in the gradient
  T c = 2 * g;
  if (metric != Metric::squared_euclidean) {
    const T squared = sum_of_squares<T>(d, difference);
    if (squared == 0) return;
    if (metric == Metric::euclidean) {
      c = g / std::sqrt(squared);
    } else {
      c = g * scale_x;
      along = -c * squared / 2;
    }
  }
  for_row<T>(d, [&](auto place, std::int64_t k) HWY_ATTR {
    auto v = hn::MulAdd(hn::Set(tag, c), difference(place, k), place.load(gradient + k));
    v = hn::MulAdd(hn::Set(tag, along), unit_x(place, k), v);
    place.store(v, gradient + k);
  });
}

void coefficients_float(Metric metric, std::int64_t n, std::int64_t m, const float* scales_x,
                        const float* scales_y, const float* grad_out, std::int64_t grad_stride,
                        const std::uint32_t* near_bits, std::int64_t near_stride, float* tile,
                        std::int64_t stride, double* row_sums, std::int64_t row_stride,
                        double* col_sums) {
  coefficients(metric, n, m, scales_x, scales_y, grad_out, grad_stride, near_bits, near_stride,
               tile, stride, row_sums, row_stride, col_sums);
}
void coefficients_double(Metric metric, std::int64_t n, std::int64_t m, const double* scales_x,
                         const double* scales_y, const double* grad_out, std::int64_t grad_stride,
                         const std::uint32_t* near_bits, std::int64_t near_stride, double* tile,
                         std::int64_t stride, double* row_sums, std::int64_t row_stride,
                         double* col_sums) {
  coefficients(metric, n, m, scales_x, scales_y, grad_out, grad_stride, near_bits, near_stride,
               tile, stride, row_sums, row_stride, col_sums);
}
void add_near_float(Metric metric, std::int64_t d, const float* x, float scale_x, const float* y,
                    float scale_y, float g, float* gradient) {
  add_near(metric, d, x, scale_x, y, scale_y, g, gradient);
}
void add_near_double(Metric metric, std::int64_t d, const double* x, double scale_x,
                     const double* y, double scale_y, double g, double* gradient) {
  add_near(metric, d, x, scale_x, y, scale_y, g, gradient);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(coefficients_float);
HWY_EXPORT(coefficients_double);
HWY_EXPORT(add_near_float);
HWY_EXPORT(add_near_double);

namespace {

template <class... A>
void coefficients_any(Metric metric, std::int64_t n, std::int64_t m, const float* scales_x,
                      A... args) {
  HWY_DYNAMIC_DISPATCH(coefficients_float)(metric, n, m, scales_x, args...);
}
template <class... A>
void coefficients_any(Metric metric, std::int64_t n, std::int64_t m, const double* scales_x,
                      A... args) {
  HWY_DYNAMIC_DISPATCH(coefficients_double)(metric, n, m, scales_x, args...);
}
void add_near_any(Metric metric, std::int64_t d, const float* x, float scale_x, const float* y,
                  float scale_y, float g, float* gradient) {
  HWY_DYNAMIC_DISPATCH(add_near_float)(metric, d, x, scale_x, y, scale_y, g, gradient);
}
void add_near_any(Metric metric, std::int64_t d, const double* x, double scale_x, const double* y,
                  double scale_y, double g, double* gradient) {
  HWY_DYNAMIC_DISPATCH(add_near_double)(metric, d, x, scale_x, y, scale_y, g, gradient);
}

// One matrix of the batch, with its share of the scratch.
template <class T>
struct Problem {
  Problem(std::int64_t b, Metric metric_, const BatchView<const T>& x_,
          const BatchView<const T>& y_, const T* scales_x_, const T* scales_y_,
          const BatchView<const T>& grad_out_, const BackwardScratch<T>& scratch)
      : metric(metric_),
        n(x_.rows),
        m(y_.rows),
        d(x_.cols),
        words(BackwardScratch<T>::words(m)),
        row_tiles(BackwardScratch<T>::row_tiles(n)),
        col_tiles(BackwardScratch<T>::col_tiles(m)),
        x(x_[b]),
        y(y_[b]),
        scales_x(scales_x_ + b * n),
        scales_y(scales_y_ + b * m),
        grad_out(grad_out_[b]),
        c(scratch.coefficients + b * n * m),
        near_bits(scratch.near_bits + b * n * words),
        row_sums(scratch.row_sums + b * n * col_tiles),
        col_sums(scratch.col_sums + b * row_tiles * m) {}

  void coefficient_tile(std::int64_t row_tile, std::int64_t col_tile) const {
    const std::int64_t i = row_tile * kTileRows, j = col_tile * kTileCols;
    const std::int64_t rows = std::min(kTileRows, n - i), cols = std::min(kTileCols, m - j);
    T* tile = c + i * m + j;
    std::uint32_t* bits = near_bits + i * words + j / 32;
    distance_tile(metric, rows, cols, d, ScaledRows<T>{x.row(i), x.stride, scales_x + i},
                  ScaledRows<T>{y.row(j), y.stride, scales_y + j}, tile, m, bits, words);
    coefficients_any(metric, rows, cols, scales_x + i, scales_y + j, grad_out.row(i) + j,
                     grad_out.stride, bits, words, tile, m, row_sums + i * col_tiles + col_tile,
                     col_tiles, col_sums + row_tile * m + j);
  }

  // gradient += sum * factor * row
  static void add_row(std::int64_t d, double sum, T factor, Metric metric, const T* row,
                      T* gradient) {
    const T s = static_cast<T>(metric == Metric::cosine ? sum * factor * factor : sum);
    for (std::int64_t k = 0; k < d; ++k) gradient[k] += s * row[k];
  }

  void rows_of_grad_x(std::int64_t row_tile, MatrixView<T> grad_x) const {
    const std::int64_t first = row_tile * kTileRows, rows = std::min(kTileRows, n - first);
    gemm(1, Transpose::no, Transpose::no, rows, d, m, T(-1), c + first * m, m, y.data, y.stride,
         T(0), grad_x.row(first), grad_x.stride);
    for (std::int64_t i = first; i < first + rows; ++i) {
      double sum = 0;
      for (std::int64_t t = 0; t < col_tiles; ++t) sum += row_sums[i * col_tiles + t];
      add_row(d, sum, scales_x[i], metric, x.row(i), grad_x.row(i));
      for (std::int64_t w = 0; w < words; ++w) {
        for (std::uint32_t rest = near_bits[i * words + w]; rest != 0; rest &= rest - 1) {
          const std::int64_t j = w * 32 + std::countr_zero(rest);
          add_near_any(metric, d, x.row(i), scales_x[i], y.row(j), scales_y[j], grad_out.row(i)[j],
                       grad_x.row(i));
        }
      }
    }
  }

  void rows_of_grad_y(std::int64_t col_tile, MatrixView<T> grad_y) const {
    const std::int64_t first = col_tile * kTileCols, cols = std::min(kTileCols, m - first);
    gemm(1, Transpose::yes, Transpose::no, cols, d, n, T(-1), c + first, m, x.data, x.stride, T(0),
         grad_y.row(first), grad_y.stride);
    for (std::int64_t j = first; j < first + cols; ++j) {
      double sum = 0;
      for (std::int64_t t = 0; t < row_tiles; ++t) sum += col_sums[t * m + j];
      add_row(d, sum, scales_y[j], metric, y.row(j), grad_y.row(j));
    }
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t w = first / 32; w < (first + cols + 31) / 32; ++w) {
        for (std::uint32_t rest = near_bits[i * words + w]; rest != 0; rest &= rest - 1) {
          const std::int64_t j = w * 32 + std::countr_zero(rest);
          add_near_any(metric, d, y.row(j), scales_y[j], x.row(i), scales_x[i], grad_out.row(i)[j],
                       grad_y.row(j));
        }
      }
    }
  }

  Metric metric;
  std::int64_t n, m, d, words, row_tiles, col_tiles;
  MatrixView<const T> x, y;
  const T *scales_x, *scales_y;
  MatrixView<const T> grad_out;
  T* c;
  std::uint32_t* near_bits;
  double *row_sums, *col_sums;
};

template <class T>
void backward(int threads, const BatchView<const T>& x, const BatchView<const T>& y, Metric metric,
              const T* scales_x, const T* scales_y, const BatchView<const T>& grad_out,
              const BackwardScratch<T>& scratch, const BatchView<T>& grad_x,
              const BatchView<T>& grad_y) {
  const std::int64_t row_tiles = BackwardScratch<T>::row_tiles(x.rows);
  const std::int64_t col_tiles = BackwardScratch<T>::col_tiles(y.rows);
  const auto problem = [&](std::int64_t b) {
    return Problem<T>(b, metric, x, y, scales_x, scales_y, grad_out, scratch);
  };
  parallel_for(threads, x.batch * row_tiles * col_tiles, [&](std::int64_t task) {
    const std::int64_t tile = task % (row_tiles * col_tiles);
    problem(task / (row_tiles * col_tiles)).coefficient_tile(tile / col_tiles, tile % col_tiles);
  });
  const std::int64_t of_x = grad_x.data != nullptr ? x.batch * row_tiles : 0;
  const std::int64_t of_y = grad_y.data != nullptr ? x.batch * col_tiles : 0;
  parallel_for(threads, of_x + of_y, [&](std::int64_t task) {
    if (task < of_x) {
      const std::int64_t b = task / row_tiles;
      problem(b).rows_of_grad_x(task % row_tiles, grad_x[b]);
    } else {
      const std::int64_t b = (task - of_x) / col_tiles;
      problem(b).rows_of_grad_y((task - of_x) % col_tiles, grad_y[b]);
    }
  });
}

}  // namespace

void pairwise_distance_backward(int threads, BatchView<const float> x, BatchView<const float> y,
                                Metric metric, const float* scales_x, const float* scales_y,
                                BatchView<const float> grad_out,
                                const BackwardScratch<float>& scratch, BatchView<float> grad_x,
                                BatchView<float> grad_y) {
  backward(threads, x, y, metric, scales_x, scales_y, grad_out, scratch, grad_x, grad_y);
}
void pairwise_distance_backward(int threads, BatchView<const double> x, BatchView<const double> y,
                                Metric metric, const double* scales_x, const double* scales_y,
                                BatchView<const double> grad_out,
                                const BackwardScratch<double>& scratch, BatchView<double> grad_x,
                                BatchView<double> grad_y) {
  backward(threads, x, y, metric, scales_x, scales_y, grad_out, scratch, grad_x, grad_y);
}

}  // namespace clipk::cpu
#endif
