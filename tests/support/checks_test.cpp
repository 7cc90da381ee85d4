#include <gtest/gtest-spi.h>

#include <cmath>
#include <vector>

#include "support/central_difference.hpp"
#include "support/error_of.hpp"
#include "support/same_bytes.hpp"

namespace clipk::test {
namespace {

TEST(ErrorOf, IsTheMessageOrSaysThatThereIsNone) {
  EXPECT_EQ(error_of([] { throw Error("adam: expected 3, got 4"); }), "adam: expected 3, got 4");
  EXPECT_EQ(error_of([] {}), "no error");
  EXPECT_NONFATAL_FAILURE(EXPECT_HAS(error_of([] {}), "expected"), "no error");
}

TEST(SameBytes, NamesTheRowThatDiffers) {
  Matrix<float> a(3, 2), b(3, 2);
  EXPECT_TRUE(same_bytes(a, b));
  b(1, 1) = -0.F;  // equal to 0, and not the same bytes
  EXPECT_FALSE(same_bytes(a, b));
  EXPECT_NONFATAL_FAILURE(EXPECT_TRUE(same_bytes(a, b)), "other bytes in row 1");
  EXPECT_TRUE(same_bytes(a.view().col_range(0, 1), b.view().col_range(0, 1)));
  EXPECT_NONFATAL_FAILURE(EXPECT_TRUE(same_bytes(a, Matrix<float>(2, 3))), "[3, 2] and [2, 3]");
}

TEST(CentralDifferences, FindAGradientThatIsOff) {
  std::vector<double> x{1, 2, 3};
  const auto f = [&] { return x[0] * x[0] + 5 * x[2]; };
  const std::vector<double> right{2, 0, 5}, wrong{2, 0.5, 5}, two{2, 0};
  EXPECT_NEAR(central_difference(f, x[0], 1e-5), 2, 1e-9);
  EXPECT_EQ(expect_central_differences(f, x, right, 1e-5, 1e-8), 2);
  EXPECT_EQ(x, (std::vector<double>{1, 2, 3}));
  EXPECT_NONFATAL_FAILURE(expect_central_differences(f, x, wrong, 1e-5, 1e-8), "value 1");
  expect_central_differences(f, x, wrong, 1e-5, 1e-8, 2);
  EXPECT_NONFATAL_FAILURE(expect_central_differences(f, x, two, 1e-5, 1e-8), "3");
  const std::vector<double> missing{2, NAN, 5};
  EXPECT_NONFATAL_FAILURE(expect_central_differences(f, x, missing, 1e-5, 1e-8), "value 1");
}

}  // namespace
}  // namespace clipk::test
