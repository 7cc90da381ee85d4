#include "clipk/core/context.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/error_of.hpp"

namespace clipk::test {
namespace {

TEST(Context, OnTheCpuHasWhatItWasGiven) {
  Context context = Context::cpu({.seed = 7, .precision = Precision::bf16, .threads = 3});
  EXPECT_EQ(context.device(), Device::cpu);
  EXPECT_EQ(context.seed(), 7u);
  EXPECT_EQ(context.precision(), Precision::bf16);
  EXPECT_EQ(context.threads(), 3);
  EXPECT_EQ(context.stream(), nullptr);
  EXPECT_GE(Context::cpu().threads(), 1);
  context.synchronize();
}

TEST(Context, MovesWithItsScratch) {
  Context a = Context::cpu({.seed = 1});
  Arena* const arena = &a.scratch();
  Context b = std::move(a);
  EXPECT_EQ(&b.scratch(), arena);
  b = Context::cpu({.seed = 2});
  EXPECT_EQ(b.seed(), 2u);
}

TEST(Context, CudaWithoutAGpuSaysSo) {
  if (Context::cuda_available()) GTEST_SKIP() << "there is a CUDA device here";
  const std::string error = error_of([] { Context::cuda(); });
  EXPECT_TRUE(error.starts_with("expected a CUDA device, found none: ")) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos);
  EXPECT_EQ(Context::best().device(), Device::cpu);
}

TEST(Context, BestIsTheGpuWhereThereIsOne) {
  EXPECT_EQ(Context::best().device(), Context::cuda_available() ? Device::cuda : Device::cpu);
}

TEST(Context, ADeviceThatDoesNotExistIsNamed) {
  if (!Context::cuda_available()) GTEST_SKIP() << "no CUDA device here";
  for (const int ordinal : {-1, 1000}) {
    const std::string error = error_of([&] { Context::cuda({}, ordinal); });
    EXPECT_TRUE(error.starts_with("expected a CUDA device ")) << error;
    EXPECT_TRUE(error.ends_with("got " + std::to_string(ordinal))) << error;
  }
}

TEST(Context, NamesOfItsEnumerations) {
  EXPECT_STREQ(to_string(Device::cpu), "cpu");
  EXPECT_STREQ(to_string(Device::cuda), "cuda");
  EXPECT_STREQ(to_string(Precision::fp32), "fp32");
  EXPECT_STREQ(to_string(Precision::tf32), "tf32");
  EXPECT_STREQ(to_string(Precision::bf16), "bf16");
}

}  // namespace
}  // namespace clipk::test
