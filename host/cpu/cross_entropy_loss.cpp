#include "cpu/cross_entropy_loss.hpp"

#include <algorithm>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/cross_entropy_loss.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>
// after highway.h
#include <hwy/contrib/math/math-inl.h>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The loss of a row is log(sum) - above.
struct RowLoss {
  double sum, above;
};

// Of one row, and its gradient unless `grad` is null; `grad` may be `row`.
template <class T>
HWY_INLINE RowLoss entropy_row(const T* row, std::int64_t classes, std::int32_t label, T share,
                               T* grad) {
  const hn::ScalableTag<T> d;
  constexpr T kLowest = -std::numeric_limits<T>::infinity();
  auto highest = hn::Set(d, kLowest);
  for_lanes<T>(classes, [&](auto place, std::int64_t j, int) HWY_ATTR {
    highest = hn::Max(highest, place.inside(place.load(row + j), kLowest));
  });
  const T top = hn::GetLane(hn::MaxOfLanes(d, highest));
  const T of_label = row[label];
  LaneSum<T> sums;
  for_lanes<T>(classes, [&](auto place, std::int64_t j, int v) HWY_ATTR {
    const auto below = hn::Sub(place.load(row + j), hn::Set(d, top));
    // Exp gives 0 for NaN, which must not pass.
    const auto e = hn::IfThenElse(hn::IsNaN(below), below, hn::Exp(d, below));
    sums.vector[v] = hn::Add(sums.vector[v], place.inside(e, T{0}));
    if (grad != nullptr) place.store(e, grad + j);
  });
  const T sum = sums.total();
  if (grad != nullptr) {
    const auto factor = hn::Set(d, share / sum);
    for_row<T>(classes, [&](auto place, std::int64_t j) HWY_ATTR {
      place.store(hn::Mul(place.load(grad + j), factor), grad + j);
    });
    grad[label] -= share;
  }
  return {static_cast<double>(sum), static_cast<double>(of_label - top)};
}

constexpr std::int64_t kLogs = kBlockLanes<double>;  // taken at once

HWY_INLINE void logs_in_place(double* values) {
  const hn::ScalableTag<double> d;
  for (std::int64_t i = 0; i < kLogs; i += kVectorLanes<double>) {
    const auto value = hn::Load(d, values + i);
    hn::Store(hn::IfThenElse(hn::IsNaN(value), value, hn::Log(d, value)), d, values + i);
  }
}

template <class T>
double entropy_rows(MatrixView<const T> logits, const std::int32_t* labels, T share,
                    MatrixView<T> grad) {
  double sum = 0;
  for (std::int64_t first = 0; first < logits.rows; first += kLogs) {
    const std::int64_t count = std::min(kLogs, logits.rows - first);
    HWY_ALIGN double sums[kLogs];
    double above[kLogs] = {};
    std::fill_n(sums, kLogs, 1.0);
    for (std::int64_t r = 0; r < count; ++r) {
      const std::int64_t i = first + r;
      T* const g = grad.data == nullptr ? nullptr : grad.row(i);
      if (labels[i] >= 0) {
        const RowLoss loss = entropy_row(logits.row(i), logits.cols, labels[i], share, g);
        sums[r] = loss.sum;
        above[r] = loss.above;
      } else if (g != nullptr) {
        std::fill_n(g, logits.cols, T{0});
      }
    }
    logs_in_place(sums);
    for (std::int64_t r = 0; r < count; ++r) sum += sums[r] - above[r];
  }
  return sum;
}

double entropy_rows_float(MatrixView<const float> logits, const std::int32_t* labels, float share,
                          MatrixView<float> grad) {
  return entropy_rows(logits, labels, share, grad);
}
double entropy_rows_double(MatrixView<const double> logits, const std::int32_t* labels,
                           double share, MatrixView<double> grad) {
  return entropy_rows(logits, labels, share, grad);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(entropy_rows_float);
HWY_EXPORT(entropy_rows_double);

namespace {

constexpr std::int64_t kSerialSize = 1 << 13;  // takes less time than waking a second thread

double entropy_rows(MatrixView<const float> logits, const std::int32_t* labels, float share,
                    MatrixView<float> grad) {
  return HWY_DYNAMIC_DISPATCH(entropy_rows_float)(logits, labels, share, grad);
}
double entropy_rows(MatrixView<const double> logits, const std::int32_t* labels, double share,
                    MatrixView<double> grad) {
  return HWY_DYNAMIC_DISPATCH(entropy_rows_double)(logits, labels, share, grad);
}

template <class T>
void whole(int threads, MatrixView<const T> logits, VectorView<const std::int32_t> labels,
           double share, VectorView<double> parts, VectorView<double> loss, MatrixView<T> grad) {
  if (logits.rows * logits.cols < kSerialSize) threads = 1;
  parallel_chunks(
      threads, logits.rows, kCrossEntropyRows, [&](std::int64_t first, std::int64_t count) {
        parts[first / kCrossEntropyRows] =
            entropy_rows(logits.row_range(first, count), labels.data + first, static_cast<T>(share),
                         grad.data == nullptr ? grad : grad.row_range(first, count));
      });
  double sum = 0;
  for (const double part : parts) sum += part;
  loss[0] += share * sum;
}

}  // namespace

void cross_entropy_loss(int threads, MatrixView<const float> logits,
                        VectorView<const std::int32_t> labels, double share,
                        VectorView<double> parts, VectorView<double> loss, MatrixView<float> grad) {
  whole(threads, logits, labels, share, parts, loss, grad);
}
void cross_entropy_loss(int threads, MatrixView<const double> logits,
                        VectorView<const std::int32_t> labels, double share,
                        VectorView<double> parts, VectorView<double> loss,
                        MatrixView<double> grad) {
  whole(threads, logits, labels, share, parts, loss, grad);
}

}  // namespace clipk::cpu
#endif
