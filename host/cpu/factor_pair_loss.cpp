#include "cpu/factor_pair_loss.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/factor_pair_loss.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>

#include "core/math/math.hpp"
#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The sum over one pair of a^2 + (b - r a)^2 / (1 - r^2), and its gradient: lanes add along the
// row. Columns go by runs of one factor, each from the first lane on.
template <class T>
double pair_row(std::int64_t cols, const T* a, const T* b, const T* shared,
                const std::int32_t* blocks, const std::int32_t* ends, const T* rho, T share,
                T* grad_a, T* grad_b) {
  const hn::ScalableTag<T> d;
  const auto shares = hn::Set(d, share);
  LaneSum<T> sum_a, sum_b;
  for (std::int64_t first = 0; first < cols; first = ends[first]) {
    const std::int32_t factor = blocks[first];
    const T correlation = factor < 0 ? T{0} : rho[factor] * shared[factor];
    const auto r = hn::Set(d, correlation);
    const auto precision = hn::Set(d, 1 / ((1 - correlation) * (1 + correlation)));
    for_lanes<T>(ends[first] - first, [&](auto place, std::int64_t at, int v) HWY_ATTR {
      const std::int64_t j = first + at;
      const auto va = place.load(a + j);
      const auto e = hn::NegMulAdd(r, va, place.load(b + j));
      const auto scaled = hn::Mul(precision, e);
      sum_a.vector[v] = hn::MulAdd(va, va, sum_a.vector[v]);
      sum_b.vector[v] = hn::MulAdd(e, scaled, sum_b.vector[v]);
      if (grad_a != nullptr) {
        place.store(hn::Mul(shares, hn::NegMulAdd(r, scaled, va)), grad_a + j);
        place.store(hn::Mul(shares, scaled), grad_b + j);
      }
    });
  }
  return static_cast<double>(sum_a.total()) + static_cast<double>(sum_b.total());
}

// The same of `count` pairs, added in double.
template <class T>
double pair_rows(std::int64_t first, std::int64_t count, MatrixView<const T> z,
                 MatrixView<const T> shared, const std::int32_t* blocks, const std::int32_t* ends,
                 const T* rho, T share, MatrixView<T> grad) {
  const std::int64_t pairs = z.rows / 2;
  const bool wanted = grad.data != nullptr;
  double sum = 0;
  for (std::int64_t p = first; p < first + count; ++p) {
    sum += pair_row(z.cols, z.row(p), z.row(pairs + p), shared.row(p), blocks, ends, rho, share,
                    wanted ? grad.row(p) : nullptr, wanted ? grad.row(pairs + p) : nullptr);
  }
  return sum;
}

