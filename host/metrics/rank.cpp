#include "metrics/rank.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "metrics/rank.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class Before>
HWY_INLINE std::int64_t count(const double* values, std::int64_t n, double value,
                              const Before& before) {
  const hn::ScalableTag<double> vector;
  const hn::CappedTag<double, 1> scalar;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(vector));
  const auto of = [&](auto d, std::int64_t i) HWY_ATTR {
    return static_cast<std::int64_t>(
        hn::CountTrue(d, before(hn::LoadU(d, values + i), hn::Set(d, value))));
  };
  std::int64_t sum = 0, i = 0;
  for (; i + lanes <= n; i += lanes) sum += of(vector, i);
  for (; i < n; ++i) sum += of(scalar, i);
  return sum;
}

std::int64_t rank_in(const double* values, std::int64_t n, std::int64_t at) {
  const double value = values[at];
  return count(values, at, value, [](auto v, auto own) HWY_ATTR { return hn::Le(v, own); }) +
         count(values + at, n - at, value,
               [](auto v, auto own) HWY_ATTR { return hn::Lt(v, own); });
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(rank_in);

std::int64_t rank_of(const double* values, std::int64_t n, std::int64_t at) {
  return HWY_DYNAMIC_DISPATCH(rank_in)(values, n, at);
}

}  // namespace clipk::cpu
#endif
