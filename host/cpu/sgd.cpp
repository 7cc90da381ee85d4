#include "cpu/sgd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/sgd.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One chunk of parameters: whole vectors, then the rest one lane at a time.
template <class T>
void sgd_chunk(const SgdOptions& options, T rate, std::int64_t n, const T* gradients, T* parameters,
               T* velocity) {
  const auto update = [&](auto d, std::int64_t i) HWY_ATTR {
    const auto momentum = hn::Set(d, static_cast<T>(options.momentum));
    const auto kept = hn::Set(d, T{1} - rate * static_cast<T>(options.weight_decay));
    const auto v = hn::MulAdd(momentum, hn::LoadU(d, velocity + i), hn::LoadU(d, gradients + i));
    const auto shrunk = hn::Mul(kept, hn::LoadU(d, parameters + i));
    hn::StoreU(v, d, velocity + i);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, rate), v, shrunk), d, parameters + i);
  };
  const hn::ScalableTag<T> vector;
  const hn::CappedTag<T, 1> scalar;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(vector));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) update(vector, i);
  for (; i < n; ++i) update(scalar, i);
}

void sgd_chunk_float(const SgdOptions& options, float rate, std::int64_t n, const float* gradients,
                     float* parameters, float* velocity) {
  sgd_chunk(options, rate, n, gradients, parameters, velocity);
}
void sgd_chunk_double(const SgdOptions& options, double rate, std::int64_t n,
                      const double* gradients, double* parameters, double* velocity) {
  sgd_chunk(options, rate, n, gradients, parameters, velocity);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(sgd_chunk_float);
HWY_EXPORT(sgd_chunk_double);

namespace {
constexpr std::int64_t kGrain = 1 << 14;  // three arrays of it stay in L2
}

void sgd(int threads, const SgdOptions& options, VectorView<const float> rate,
         VectorView<const float> gradients, VectorView<float> parameters,
         VectorView<float> velocity) {
  parallel_chunks(threads, parameters.size, kGrain, [&](std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(sgd_chunk_float)
    (options, rate[0], count, gradients.data + first, parameters.data + first,
     velocity.data + first);
  });
}

void sgd(int threads, const SgdOptions& options, VectorView<const double> rate,
         VectorView<const double> gradients, VectorView<double> parameters,
         VectorView<double> velocity) {
  parallel_chunks(threads, parameters.size, kGrain, [&](std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(sgd_chunk_double)
    (options, rate[0], count, gradients.data + first, parameters.data + first,
     velocity.data + first);
  });
}

}  // namespace clipk::cpu
#endif
