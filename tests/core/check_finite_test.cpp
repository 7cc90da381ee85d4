#include "clipk/core/check_finite.hpp"

#include <cmath>

#include "clipk/core/matrix.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

TEST(CheckFinite, NamesTheFirstRow) {
  Matrix<float> matrix(5, 4);
  EXPECT_NO_THROW(check_finite(matrix.view(), "x"));
  matrix(4, 0) = NAN;
  matrix(3, 2) = -INFINITY;
  EXPECT_EQ(test::error_of([&] { check_finite(matrix.view(), "x.npy"); }),
            "x.npy: expected finite values, got -inf in row 3, column 2");
  EXPECT_NO_THROW(check_finite(matrix.view().col_range(1, 1), "x"));  // a view with a stride
  Matrix<double> wide(1, 1);
  wide(0, 0) = INFINITY;
  EXPECT_HAS(test::error_of([&] { check_finite(wide.view(), "w"); }), "got inf in row 0, column 0");
}

}  // namespace
}  // namespace clipk
