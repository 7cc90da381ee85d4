#include "cpu/adam.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/adam.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One chunk of parameters. The vector body reads and writes whole vectors; the rest uses
// the same expressions, one lane at a time.
template <class T>
void adam_chunk(const AdamOptions& options, const T* rates, std::int64_t n, const T* gradients,
                T* parameters, T* m, T* v) {
  const auto update = [&](auto d, std::int64_t i) HWY_ATTR {
    const auto beta1 = hn::Set(d, static_cast<T>(options.beta1));
    const auto beta2 = hn::Set(d, static_cast<T>(options.beta2));
    const auto rest1 = hn::Set(d, T{1} - static_cast<T>(options.beta1));
    const auto rest2 = hn::Set(d, T{1} - static_cast<T>(options.beta2));
    const auto g = hn::LoadU(d, gradients + i);
    const auto m_new = hn::MulAdd(beta1, hn::LoadU(d, m + i), hn::Mul(rest1, g));
    const auto v_new = hn::MulAdd(beta2, hn::LoadU(d, v + i), hn::Mul(rest2, hn::Mul(g, g)));
    const auto denominator = hn::Add(hn::Sqrt(hn::Div(v_new, hn::Set(d, rates[2]))),
                                     hn::Set(d, static_cast<T>(options.epsilon)));
    const auto change = hn::Div(hn::Mul(hn::Set(d, rates[0] / rates[1]), m_new), denominator);
    const auto kept = hn::Set(d, T{1} - rates[0] * static_cast<T>(options.weight_decay));
    hn::StoreU(m_new, d, m + i);
    hn::StoreU(v_new, d, v + i);
    hn::StoreU(hn::Sub(hn::Mul(kept, hn::LoadU(d, parameters + i)), change), d, parameters + i);
  };
  const hn::ScalableTag<T> vector;
  const hn::CappedTag<T, 1> scalar;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(vector));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) update(vector, i);
  for (; i < n; ++i) update(scalar, i);
}

void adam_chunk_float(const AdamOptions& options, const float* rates, std::int64_t n,
                      const float* gradients, float* parameters, float* m, float* v) {
  adam_chunk(options, rates, n, gradients, parameters, m, v);
}
void adam_chunk_double(const AdamOptions& options, const double* rates, std::int64_t n,
                       const double* gradients, double* parameters, double* m, double* v) {
  adam_chunk(options, rates, n, gradients, parameters, m, v);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(adam_chunk_float);
HWY_EXPORT(adam_chunk_double);

namespace {
constexpr std::int64_t kGrain = 1 << 14;  // four arrays of it stay in L2
}

void adam(int threads, const AdamOptions& options, VectorView<const float> rates,
          VectorView<const float> gradients, VectorView<float> parameters, VectorView<float> m,
          VectorView<float> v) {
  parallel_chunks(threads, parameters.size, kGrain, [&](std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(adam_chunk_float)
    (options, rates.data, count, gradients.data + first, parameters.data + first, m.data + first,
     v.data + first);
  });
}

void adam(int threads, const AdamOptions& options, VectorView<const double> rates,
          VectorView<const double> gradients, VectorView<double> parameters, VectorView<double> m,
          VectorView<double> v) {
  parallel_chunks(threads, parameters.size, kGrain, [&](std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(adam_chunk_double)
    (options, rates.data, count, gradients.data + first, parameters.data + first, m.data + first,
     v.data + first);
  });
}

}  // namespace clipk::cpu
#endif
