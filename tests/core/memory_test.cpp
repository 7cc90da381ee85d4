#include "clipk/core/memory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clipk/core/error.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

TEST(Buffer, SaysHowMuchWasAskedForWhenMemoryRunsOut) {
  EXPECT_EQ(error_of([&] { const Buffer buffer(Device::cpu, std::size_t{1} << 62); }),
            "out of memory: expected 4611686018427387904 bytes on cpu, got none");
}

TEST(Buffer, OnADeviceThatIsAbsentIsAnError) {
  if (Context::cuda_available()) GTEST_SKIP() << "there is a CUDA device here";
  EXPECT_THROW(Buffer(Device::cuda, 64), Error);
}

class ScratchMemory : public DeviceTest {};

TEST_P(ScratchMemory, IsAlignedAndApart) {
  Scratch scratch(context());
  std::uintptr_t last = 0;
  for (const std::int64_t size : {1, 100, 0, 70000, 3}) {
    const VectorView<float> v = scratch.vector<float>(size);
    const auto address = reinterpret_cast<std::uintptr_t>(v.data);
    EXPECT_EQ(address % 256, 0u);
    EXPECT_NE(address, last);
    EXPECT_EQ(v.size, size);
    EXPECT_EQ(v.device, context().device());
    fill_zero(context(), v);
    last = address;
  }
  const MatrixView<double> m = scratch.matrix<double>(3, 7);
  EXPECT_EQ(m.stride, 7);
  context().synchronize();
}

// The first step finds out what it needs; the second one merges; from then on nothing is allocated.
TEST_P(ScratchMemory, NothingIsAllocatedAfterTheFirstStep) {
  const auto step = [&] {
    Scratch outer(context());
    outer.vector<float>(1000);
    {
      Scratch inner(context());
      inner.vector<float>(5000);
      inner.vector<float>(10);
    }
    {
      Scratch inner(context());
      inner.vector<float>(7000);
    }
    outer.vector<float>(2000);
  };
  step();
  const std::int64_t allocations = context().scratch().allocations();
  const std::size_t capacity = context().scratch().capacity();
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(context().scratch().allocations(), allocations);
  EXPECT_EQ(context().scratch().capacity(), capacity);
}

TEST_P(ScratchMemory, WhatAnInnerScopeTookIsGivenBackToTheOuter) {
  Scratch outer(context());
  const float* first = outer.vector<float>(64).data;
  const float* inside = nullptr;
  {
    Scratch inner(context());
    inside = inner.vector<float>(64).data;
    EXPECT_NE(inside, first);
  }
  EXPECT_EQ(outer.vector<float>(64).data, inside);
}

// The outer scope's arrays keep their values while inner scopes come, grow and go.
TEST_P(ScratchMemory, OuterArraysSurviveInnerScopes) {
  Scratch outer(context());
  const VectorView<std::int32_t> kept = outer.vector<std::int32_t>(300);
  std::vector<std::int32_t> values(300);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int32_t>(i);
  copy<std::int32_t>(context(), VectorView<const std::int32_t>(values.data(), 300), kept);
  for (const std::int64_t size : {10, 100000, 50, 400000}) {
    Scratch inner(context());
    fill_zero(context(), inner.vector<std::int32_t>(size));
    fill_zero(context(), inner.vector<std::int32_t>(size));
  }
  std::vector<std::int32_t> back(300);
  copy<std::int32_t>(context(), kept, VectorView<std::int32_t>(back.data(), 300));
  EXPECT_EQ(back, values);
}

TEST_P(ScratchMemory, ChunksAreMergedWhenTheOutermostScopeEnds) {
  {
    Scratch scratch(context());
    for (int i = 0; i < 10; ++i) scratch.vector<float>(1 << 14);
  }
  const std::int64_t allocations = context().scratch().allocations();
  {
    Scratch scratch(context());
    scratch.vector<float>(10 << 14);  // what ten chunks held, in one piece
  }
  EXPECT_EQ(context().scratch().allocations(), allocations);
}

CLIPK_INSTANTIATE_DEVICE_TEST(ScratchMemory);

}  // namespace
}  // namespace clipk::test
