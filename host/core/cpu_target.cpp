#include "core/cpu_target.hpp"

#include <hwy/targets.h>

#include <cstdlib>

#include "clipk/core/cpu_target.hpp"
#include "clipk/core/error.hpp"

namespace clipk {
namespace {

constexpr char kVariable[] = "CLIPK_CPU_TARGET";

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::int64_t lowest_bit(std::int64_t bits) {
  return bits & -bits;
}

// The targets that the library is compiled for and the processor supports, before any limit.
std::int64_t all_targets() {
  static const std::int64_t all = HWY_SUPPORTED_TARGETS & HWY_TARGETS;
  return all;
}

// The best target that is allowed.
std::int64_t limited_target() {
  const char* const value = std::getenv(kVariable);
  const std::string_view name = value == nullptr ? "" : value;
  const std::int64_t best = best_target(all_targets(), name);
  // Makes Highway choose again where it has dispatched before.
  if (!name.empty()) hwy::DisableTargets(best - 1);
  return best;
}

}  // namespace

std::int64_t fused_targets(std::int64_t targets) {
  std::int64_t without = HWY_EMU128 | HWY_SCALAR;
#if HWY_ARCH_X86
  without |= ~(2 * HWY_AVX2 - 1);
#endif
  return targets & ~without;
}

std::vector<std::string> target_names(std::int64_t targets) {
  std::vector<std::string> names;
  for (; targets != 0; targets &= targets - 1) {
    names.push_back(lower_case(hwy::TargetName(lowest_bit(targets))));
  }
  return names;
}

std::int64_t best_target(std::int64_t targets, std::string_view name) {
  const std::int64_t fused = fused_targets(targets);
  if (fused == 0) {
#if HWY_ARCH_X86
    throw Error("expected a processor with AVX2 and FMA (x86-64-v3), got one without");
#else
    throw Error("expected a processor with NEON and the AES instructions (Arm64), got one without");
#endif
  }
  if (name.empty()) return lowest_bit(fused);
  std::string names;
  for (std::int64_t left = fused; left != 0; left &= left - 1) {
    const std::string known = target_names(lowest_bit(left)).front();
    if (known == lower_case(name)) return lowest_bit(left);
    names = names.empty() ? known : known + ", " + names;
  }
  throw Error(std::string(kVariable) + ": expected one of " + names +
              " (what this processor has), got '" + std::string(name) + "'");
}

std::vector<std::string> cpu_targets() {
  return target_names(fused_targets(all_targets()));
}

std::string limit_cpu_target() {
  // An error leaves it unset: it is thrown again in every call.
  static const std::int64_t best = limited_target();
  return target_names(best).front();
}

}  // namespace clipk
