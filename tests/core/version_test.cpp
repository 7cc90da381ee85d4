#include "clipk/version.hpp"

#include <gtest/gtest.h>

#include <string>

namespace clipk::test {
namespace {

TEST(Version, IsThatOfTheHeader) {
  EXPECT_EQ(version(), std::to_string(CLIPK_VERSION_MAJOR) + "." +
                           std::to_string(CLIPK_VERSION_MINOR) + "." +
                           std::to_string(CLIPK_VERSION_PATCH));
}

}  // namespace
}  // namespace clipk::test
