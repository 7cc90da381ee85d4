#include "core/cpu_target.hpp"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdlib>

#include "clipk/core/cpu_target.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

std::string message_of(std::int64_t targets, std::string_view name) {
  return error_of([&] { best_target(targets, name); });
}

#if HWY_ARCH_X86

constexpr std::int64_t kAll = HWY_AVX3_DL | HWY_AVX3 | HWY_AVX2 | HWY_SSE4 | HWY_SSSE3 | HWY_EMU128;
constexpr std::int64_t kLaptop = HWY_AVX2 | HWY_SSE4 | HWY_SSSE3 | HWY_EMU128;
constexpr std::int64_t kOld = HWY_SSE4 | HWY_SSSE3 | HWY_EMU128;

TEST(CpuTarget, IsTheBestOneThatIsAllowed) {
  EXPECT_EQ(best_target(kAll, ""), HWY_AVX3_DL);
  EXPECT_EQ(best_target(kAll, "avx3_dl"), HWY_AVX3_DL);
  EXPECT_EQ(best_target(kAll, "avx3"), HWY_AVX3);
  EXPECT_EQ(best_target(kAll, "AVX2"), HWY_AVX2);
  EXPECT_EQ(best_target(kLaptop, ""), HWY_AVX2);
  EXPECT_EQ(target_names(fused_targets(kAll)),
            (std::vector<std::string>{"avx3_dl", "avx3", "avx2"}));
}

TEST(CpuTarget, RefusesWhatIsNoNameOrNotThere) {
  EXPECT_EQ(message_of(kAll, "x"),
            "CLIPK_CPU_TARGET: expected one of avx2, avx3, avx3_dl (what this processor has), got "
            "'x'");
  for (const char* name : {"avx3", "sse4", "emu128", "avx", "avx2 "}) {
    EXPECT_EQ(message_of(kLaptop, name),
              "CLIPK_CPU_TARGET: expected one of avx2 (what this processor has), got '" +
                  std::string(name) + "'");
  }
}

TEST(CpuTarget, RefusesAProcessorWithoutFusedMultiplyAdds) {
  for (const char* name : {"", "avx2", "sse4"}) {
    EXPECT_EQ(message_of(kOld, name),
              "expected a processor with AVX2 and FMA (x86-64-v3), got one without");
  }
  EXPECT_TRUE(target_names(fused_targets(kOld)).empty());
}

#endif

TEST(CpuTarget, OfThisProcessIsWhatTheVariableSays) {
  const std::vector<std::string> here = cpu_targets();
  ASSERT_FALSE(here.empty());
  const char* const value = std::getenv("CLIPK_CPU_TARGET");
  const std::string used = limit_cpu_target();
  EXPECT_STRCASEEQ(used.c_str(), value == nullptr || *value == '\0' ? here.front().c_str() : value);
  // Highway's own choice is the same.
  const std::int64_t best = HWY_SUPPORTED_TARGETS & HWY_TARGETS;
  EXPECT_EQ(target_names(best).front(), used);
  EXPECT_EQ(cpu_targets(), here);
}

}  // namespace
}  // namespace clipk::test
