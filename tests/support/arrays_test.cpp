#include "support/arrays.hpp"

#include <gtest/gtest-spi.h>

namespace clipk::test {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

void compare(const Floats& actual, const Floats& plain, const Doubles& reference) {
  expect_as_good_as(actual, plain, reference);
}

TEST(ExpectAsGoodAs, AllowsThreeTimesTheErrorOfThePlainLoop) {
  compare({}, {}, {});
  compare({1.25F, 2}, {1.125F, 2}, {1, 2});
  EXPECT_NONFATAL_FAILURE(compare({1.5F, 2}, {1.125F, 2}, {1, 2}), "allowed");
}

TEST(ExpectAsGoodAs, NothingPassesBesideWhatDoesNotCompare) {
  const char* message = "expected a plain loop and a reference of one size and finite";
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    EXPECT_NONFATAL_FAILURE(compare({1, 2}, {1, bad}, {1, 2}), message);
    EXPECT_NONFATAL_FAILURE(compare({1, 2}, {1, 2}, {bad, 2}), message);
    EXPECT_NONFATAL_FAILURE(compare({bad, 2}, {bad, 2}, {bad, 2}), message);
    EXPECT_NONFATAL_FAILURE(compare({bad, 2}, {1, 2}, {1, 2}), "allowed");
  }
  EXPECT_NONFATAL_FAILURE(compare({1, 2}, {1}, {1, 2}), message);
  EXPECT_NONFATAL_FAILURE(compare({1, 2}, {}, {}), "allowed");
  EXPECT_NONFATAL_FAILURE(compare({}, {1}, {1}), "allowed");
}

TEST(MaxError, IsNaNWhereNothingCanBeSaid) {
  EXPECT_EQ(max_error(Floats{1, 5}, Doubles{2, 3}), 2);
  EXPECT_TRUE(std::isnan(max_error(Floats{1}, Floats{1, 2})));
  EXPECT_TRUE(std::isnan(max_error(Floats{NAN, 1}, Floats{1, 1})));
  EXPECT_TRUE(std::isnan(max_error(Floats{INFINITY}, Floats{INFINITY})));
  EXPECT_TRUE(std::isnan(worse(NAN, 1)));
  EXPECT_TRUE(std::isnan(largest_of(Floats{NAN, 1})));
}

}  // namespace
}  // namespace clipk::test
