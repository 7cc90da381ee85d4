#include "clipk/train/lbfgs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/error_of.hpp"

namespace clipk::test {
namespace {

// Rosenbrock's valley, whose minimum is 0 at (1, 1).
double valley(std::span<const double> x, std::span<double> gradient) {
  const double across = x[1] - x[0] * x[0], along = 1 - x[0];
  gradient[0] = -400 * x[0] * across - 2 * along;
  gradient[1] = 200 * across;
  return 100 * across * across + along * along;
}

TEST(Lbfgs, FollowsACurvedValley) {
  std::vector<double> x{-1.2, 1};
  const LbfgsResult result = minimize_lbfgs(valley, x, {.tolerance = 1e-9});
  EXPECT_TRUE(result.converged);
  EXPECT_LE(result.gradient, 1e-9);
  EXPECT_NEAR(x[0], 1, 1e-9);
  EXPECT_NEAR(x[1], 1, 1e-9);
  EXPECT_LT(result.iterations, 60);
  EXPECT_GE(result.evaluations, result.iterations + 1);
}

// Curvatures from 1 to 1e4 in 50 directions: steepest descent would need some 1e5 steps; SciPy
// takes 1071 evaluations.
TEST(Lbfgs, QuadraticsOfManyScales) {
  std::vector<double> x(50, 1);
  const auto bowl = [](std::span<const double> at, std::span<double> gradient) {
    double sum = 0;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const double curvature = std::pow(10., 4. * static_cast<double>(i) / 49), d = at[i] - 3;
      gradient[i] = curvature * d;
      sum += curvature * d * d / 2;
    }
    return sum;
  };
  const LbfgsResult result = minimize_lbfgs(bowl, x, {.max_iterations = 2000, .tolerance = 1e-8});
  EXPECT_TRUE(result.converged);
  EXPECT_LT(result.evaluations, 1200);
  for (const double v : x) EXPECT_NEAR(v, 3, 1e-8);
}

// Values that are rounded to float32 hide the decrease long before the gradient is small.
TEST(Lbfgs, ValuesOfLowPrecision) {
  std::vector<double> x{5, -3};
  const auto bowl = [](std::span<const double> at, std::span<double> gradient) {
    gradient[0] = 2 * at[0];
    gradient[1] = 40 * at[1];
    return static_cast<double>(static_cast<float>(1000 + at[0] * at[0] + 20 * at[1] * at[1]));
  };
  const LbfgsResult result = minimize_lbfgs(bowl, x, {.tolerance = 1e-7, .value_error = 1e-6});
  EXPECT_TRUE(result.converged);
}

TEST(Lbfgs, StopsWhereItIsTold) {
  std::vector<double> x{-1.2, 1};
  const LbfgsResult some = minimize_lbfgs(valley, x, {.max_iterations = 5});
  EXPECT_EQ(some.iterations, 5);
  EXPECT_FALSE(some.converged);
  std::vector<double> gradient(2);
  EXPECT_EQ(valley(x, gradient), some.value);
  EXPECT_LT(some.value, 24.2);  // of the start
  std::vector<double> there{1, 1};
  EXPECT_EQ(minimize_lbfgs(valley, there).iterations, 0);
  // Without a minimum it ends where rounding or the steps' number does, not in an endless loop.
  std::vector<double> slope{0};
  const auto falling = [](std::span<const double> at, std::span<double> g) {
    g[0] = -1;
    return -at[0];
  };
  EXPECT_FALSE(minimize_lbfgs(falling, slope).converged);
}

TEST(Lbfgs, BadArgumentsAreNamed) {
  const auto message = [](const SmoothFunction& function, const LbfgsOptions& options) {
    std::vector<double> x{0, 0};
    return error_of([&] { minimize_lbfgs(function, x, options); });
  };
  EXPECT_EQ(message(valley, {.memory = 0}), "lbfgs: expected a memory of at least 1, got 0");
  EXPECT_EQ(message(valley, {.tolerance = NAN}),
            "lbfgs: expected a tolerance of at least 0, got nan");
  const auto broken = [](std::span<const double>, std::span<double> g) {
    g[0] = g[1] = 0;
    return std::nan("");
  };
  EXPECT_EQ(message(broken, {}),
            "lbfgs: expected a finite value and gradient at the start, got nan and 0.000000");
}

}  // namespace
}  // namespace clipk::test
