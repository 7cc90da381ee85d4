#pragma once

#include <hwy/highway.h>

#include <cstdint>
#include <initializer_list>

namespace clipk::test {

/// Calls f() once for each instruction set that this processor has of those whose bytes are
/// promised to be the same, with Highway held to it.
template <class F>
void for_each_cpu_target(F&& f) {
  struct Restore {
    ~Restore() { hwy::SetSupportedTargetsForTest(0); }
  } restore;
  const std::int64_t supported = hwy::SupportedTargets();
  for (const std::int64_t target :
       std::initializer_list<std::int64_t>{HWY_AVX2, HWY_AVX3, HWY_NEON}) {
    if ((supported & target) == 0) continue;
    hwy::SetSupportedTargetsForTest(target);
    f();
  }
}

}  // namespace clipk::test
