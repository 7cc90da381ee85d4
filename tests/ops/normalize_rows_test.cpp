#include "clipk/ops/normalize_rows.hpp"

#include <cmath>
#include <string>

#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

template <class T>
struct Plain {
  std::vector<T> y, lengths, grad_x;
};

template <class T>
Plain<T> plain_normalize(const std::vector<float>& x, const std::vector<float>& grad_y,
                         std::int64_t n, std::int64_t d) {
  Plain<T> result;
  for (std::int64_t i = 0; i < n; ++i) {
    T squared = 0;
    for (std::int64_t k = 0; k < d; ++k) squared += static_cast<T>(x[i * d + k]) * x[i * d + k];
    const T length = std::sqrt(squared);
    const T inverse = length == 0 ? 0 : 1 / length;
    T along = 0;
    for (std::int64_t k = 0; k < d; ++k) along += grad_y[i * d + k] * (x[i * d + k] * inverse);
    result.lengths.push_back(length);
    for (std::int64_t k = 0; k < d; ++k) {
      const T y = x[i * d + k] * inverse;
      result.y.push_back(y);
      result.grad_x.push_back((grad_y[i * d + k] - along * y) * inverse);
    }
  }
  return result;
}

class NormalizeRows : public DeviceTest {
 protected:
  void compare(std::int64_t n, std::int64_t d, std::int64_t padding) {
    SCOPED_TRACE("[" + std::to_string(n) + ", " + std::to_string(d) + "] padding " +
                 std::to_string(padding));
    std::vector<float> x = normals(n * d, 1, 3.0);
    if (n > 1) std::fill(x.begin(), x.begin() + d, 0.0F);  // a row of length zero
    const std::vector<float> grad = normals(n * d, 2);
    const Plain<double> right = plain_normalize<double>(x, grad, n, d);
    const Plain<float> plain = plain_normalize<float>(x, grad, n, d);
    Guarded<float> gx(context(), n, d, x, padding), y(context(), n, d, padding);
    Guarded<float> gy(context(), n, d, grad, padding), grad_x(context(), n, d, padding);
    Guarded<float> lengths(context(), 1, n);
    normalize_rows(context(), gx.view(), y.view(), lengths.flat());
    normalize_rows_backward(context(), y.view(), lengths.flat(), gy.view(), grad_x.view());
    expect_as_good_as(y.values(), plain.y, right.y, "y");
    expect_as_good_as(lengths.values(), plain.lengths, right.lengths, "lengths");
    expect_as_good_as(grad_x.values(), plain.grad_x, right.grad_x, "grad_x");
    // In place, and without the lengths, to the same bits.
    normalize_rows(context(), gx.view(), gx.view(), {});
    EXPECT_EQ(gx.values(), y.values());
    normalize_rows_backward(context(), y.view(), lengths.flat(), gy.view(), gy.view());
    EXPECT_EQ(gy.values(), grad_x.values());
  }
};

TEST_P(NormalizeRows, ForwardAndBackwardFollowTheDefinition) {
  for (const auto& [n, d] : {std::pair<std::int64_t, std::int64_t>{1, 1},
                             {2, 2},
                             {17, 113},
                             {113, 512},
                             {257, 17},
                             {3, 1021},
                             {1021, 64},
                             {70000, 3}}) {
    if (simt() && n * d > 60000) continue;
    compare(n, d, 0);
    if (n < 1000) compare(n, d, 3);
  }
}

TEST_P(NormalizeRows, NothingToDoIsFine) {
  Matrix<float> none(context(), 0, 5);
  normalize_rows(context(), none, none, {});
  normalize_rows_backward(context(), none, {}, none, none);
  context().synchronize();
}

TEST_P(NormalizeRows, NaNComesThrough) {
  Guarded<float> x(context(), 2, 2, std::vector<float>{NAN, 1, 3, 4}), y(context(), 2, 2);
  normalize_rows(context(), x.view(), y.view(), {});
  EXPECT_TRUE(std::isnan(y.values()[1]));
  EXPECT_FLOAT_EQ(y.values()[2], 0.6F);
}

TEST_P(NormalizeRows, ShapesThatDifferAreNamed) {
  Matrix<float> x(context(), 3, 4), y(context(), 3, 5), lengths(context(), 1, 2);
  EXPECT_EQ(error_of([&] { normalize_rows(context(), x, y, {}); }),
            "normalize_rows: expected y of shape [3, 4], got [3, 5]");
  EXPECT_EQ(error_of([&] { normalize_rows_backward(context(), x, lengths.flat(), x, x); }),
            "normalize_rows_backward: expected lengths of size 3, got 2");
}

CLIPK_INSTANTIATE_DEVICE_TEST(NormalizeRows);

// Central differences in double of sum(grad_y * y).
TEST(NormalizeRowsCpu, GradientIsTheSlope) {
  const std::int64_t n = 7, d = 9;
  Context context = Context::cpu();
  std::vector<double> x = normals<double>(n * d, 1);
  const std::vector<double> grad_y = normals<double>(n * d, 2);
  std::vector<double> y(x.size()), lengths(n), grad_x(x.size());
  const auto evaluate = [&] {
    normalize_rows(context, MatrixView<const double>(x.data(), n, d),
                   MatrixView<double>(y.data(), n, d), VectorView<double>(lengths.data(), n));
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += grad_y[i] * y[i];
    return sum;
  };
  evaluate();
  normalize_rows_backward(context, MatrixView<const double>(y.data(), n, d),
                          VectorView<const double>(lengths.data(), n),
                          MatrixView<const double>(grad_y.data(), n, d),
                          MatrixView<double>(grad_x.data(), n, d));
  expect_central_differences(evaluate, x, grad_x, 1e-6, 1e-8);
}

}  // namespace
}  // namespace clipk::test
