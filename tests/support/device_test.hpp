#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "clipk/core/context.hpp"

namespace clipk::test {

/// The devices a test of an operation is written for once and run over: cpu and cuda in the
/// product's build; in the SIMT build cuda alone, which is the harness there.
std::vector<Device> devices();
std::string device_name(Device device);

/// A test that runs on every device. One that is absent is reported as skipped.
class DeviceTest : public ::testing::TestWithParam<Device> {
 protected:
  void SetUp() override;
  Context& context() { return *context_; }
  bool on_cpu() const { return GetParam() == Device::cpu; }
  /// The SIMT harness is slow: sizes that only prove capacity are cut there. So they are under
  /// compute-sanitizer, where $CLIPK_SMALL_SIZES asks for it.
  static bool simt();

 private:
  std::optional<Context> context_;
};

}  // namespace clipk::test

#define CLIPK_INSTANTIATE_DEVICE_TEST(Suite)                         \
  INSTANTIATE_TEST_SUITE_P(                                          \
      devices, Suite, ::testing::ValuesIn(::clipk::test::devices()), \
      [](const auto& info) { return ::clipk::test::device_name(info.param); })
