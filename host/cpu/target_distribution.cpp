#include "cpu/target_distribution.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/target_distribution.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"
#include "cpu/detail/soft_rows-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// @param work [2 k] vectors of 64 bytes
template <class T>
void sharpen_rows(MatrixView<const T> q, const T* inverse_sums, MatrixView<T> p, T* work) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  T* const target = work + q.cols * lanes;
  for (std::int64_t i = 0; i < q.rows; i += lanes) {
    const std::int64_t count = std::min(lanes, q.rows - i);
    load_columns(d, q.row(i), q.stride, count, q.cols, work, lanes);
    sharpened(d, q.cols, lanes, inverse_sums, work, target);
    store_columns(d, target, lanes, count, q.cols, p.row(i), p.stride);
  }
}

// w = q^power by columns: value (i, j) at w[j * stride + i]. Rows up to `lanes` past the last are
// written, as copies of it.
template <class T>
void power_columns(MatrixView<const T> q, T power, T* w, std::int64_t stride) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < q.rows; i += lanes) {
    load_columns(d, q.row(i), q.stride, std::min(lanes, q.rows - i), q.cols, w + i, stride);
    for (std::int64_t j = 0; j < q.cols; ++j) {
      T* const at = w + j * stride + i;
      const auto v = hn::Load(d, at);
      auto result = hn::Mul(v, v);
      if (power != 2) {
        result = hn::Exp(d, hn::Mul(hn::Set(d, power), hn::Log(d, v)));
        result = hn::IfThenZeroElse(hn::Eq(v, hn::Zero(d)), result);
        result = hn::IfThenElse(hn::IsNaN(v), v, result);
      }
      hn::Store(result, d, at);
    }
  }
}

// w as doubles, whatever its type.
template <class D>
auto load_wide(D d, const float* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), from));
}
template <class D>
auto load_wide(D d, const double* from) {
  return hn::LoadU(d, from);
}

// One sweep over some rows (a multiple of the lanes, those past `rows` not counted): rows scaled by
// a_i to sum to 1 under the column factors b, and their sums by column.
// @param a [rows] scratch; holds a_i on return
template <class T>
void sweep_rows(std::int64_t rows, std::int64_t k, const T* w, std::int64_t stride, const double* b,
                double* a, double* sums) {
  const hn::ScalableTag<double> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < rows; i += lanes) {
    auto sum = hn::Zero(d);
    for (std::int64_t j = 0; j < k; ++j) {
      sum = hn::MulAdd(hn::Set(d, b[j]), load_wide(d, w + j * stride + i), sum);
    }
    const auto zero = hn::Eq(sum, hn::Zero(d));
    const auto scale = hn::IfThenZeroElse(zero, hn::Div(hn::Set(d, 1.0), sum));
    const auto valid = hn::FirstN(d, static_cast<std::size_t>(std::min(lanes, rows - i)));
    hn::StoreU(hn::IfThenElseZero(valid, scale), d, a + i);
  }
  for (std::int64_t j = 0; j < k; ++j) {
    LaneSum<double> sum;
    for (std::int64_t first = 0; first < rows; first += kBlockLanes<double>) {
      for (int v = 0; v < kBlockVectors<double>; ++v) {
        const std::int64_t i = first + v * lanes;
        if (i >= rows) break;
        sum.vector[v] =
            hn::MulAdd(hn::LoadU(d, a + i), load_wide(d, w + j * stride + i), sum.vector[v]);
      }
    }
    sums[j] = b[j] * sum.total();
  }
}