double pair_rows_float(std::int64_t first, std::int64_t count, MatrixView<const float> z,
                       MatrixView<const float> shared, const std::int32_t* blocks,
                       const std::int32_t* ends, const float* rho, float share,
                       MatrixView<float> grad) {
  return pair_rows(first, count, z, shared, blocks, ends, rho, share, grad);
}
double pair_rows_double(std::int64_t first, std::int64_t count, MatrixView<const double> z,
                        MatrixView<const double> shared, const std::int32_t* blocks,
                        const std::int32_t* ends, const double* rho, double share,
                        MatrixView<double> grad) {
  return pair_rows(first, count, z, shared, blocks, ends, rho, share, grad);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(pair_rows_float);
HWY_EXPORT(pair_rows_double);

namespace {

constexpr std::int64_t kSerialSize = 1 << 15;  // takes less time than waking a second thread

double pair_rows(std::int64_t first, std::int64_t count, MatrixView<const float> z,
                 MatrixView<const float> shared, const std::int32_t* blocks,
                 const std::int32_t* ends, const float* rho, float share, MatrixView<float> grad) {
  return HWY_DYNAMIC_DISPATCH(pair_rows_float)(first, count, z, shared, blocks, ends, rho, share,
                                               grad);
}
double pair_rows(std::int64_t first, std::int64_t count, MatrixView<const double> z,
                 MatrixView<const double> shared, const std::int32_t* blocks,
                 const std::int32_t* ends, const double* rho, double share,
                 MatrixView<double> grad) {
  return HWY_DYNAMIC_DISPATCH(pair_rows_double)(first, count, z, shared, blocks, ends, rho, share,
                                                grad);
}

double half_log(double correlation) {
  return 0.5 * math::log1p(-correlation * correlation);
}

template <class T>
void whole(int threads, MatrixView<const T> z, VectorView<const T> log_det,
           MatrixView<const T> shared, VectorView<const std::int32_t> blocks,
           VectorView<const T> rho, VectorView<std::int32_t> ends, VectorView<double> constants,
           VectorView<double> parts, VectorView<double> loss, MatrixView<T> grad_z,
           VectorView<T> grad_log_det) {
  const std::int64_t pairs = z.rows / 2;
  for (std::int64_t j = z.cols - 1; j >= 0; --j) {
    const bool last = j + 1 == z.cols || blocks[j + 1] != blocks[j];
    ends[j] = last ? static_cast<std::int32_t>(j + 1) : ends[j + 1];
  }
  std::fill(constants.begin(), constants.end(), 0);
  for (const std::int32_t block : blocks) {
    if (block >= 0) ++constants[block];
  }
  for (std::int64_t f = 0; f < rho.size; ++f) {
    if (constants[f] != 0) constants[f] *= half_log(rho[f]);
  }
  const T share = T{1} / static_cast<T>(pairs);
  // The terms that belong to no single column. Pairs that share a factor entirely, as most do, need
  // no logarithm.
  const auto rest = [&](std::int64_t p) {
    double sum = 0;
    for (std::int64_t f = 0; f < rho.size; ++f) {
      const T flag = shared(p, f);
      if (flag == 0 || constants[f] == 0) continue;
      sum += flag == 1 ? constants[f] : constants[f] * half_log(rho[f] * flag) / half_log(rho[f]);
    }
    if (!log_det.empty()) sum -= static_cast<double>(log_det[p]) + log_det[pairs + p];
    if (!grad_log_det.empty()) grad_log_det[p] = grad_log_det[pairs + p] = -share;
    return sum;
  };
  if (z.rows * z.cols < kSerialSize) threads = 1;
  parallel_chunks(threads, pairs, kPairRows, [&](std::int64_t first, std::int64_t count) {
    double sum =
        pair_rows(first, count, z, shared, blocks.data, ends.data, rho.data, share, grad_z) / 2;
    for (std::int64_t p = first; p < first + count; ++p) sum += rest(p);
    parts[first / kPairRows] = sum;
  });
  double sum = 0;
  for (const double part : parts) sum += part;
  loss[0] += sum / static_cast<double>(pairs);
}

}  // namespace

void factor_pair_loss(int threads, MatrixView<const float> z, VectorView<const float> log_det,
                      MatrixView<const float> shared, VectorView<const std::int32_t> blocks,
                      VectorView<const float> rho, VectorView<std::int32_t> ends,
                      VectorView<double> constants, VectorView<double> parts,
                      VectorView<double> loss, MatrixView<float> grad_z,
                      VectorView<float> grad_log_det) {
  whole(threads, z, log_det, shared, blocks, rho, ends, constants, parts, loss, grad_z,
        grad_log_det);
}
void factor_pair_loss(int threads, MatrixView<const double> z, VectorView<const double> log_det,
                      MatrixView<const double> shared, VectorView<const std::int32_t> blocks,
                      VectorView<const double> rho, VectorView<std::int32_t> ends,
                      VectorView<double> constants, VectorView<double> parts,
                      VectorView<double> loss, MatrixView<double> grad_z,
                      VectorView<double> grad_log_det) {
  whole(threads, z, log_det, shared, blocks, rho, ends, constants, parts, loss, grad_z,
        grad_log_det);
}

}  // namespace clipk::cpu
#endif
