#include "linalg/row_scales.hpp"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "linalg/row_scales.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per target; must come before highway.h
#include <hwy/highway.h>

#include "core/virtual_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {

// The sum of squares is in double, so that it neither overflows nor costs the distance accuracy.
template <class T>
double squared_length(const T* x, std::int64_t d) {
  return sum_of_squares<double>(
      d, [&](auto place, std::int64_t k) HWY_ATTR { return place.load(x + k); });
}

template <class T>
void scales_of(Metric metric, MatrixView<const T> x, T* scales) {
  for (std::int64_t i = 0; i < x.rows; ++i) {
    const double squared = squared_length(x.row(i), x.cols);
    scales[i] = static_cast<T>(metric == Metric::cosine ? 1 / std::sqrt(squared) : squared);
  }
}

void scales_float(Metric metric, const MatrixView<const float>& x, float* scales) {
  scales_of(metric, x, scales);
}
void scales_double(Metric metric, const MatrixView<const double>& x, double* scales) {
  scales_of(metric, x, scales);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(scales_float);
HWY_EXPORT(scales_double);

void row_scales(Metric metric, MatrixView<const float> x, float* scales) {
  HWY_DYNAMIC_DISPATCH(scales_float)(metric, x, scales);
}
void row_scales(Metric metric, MatrixView<const double> x, double* scales) {
  HWY_DYNAMIC_DISPATCH(scales_double)(metric, x, scales);
}

bool lengths_are_moderate(std::span<const float> scales) {
  return std::all_of(scales.begin(), scales.end(),
                     [](float scale) { return scale >= 1e-15F && scale <= 1e15F; });
}

}  // namespace clipk::cpu
#endif
