#include "cpu/detail/packed_rows.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/packed_rows.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "clipk/core/error.hpp"
#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"
#include "linalg/gemm.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
T squared_difference(const T* x, const T* y, std::int64_t d) {
  return sum_of_squares<T>(d, [&](auto place, std::int64_t k) HWY_ATTR {
    return hn::Sub(place.load(x + k), place.load(y + k));
  });
}

// out = (in - centre) * scale, and the squared length of out.
template <class T>
T pack_row(const T* in, const T* centre, T scale, std::int64_t d, T* out) {
  const hn::ScalableTag<T> tag;
  return sum_of_squares<T>(d, [&](auto place, std::int64_t k) HWY_ATTR {
    const auto moved = hn::Sub(place.load(in + k), place.load(centre + k));
    const auto value = hn::Mul(moved, hn::Set(tag, scale));
    place.store(value, out + k);
    return value;
  });
}

// values holds -2 x.y and becomes |x|^2 + |y|^2 - 2 x.y.
template <class T>
void finish_squares(const PackedSides<T>& pair, std::int64_t row, std::int64_t rows,
                    std::int64_t col, std::int64_t cols, T* values, std::int64_t stride) {
  // Below this share of |x|^2 + |y|^2 more than five bits cancel.
  constexpr T kNear = T{1} / 32;
  constexpr T kTwin = T{1} / 1024;
  const hn::ScalableTag<T> vector;
  const hn::CappedTag<T, 1> scalar;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(vector));
  const T* const norms_y = pair.y.norms + col;
  for (std::int64_t i = 0; i < rows; ++i) {
    const T norm_x = pair.x.norms[row + i];
    T* const out = values + i * stride;
    const auto finish = [&](auto d, std::int64_t j) HWY_ATTR {
      const auto lengths = hn::Add(hn::Set(d, norm_x), hn::LoadU(d, norms_y + j));
      const auto squared = hn::Add(lengths, hn::LoadU(d, out + j));
      hn::StoreU(squared, d, out + j);
      const auto near = hn::Lt(squared, hn::Mul(lengths, hn::Set(d, kNear)));
      if (HWY_LIKELY(hn::AllFalse(d, near))) return;
      const auto count = static_cast<std::int64_t>(hn::Lanes(d));
      for (std::int64_t lane = j; lane < j + count; ++lane) {
        const T length = norm_x + norms_y[lane];
        if (!(out[lane] < length * kNear)) continue;
        const T exact = squared_difference(pair.x.rows.row(row + i), pair.y.rows.row(col + lane),
                                           pair.x.rows.cols);
        out[lane] = exact < length * kTwin ? -exact : exact;
      }
    };
    std::int64_t j = 0;
    for (; j + lanes <= cols; j += lanes) finish(vector, j);
    for (; j < cols; ++j) finish(scalar, j);
  }
}