void sharpen_rows_float(MatrixView<const float> q, const float* inverse_sums, MatrixView<float> p,
                        float* work) {
  sharpen_rows(q, inverse_sums, p, work);
}
void sharpen_rows_double(MatrixView<const double> q, const double* inverse_sums,
                         MatrixView<double> p, double* work) {
  sharpen_rows(q, inverse_sums, p, work);
}
void power_columns_float(MatrixView<const float> q, float power, float* w, std::int64_t stride) {
  power_columns(q, power, w, stride);
}
void power_columns_double(MatrixView<const double> q, double power, double* w,
                          std::int64_t stride) {
  power_columns(q, power, w, stride);
}
void sweep_rows_float(std::int64_t rows, std::int64_t k, const float* w, std::int64_t stride,
                      const double* b, double* a, double* sums) {
  sweep_rows(rows, k, w, stride, b, a, sums);
}
void sweep_rows_double(std::int64_t rows, std::int64_t k, const double* w, std::int64_t stride,
                       const double* b, double* a, double* sums) {
  sweep_rows(rows, k, w, stride, b, a, sums);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(sharpen_rows_float);
HWY_EXPORT(sharpen_rows_double);
HWY_EXPORT(power_columns_float);
HWY_EXPORT(power_columns_double);
HWY_EXPORT(sweep_rows_float);
HWY_EXPORT(sweep_rows_double);

namespace {

constexpr std::int64_t kRows = 1024;           // of a task, a multiple of all lanes
constexpr std::int64_t kSerialSize = 1 << 15;  // n k below which one thread is faster

void sharpen_rows(MatrixView<const float> q, const float* inverse_sums, MatrixView<float> p,
                  float* work) {
  HWY_DYNAMIC_DISPATCH(sharpen_rows_float)(q, inverse_sums, p, work);
}
void sharpen_rows(MatrixView<const double> q, const double* inverse_sums, MatrixView<double> p,
                  double* work) {
  HWY_DYNAMIC_DISPATCH(sharpen_rows_double)(q, inverse_sums, p, work);
}
void power_columns(MatrixView<const float> q, float power, float* w, std::int64_t stride) {
  HWY_DYNAMIC_DISPATCH(power_columns_float)(q, power, w, stride);
}
void power_columns(MatrixView<const double> q, double power, double* w, std::int64_t stride) {
  HWY_DYNAMIC_DISPATCH(power_columns_double)(q, power, w, stride);
}
void sweep_rows(std::int64_t rows, std::int64_t k, const float* w, std::int64_t stride,
                const double* b, double* a, double* sums) {
  HWY_DYNAMIC_DISPATCH(sweep_rows_float)(rows, k, w, stride, b, a, sums);
}
void sweep_rows(std::int64_t rows, std::int64_t k, const double* w, std::int64_t stride,
                const double* b, double* a, double* sums) {
  HWY_DYNAMIC_DISPATCH(sweep_rows_double)(rows, k, w, stride, b, a, sums);
}

template <class T>
void sharpen(int threads, Scratch& scratch, MatrixView<const T> q,
             VectorView<const double> column_sums, MatrixView<T> p) {
  const std::int64_t k = q.cols;
  if (q.rows * k < kSerialSize) threads = 1;
  const VectorView<T> inverse = scratch.vector<T>(k);
  for (std::int64_t j = 0; j < k; ++j) {
    inverse[j] = static_cast<T>(1 / std::max(column_sums[j], 1e-30));
  }
  constexpr auto lanes = static_cast<std::int64_t>(64 / sizeof(T));
  const std::int64_t rows = std::max(kRows, (q.rows + 63) / 64 / 16 * 16);
  const std::int64_t tasks = (q.rows + rows - 1) / rows;
  const VectorView<T> work = scratch.vector<T>(tasks * 2 * k * lanes);
  parallel_chunks(threads, q.rows, rows, [&](std::int64_t first, std::int64_t count) {
    sharpen_rows(q.row_range(first, count), inverse.data, p.row_range(first, count),
                 work.data + first / rows * 2 * k * lanes);
  });
}

template <class T>
void balance(int threads, Scratch& scratch, MatrixView<const T> q,
             const BalancedTargetOptions& options, MatrixView<T> p,
             VectorView<double> column_sums) {
  const std::int64_t n = q.rows, k = q.cols;
  if (n * k < kSerialSize) threads = 1;
  const std::int64_t tasks = (n + kRows - 1) / kRows;
  // A task's columns lie together: [k][kRows].
  const VectorView<T> w = scratch.vector<T>(tasks * kRows * k);
  const VectorView<double> a = scratch.vector<double>(tasks * kRows);
  const VectorView<double> b = scratch.vector<double>(k);
  const VectorView<double> sums = scratch.vector<double>(tasks * k);
  std::fill(b.begin(), b.end(), 1.0);
  parallel_chunks(threads, n, kRows, [&](std::int64_t first, std::int64_t count) {
    power_columns(q.row_range(first, count), static_cast<T>(options.power), w.data + first * k,
                  kRows);
  });
  const auto sweep = [&] {
    parallel_chunks(threads, n, kRows, [&](std::int64_t first, std::int64_t count) {
      sweep_rows(count, k, w.data + first * k, kRows, b.data, a.data + first,
                 sums.data + first / kRows * k);
    });
  };
  const auto column_sum = [&](std::int64_t j) {
    double sum = 0;
    for (std::int64_t t = 0; t < tasks; ++t) sum += sums[t * k + j];
    return sum;
  };
  const double wanted = static_cast<double>(n) / static_cast<double>(k);
  for (int iteration = 0; iteration < options.iterations; ++iteration) {
    sweep();
    for (std::int64_t j = 0; j < k; ++j) {
      const double sum = column_sum(j);
      if (sum > 0) b[j] *= wanted / sum;
    }
  }
  sweep();  // rows last, so that they are exact
  const T even = T{1} / static_cast<T>(k);
  parallel_chunks(threads, n, kRows, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      const T* const from = w.data + first * k + (i - first);
      T* const to = p.row(i);
      for (std::int64_t j = 0; j < k; ++j) {
        to[j] =
            a[i] == 0 ? even : static_cast<T>(a[i] * b[j] * static_cast<double>(from[j * kRows]));
      }
    }
  });
  if (column_sums.data == nullptr) return;
  double lost = 0;  // rows without any power, which are even
  for (const double scale : VectorView<double>(a.data, n)) lost += scale == 0 ? 1 : 0;
  for (std::int64_t j = 0; j < k; ++j) {
    column_sums[j] = column_sum(j) + lost / static_cast<double>(k);
  }
}

}  // namespace

void target_distribution(int threads, Scratch& scratch, MatrixView<const float> q,
                         VectorView<const double> column_sums, MatrixView<float> p) {
  sharpen(threads, scratch, q, column_sums, p);
}
void target_distribution(int threads, Scratch& scratch, MatrixView<const double> q,
                         VectorView<const double> column_sums, MatrixView<double> p) {
  sharpen(threads, scratch, q, column_sums, p);
}
void balanced_target(int threads, Scratch& scratch, MatrixView<const float> q,
                     const BalancedTargetOptions& options, MatrixView<float> p,
                     VectorView<double> column_sums) {
  balance(threads, scratch, q, options, p, column_sums);
}
void balanced_target(int threads, Scratch& scratch, MatrixView<const double> q,
                     const BalancedTargetOptions& options, MatrixView<double> p,
                     VectorView<double> column_sums) {
  balance(threads, scratch, q, options, p, column_sums);
}

}  // namespace clipk::cpu
#endif
