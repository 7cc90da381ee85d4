#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "clipk/core/matrix.hpp"

namespace clipk::test {

/// The kinds of processor (Highway's targets) that this machine can stand for, of those that the
/// same bytes are promised on: the ones with fused multiply-adds.
inline std::vector<std::int64_t> promised_targets() {
  constexpr std::int64_t kOthers = HWY_SSSE3 | HWY_SSE4 | HWY_EMU128 | HWY_SCALAR;
  std::vector<std::int64_t> targets;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if ((target & kOthers) == 0) targets.push_back(target);
  }
  return targets;
}

/// The CPU's vector code is that of one target while this lives.
class OnTarget {
 public:
  explicit OnTarget(std::int64_t target) { choose(target); }
  OnTarget(const OnTarget&) = delete;
  ~OnTarget() { choose(0); }

 private:
  static void choose(std::int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

/// Calls f() once on each of them.
template <class F>
void on_each_target(F&& f) {
  for (const std::int64_t target : promised_targets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    const OnTarget here(target);
    f();
  }
}

/// The bytes of results, one after the other.
class Bytes {
 public:
  template <class T>
  void add(const Matrix<T>& values) {
    const auto* from = reinterpret_cast<const std::byte*>(values.data());
    const auto count = static_cast<std::size_t>(values.rows() * values.cols()) * sizeof(T);
    bytes_.insert(bytes_.end(), from, from + count);
  }
  template <class... T>
  static Bytes of(const T&... values) {
    Bytes result;
    (result.add(values), ...);
    return result;
  }
  friend bool operator==(const Bytes&, const Bytes&) = default;

 private:
  std::vector<std::byte> bytes_;
};

/// What run() gives is the same on every target.
template <class Run>
void expect_same_on_every_target(Run&& run) {
  const std::vector<std::int64_t> targets = promised_targets();
  if (targets.empty()) return;
  const auto on = [&](std::int64_t target) {
    const OnTarget here(target);
    return run();
  };
  const auto expected = on(targets[0]);
  for (std::size_t t = 1; t < targets.size(); ++t) {
    EXPECT_TRUE(on(targets[t]) == expected)
        << hwy::TargetName(targets[t]) << " and " << hwy::TargetName(targets[0]);
  }
}

}  // namespace clipk::test