float pack_row_float(const float* in, const float* centre, float scale, std::int64_t d,
                     float* out) {
  return pack_row(in, centre, scale, d, out);
}
double pack_row_double(const double* in, const double* centre, double scale, std::int64_t d,
                       double* out) {
  return pack_row(in, centre, scale, d, out);
}
void finish_squares_float(const PackedSides<float>& pair, std::int64_t row, std::int64_t rows,
                          std::int64_t col, std::int64_t cols, float* values, std::int64_t stride) {
  finish_squares(pair, row, rows, col, cols, values, stride);
}
void finish_squares_double(const PackedSides<double>& pair, std::int64_t row, std::int64_t rows,
                           std::int64_t col, std::int64_t cols, double* values,
                           std::int64_t stride) {
  finish_squares(pair, row, rows, col, cols, values, stride);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(pack_row_float);
HWY_EXPORT(pack_row_double);
HWY_EXPORT(finish_squares_float);
HWY_EXPORT(finish_squares_double);

namespace {

constexpr std::int64_t kRowGrain = 64;

float pack_row(const float* in, const float* centre, float scale, std::int64_t d, float* out) {
  return HWY_DYNAMIC_DISPATCH(pack_row_float)(in, centre, scale, d, out);
}
double pack_row(const double* in, const double* centre, double scale, std::int64_t d, double* out) {
  return HWY_DYNAMIC_DISPATCH(pack_row_double)(in, centre, scale, d, out);
}

// A point near the middle of the rows of x and y. Any will do, so a sample of rows is enough. Where
// the middle is nearer to the origin than half the length of the rows, it is the origin: little
// would cancel, and rows that are not moved are not rounded.
template <class T>
void find_centre(MatrixView<const T> x, MatrixView<const T> y, T* centre) {
  constexpr std::int64_t kSample = 128;
  std::fill(centre, centre + x.cols, T{0});
  const std::int64_t step_x = std::max<std::int64_t>(1, x.rows / kSample);
  const std::int64_t step_y = std::max<std::int64_t>(1, y.rows / kSample);
  std::int64_t count = 0;
  double squares = 0;
  const auto add = [&](const T* row) {
    for (std::int64_t k = 0; k < x.cols; ++k) {
      centre[k] += row[k];
      squares += static_cast<double>(row[k]) * static_cast<double>(row[k]);
    }
    ++count;
  };
  for (std::int64_t i = 0; i < x.rows; i += step_x) add(x.row(i));
  for (std::int64_t j = 0; j < y.rows; j += step_y) add(y.row(j));
  const double rows = static_cast<double>(std::max<std::int64_t>(1, count));
  double distance = 0;
  for (std::int64_t k = 0; k < x.cols; ++k) {
    centre[k] /= static_cast<T>(rows);
    distance += static_cast<double>(centre[k]) * static_cast<double>(centre[k]);
  }
  if (4 * distance < squares / rows) std::fill(centre, centre + x.cols, T{0});
}

template <class T>
PackedRows<T> pack_rows(int threads, Scratch& scratch, const char* op, const char* name,
                        MatrixView<const T> x, const T* centre, Metric metric) {
  const MatrixView<T> rows = scratch.matrix<T>(x.rows, x.cols);
  const VectorView<T> norms = scratch.vector<T>(x.rows);
  parallel_chunks(threads, x.rows, kRowGrain, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      T squared = pack_row(x.row(i), centre, T{1}, x.cols, rows.row(i));
      if (metric == Metric::cosine) {
        if (squared == T{0}) {
          throw Error(std::string(op) + ": expected rows of " + name +
                      " with a length above zero under cosine, got zero in row " +
                      std::to_string(i));
        }
        squared = pack_row(x.row(i), centre, T{1} / std::sqrt(squared), x.cols, rows.row(i));
      }
      norms[i] = squared;
    }
  });
  return {rows, norms.data};
}

template <class T>
PackedSides<T> pack_both(int threads, Scratch& scratch, const char* op, MatrixView<const T> x,
                         MatrixView<const T> y, bool within, Metric metric) {
  const VectorView<T> centre = scratch.vector<T>(x.cols);
  if (metric == Metric::cosine) {
    std::fill(centre.begin(), centre.end(), T{0});
  } else {
    find_centre(x, y, centre.data);
  }
  const PackedRows<T> packed_x =
      pack_rows(threads, scratch, op, within ? "the rows" : "x", x, centre.data, metric);
  if (within) return {packed_x, packed_x};
  return {packed_x, pack_rows(threads, scratch, op, "y", y, centre.data, metric)};
}

template <class T>
void multiply_tile(const PackedSides<T>& pair, std::int64_t row, std::int64_t rows,
                   std::int64_t col, std::int64_t cols, T* values, std::int64_t stride) {
  const std::int64_t d = pair.x.rows.cols;
  gemm(1, Transpose::no, Transpose::yes, rows, cols, d, T{-2}, pair.x.rows.row(row), d,
       pair.y.rows.row(col), d, T{0}, values, stride);
}

}  // namespace

PackedSides<float> pack_sides(int threads, Scratch& scratch, const char* op,
                              MatrixView<const float> x, MatrixView<const float> y, bool within,
                              Metric metric) {
  return pack_both(threads, scratch, op, x, y, within, metric);
}
PackedSides<double> pack_sides(int threads, Scratch& scratch, const char* op,
                               MatrixView<const double> x, MatrixView<const double> y, bool within,
                               Metric metric) {
  return pack_both(threads, scratch, op, x, y, within, metric);
}

void squared_distance_tile(const PackedSides<float>& pair, std::int64_t row, std::int64_t rows,
                           std::int64_t col, std::int64_t cols, float* values,
                           std::int64_t stride) {
  multiply_tile(pair, row, rows, col, cols, values, stride);
  HWY_DYNAMIC_DISPATCH(finish_squares_float)(pair, row, rows, col, cols, values, stride);
}
void squared_distance_tile(const PackedSides<double>& pair, std::int64_t row, std::int64_t rows,
                           std::int64_t col, std::int64_t cols, double* values,
                           std::int64_t stride) {
  multiply_tile(pair, row, rows, col, cols, values, stride);
  HWY_DYNAMIC_DISPATCH(finish_squares_double)(pair, row, rows, col, cols, values, stride);
}

}  // namespace clipk::cpu
#endif
