#include "cpu/mse_loss.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/mse_loss.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The sum of squares of some rows: lanes add along a row, rows are added in double.
// kKnownOnly: a target that is NaN adds nothing.
template <bool kKnownOnly, class T>
double mse_rows(MatrixView<const T> y, MatrixView<const T> target, T factor, MatrixView<T> grad) {
  const hn::ScalableTag<T> d;
  const auto factors = hn::Set(d, factor);
  double sum = 0;
  for (std::int64_t i = 0; i < y.rows; ++i) {
    const T* a = y.row(i);
    const T* b = target.row(i);
    T* g = grad.data == nullptr ? nullptr : grad.row(i);
    sum += sum_of_squares<T>(y.cols, [&](auto place, std::int64_t j) HWY_ATTR {
      const auto wanted = place.load(b + j);
      auto difference = hn::Sub(place.load(a + j), wanted);
      if constexpr (kKnownOnly) {
        difference = hn::IfThenElse(hn::IsNaN(wanted), hn::Zero(d), difference);
      }
      if (g != nullptr) place.store(hn::MulAdd(factors, difference, place.load(g + j)), g + j);
      return difference;
    });
  }
  return sum;
}

double mse_rows_float(bool known_only, MatrixView<const float> y, MatrixView<const float> target,
                      float factor, MatrixView<float> grad) {
  return known_only ? mse_rows<true>(y, target, factor, grad)
                    : mse_rows<false>(y, target, factor, grad);
}
double mse_rows_double(bool known_only, MatrixView<const double> y, MatrixView<const double> target,
                       double factor, MatrixView<double> grad) {
  return known_only ? mse_rows<true>(y, target, factor, grad)
                    : mse_rows<false>(y, target, factor, grad);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(mse_rows_float);
HWY_EXPORT(mse_rows_double);

namespace {

constexpr std::int64_t kSerialSize = 1 << 15;  // takes less time than waking a second thread

double mse_rows(bool known_only, MatrixView<const float> y, MatrixView<const float> target,
                float factor, MatrixView<float> grad) {
  return HWY_DYNAMIC_DISPATCH(mse_rows_float)(known_only, y, target, factor, grad);
}
double mse_rows(bool known_only, MatrixView<const double> y, MatrixView<const double> target,
                double factor, MatrixView<double> grad) {
  return HWY_DYNAMIC_DISPATCH(mse_rows_double)(known_only, y, target, factor, grad);
}

template <class T>
void whole(int threads, bool known_only, MatrixView<const T> y, MatrixView<const T> target,
           T weight, VectorView<double> parts, VectorView<double> loss, MatrixView<T> grad) {
  const double share = static_cast<double>(weight) / static_cast<double>(y.rows * y.cols);
  const T factor = static_cast<T>(2 * share);
  if (y.rows * y.cols < kSerialSize) threads = 1;
  parallel_chunks(threads, y.rows, kMseRows, [&](std::int64_t first, std::int64_t count) {
    parts[first / kMseRows] =
        mse_rows(known_only, y.row_range(first, count), target.row_range(first, count), factor,
                 grad.data == nullptr ? grad : grad.row_range(first, count));
  });
  double sum = 0;
  for (const double part : parts) sum += part;
  loss[0] += share * sum;
}

}  // namespace

void mse_loss(int threads, bool known_only, MatrixView<const float> y,
              MatrixView<const float> target, float weight, VectorView<double> parts,
              VectorView<double> loss, MatrixView<float> grad) {
  whole(threads, known_only, y, target, weight, parts, loss, grad);
}
void mse_loss(int threads, bool known_only, MatrixView<const double> y,
              MatrixView<const double> target, double weight, VectorView<double> parts,
              VectorView<double> loss, MatrixView<double> grad) {
  whole(threads, known_only, y, target, weight, parts, loss, grad);
}

}  // namespace clipk::cpu
#endif
