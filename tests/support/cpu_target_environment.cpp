// CLIPK_CPU_TARGET holds for tests that call the CPU's functions without a Context, too.
#include <gtest/gtest.h>

#include "clipk/core/cpu_target.hpp"

namespace clipk::test {
namespace {

class CpuTargetEnvironment : public ::testing::Environment {
 public:
  void SetUp() override { limit_cpu_target(); }
};

const auto* const environment = ::testing::AddGlobalTestEnvironment(new CpuTargetEnvironment);

}  // namespace
}  // namespace clipk::test
