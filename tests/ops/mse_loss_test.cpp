#include "clipk/ops/mse_loss.hpp"

#include <cmath>

#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr float kWeight = 0.75F;

// Plain loops, in the type they are given; added to the gradient that is there.
template <class T>
T plain_mse(const std::vector<float>& y, const std::vector<float>& target, std::vector<T>& grad) {
  T sum = 0;
  const T share = static_cast<T>(kWeight) / static_cast<T>(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const T difference = static_cast<T>(y[i]) - static_cast<T>(target[i]);
    sum += difference * difference;
    grad[i] += 2 * share * difference;
  }
  return share * sum;
}

class MseLoss : public DeviceTest {};

TEST_P(MseLoss, ValueAndGradientFollowPlainLoops) {
  const std::int64_t shapes[][2] = {{1, 1},    {2, 17},   {17, 2},   {113, 64},
                                    {257, 33}, {1021, 5}, {70000, 3}};
  for (const auto& [n, d] : shapes) {
    if (simt() && n * d > 10000) continue;
    for (const std::int64_t padding : {0, 3, 4}) {
      SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(d));
      const std::vector<float> y = normals(n * d, 1), target = normals(n * d, 2),
                               before = normals(n * d, 3, 1e-3);
      std::vector<float> plain = before;
      std::vector<double> exact = converted<double>(before);
      const float plain_loss = plain_mse(y, target, plain);
      const double exact_loss = plain_mse(y, target, exact);
      Guarded<float> dy(context(), n, d, y, padding), dt(context(), n, d, target, padding),
          grad(context(), n, d, before, padding);
      Guarded<double> loss(context(), 1, 1, std::vector<double>{100});
      mse_loss(context(), dy.view(), dt.view(), kWeight, loss.flat(), grad.view());
      expect_as_good_as(grad.values(), plain, exact, "gradient");
      expect_as_good_as(std::vector<double>{loss.values()[0] - 100}, {plain_loss}, {exact_loss},
                        "loss");
      mse_loss(context(), dy.view(), dt.view(), kWeight, loss.flat(), {});
      EXPECT_NEAR(loss.values()[0], 100 + 2 * exact_loss, 1e-6 * exact_loss);
    }
  }
}

TEST_P(MseLoss, GradientFollowsCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  Matrix<double> y(3, 4), target(3, 4), grad(3, 4), loss(1, 1);
  const std::vector<double> a = normals<double>(12, 1), b = normals<double>(12, 2);
  copy<double>(context(), VectorView<const double>(a.data(), 12), y.flat());
  copy<double>(context(), VectorView<const double>(b.data(), 12), target.flat());
  const auto value = [&] {
    loss(0, 0) = 0;
    mse_loss(context(), y, target, 1.5, loss.flat(), {});
    return loss(0, 0);
  };
  mse_loss(context(), y, target, 1.5, loss.flat(), grad.view());
  expect_central_differences(value, y.flat(), grad.flat(), 1e-6, 1e-8);
}

// A missing target adds nothing, whatever the prediction is.
TEST_P(MseLoss, KnownTargetsAlone) {
  for (const auto& [n, d] : {std::pair{17, 21}, std::pair{113, 8}}) {
    std::vector<float> y = normals(n * d, 1), target = normals(n * d, 2);
    std::vector<float> met = y, gaps = target;
    for (std::size_t i = 0; i < y.size(); i += 3) {
      gaps[i] = NAN;
      met[i] = target[i];
      if (i % 2 == 0) y[i] = INFINITY;
    }
    // By name, because clang before 16 captures no structured bindings.
    const auto run = [&, n = n, d = d](auto&& function, const std::vector<float>& from,
                                       const std::vector<float>& to) {
      Guarded<float> dy(context(), n, d, from), dt(context(), n, d, to),
          grad(context(), n, d, normals(n * d, 3));
      Guarded<double> loss(context(), 1, 1, std::vector<double>{0});
      function(dy.view(), dt.view(), loss.flat(), grad.view());
      return std::pair(loss.values(), grad.values());
    };
    const auto known = [&](auto a, auto b, auto loss, auto grad) {
      masked_mse_loss(context(), a, b, kWeight, loss, grad);
    };
    const auto all = [&](auto a, auto b, auto loss, auto grad) {
      mse_loss(context(), a, b, kWeight, loss, grad);
    };
    EXPECT_EQ(run(known, y, gaps), run(all, met, target));
    EXPECT_TRUE(std::isnan(run(all, y, gaps).first[0]));
    // A result that is NaN is not taken for a missing target.
    std::vector<float> broken = met;
    broken[1] = NAN;
    EXPECT_TRUE(std::isnan(run(known, broken, gaps).first[0]));
  }
}

TEST_P(MseLoss, EmptyAddsNothing) {
  Matrix<float> none(context(), 0, 4);
  Guarded<double> loss(context(), 1, 1, std::vector<double>{3});
  mse_loss(context(), none, none, 1, loss.flat(), {});
  EXPECT_EQ(loss.values()[0], 3);
}

TEST_P(MseLoss, OneAndTwoThreadsGiveTheSameBytes) {
  if (!on_cpu()) GTEST_SKIP() << "threads of the CPU";
  const std::vector<float> y = normals(700 * 130, 1), target = normals(700 * 130, 2);
  const auto run = [&](int threads) {
    Context some = Context::cpu({.threads = threads});
    Guarded<float> dy(some, 700, 130, y), dt(some, 700, 130, target), grad(some, 700, 130);
    Guarded<double> loss(some, 1, 1, std::vector<double>{0});
    copy<float>(some, Matrix<float>(700, 130), grad.view());
    mse_loss(some, dy.view(), dt.view(), 1, loss.flat(), grad.view());
    return std::pair(loss.values(), grad.values());
  };
  EXPECT_EQ(run(1), run(2));
}

TEST_P(MseLoss, ShapesThatDifferAreNamed) {
  Matrix<float> y(context(), 4, 3), target(context(), 3, 4);
  Matrix<double> loss(context(), 1, 1);
  EXPECT_EQ(error_of([&] { mse_loss(context(), y, target, 1, loss.flat(), {}); }),
            "mse_loss: expected target of shape [4, 3], got [3, 4]");
}

CLIPK_INSTANTIATE_DEVICE_TEST(MseLoss);

}  // namespace
}  // namespace clipk::test
