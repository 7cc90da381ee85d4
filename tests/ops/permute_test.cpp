#include "clipk/ops/permute.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "clipk/core/random.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

// A permutation by the ranks of random numbers.
std::vector<std::int32_t> some_order(std::int64_t d) {
  const std::vector<double> keys = normals<double>(d, 9);
  std::vector<std::int32_t> order(static_cast<std::size_t>(d));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)];
  });
  return order;
}

class Permute : public DeviceTest {};

TEST_P(Permute, ColumnsMoveToTheBitAndBack) {
  for (const std::int64_t n : {1, 2, 17, 257, 17000, 70000}) {
    for (const std::int64_t d : {1, 2, 17, 64, 113, 1021}) {
      if (n * d > (simt() ? 17000 : 300000)) continue;
      const std::vector<float> x = normals(n * d, 1);
      const std::vector<std::int32_t> order = some_order(d);
      std::vector<float> expected;
      for (std::int64_t i = 0; i < n; ++i) {
        for (const std::int32_t j : order)
          expected.push_back(x[static_cast<std::size_t>(i * d + j)]);
      }
      for (const std::int64_t padding : {0, 3, 4}) {
        SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(d) + " + " +
                     std::to_string(padding));
        Guarded<float> from(context(), n, d, x, padding), to(context(), n, d, padding),
            back(context(), n, d, padding);
        Guarded<std::int32_t> by(context(), 1, d, order);
        permute(context(), from.view(), by.flat(), to.view());
        EXPECT_EQ(to.values(), expected);
        permute_inverse(context(), to.view(), by.flat(), back.view());
        EXPECT_EQ(back.values(), x);
      }
    }
  }
}

TEST_P(Permute, DoubleAndThreads) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  const std::int64_t n = 700, d = 131;
  const std::vector<double> x = normals<double>(n * d, 1);
  std::vector<std::vector<double>> results;
  for (const int threads : {1, 2}) {
    Context own = Context::cpu({.threads = threads});
    Guarded<double> from(own, n, d, x, 1), to(own, n, d), back(own, n, d);
    Guarded<std::int32_t> by(own, 1, d, some_order(d));
    permute(own, from.view(), by.flat(), to.view());
    permute_inverse(own, to.view(), by.flat(), back.view());
    EXPECT_EQ(back.values(), x);
    results.push_back(to.values());
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_NE(results[0], x);
}

TEST_P(Permute, EmptyAndBadInput) {
  Matrix<float> x(context(), 3, 4), y(context(), 3, 4), narrow(context(), 3, 3),
      none(context(), 0, 4), thin(context(), 3, 0);
  Guarded<std::int32_t> order(context(), 1, 4, {3, 1, 0, 2}), twice(context(), 1, 4, {3, 1, 1, 2}),
      outside(context(), 1, 4, {3, 1, 4, 2}), negative(context(), 1, 4, {3, -1, 0, 2}),
      few(context(), 1, 3, {0, 1, 2}), empty(context(), 1, 0);
  permute(context(), none, order.flat(), none);
  permute_inverse(context(), thin, empty.flat(), thin);
  const auto message = [&](Guarded<std::int32_t>& by, Matrix<float>& to) {
    return error_of([&] { permute(context(), x, by.flat(), to); });
  };
  EXPECT_EQ(message(order, narrow), "permute: expected y of shape [3, 4], got [3, 3]");
  EXPECT_EQ(message(few, y), "permute: expected order of size 4, got 3");
  EXPECT_EQ(message(order, x), "permute: expected y apart from x, got the same matrix");
  if (on_cpu()) {
    EXPECT_EQ(message(twice, y),
              "permute: expected order to hold each of 0 to 3 once, got 1 twice");
    EXPECT_EQ(message(outside, y), "permute: expected order to hold each of 0 to 3 once, got 4");
    EXPECT_EQ(message(negative, y), "permute: expected order to hold each of 0 to 3 once, got -1");
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(Permute);

}  // namespace
}  // namespace clipk::test
