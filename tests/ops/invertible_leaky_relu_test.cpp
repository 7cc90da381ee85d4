#include "clipk/ops/invertible_leaky_relu.hpp"

#include <cmath>
#include <cstring>
#include <string>

#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

class InvertibleLeakyRelu : public DeviceTest {};

TEST_P(InvertibleLeakyRelu, FollowsPlainLoops) {
  for (const std::int64_t n : {1, 2, 17, 257, 70000}) {
    for (const std::int64_t d : {1, 2, 17, 64, 113, 1021}) {
      if (n * d > (simt() ? 3000 : 300000)) continue;
      const std::vector<float> x = normals(n * d, 1), g = normals(n * d, 2), start = normals(n, 3);
      for (const float slope : {0.9F, 3.0F}) {
        std::vector<double> y, back, grad, log_det = converted<double>(start);
        std::vector<float> y32, back32, grad32, log_det32 = start;
        for (std::size_t e = 0; e < x.size(); ++e) {
          const std::size_t i = e / static_cast<std::size_t>(d);
          const double exact = slope;
          y.push_back(x[e] < 0 ? exact * x[e] : x[e]);
          y32.push_back(x[e] < 0 ? slope * x[e] : x[e]);
          back.push_back(x[e] < 0 ? x[e] / exact : x[e]);
          back32.push_back(x[e] < 0 ? x[e] / slope : x[e]);
          grad.push_back(x[e] < 0 ? exact * g[e] : g[e]);
          grad32.push_back(x[e] < 0 ? slope * g[e] : g[e]);
          if (x[e] < 0) log_det[i] += std::log(exact);
          if (x[e] < 0) log_det32[i] += std::log(slope);
        }
        for (const std::int64_t padding : {0, 3, 4}) {
          SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(d) + " + " +
                       std::to_string(padding));
          Guarded<float> gx(context(), n, d, x, padding), gg(context(), n, d, g, padding),
              out(context(), n, d, padding), log(context(), 1, n, start);
          invertible_leaky_relu(context(), gx.view(), slope, out.view(), log.flat());
          expect_as_good_as(out.values(), y32, y, "y");
          expect_as_good_as(log.values(), log_det32, log_det, "log_det");
          invertible_leaky_relu_inverse(context(), gx.view(), slope, out.view());
          expect_as_good_as(out.values(), back32, back, "inverse");
          invertible_leaky_relu_backward(context(), gx.view(), slope, gg.view(), out.view());
          expect_as_good_as(out.values(), grad32, grad, "grad_x");
          // In place.
          invertible_leaky_relu_backward(context(), gx.view(), slope, gg.view(), gg.view());
          EXPECT_EQ(gg.values(), out.values());
          invertible_leaky_relu(context(), gx.view(), slope, gx.view(), {});
          expect_as_good_as(gx.values(), y32, y, "y in place");
          invertible_leaky_relu_inverse(context(), gx.view(), slope, gx.view());
          EXPECT_LE(max_error(gx.values(), x), 1e-6);
        }
      }
    }
  }
}

TEST_P(InvertibleLeakyRelu, TheKinkCountsAsPositiveAndNaNStays) {
  Guarded<float> x(context(), 1, 5, {0, -0.0F, NAN, INFINITY, -INFINITY}),
      g(context(), 1, 5, {1, 1, 1, 1, 1}), y(context(), 1, 5),
      log_det(context(), 1, 1, std::vector<float>{0});
  invertible_leaky_relu(context(), x.view(), 0.5F, y.view(), log_det.flat());
  const std::vector<float> values = y.values();
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[1], 0);
  EXPECT_TRUE(std::isnan(values[2]));
  EXPECT_EQ(values[3], INFINITY);
  EXPECT_EQ(values[4], -INFINITY);
  EXPECT_EQ(log_det.values()[0], std::log(0.5F));
  invertible_leaky_relu_backward(context(), y.view(), 0.5F, g.view(), g.view());
  EXPECT_EQ(g.values(), (std::vector<float>{1, 1, 1, 1, 0.5F}));
}

TEST_P(InvertibleLeakyRelu, GradientsAreThoseOfCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  const std::int64_t n = 3, d = 19;
  const float slope = 0.3F;
  std::vector<double> x = normals<double>(n * d, 1);
  const std::vector<double> weight = normals<double>(n * d, 2);
  Guarded<double> y(context(), n, d, x), g(context(), n, d, weight), gx(context(), n, d);
  invertible_leaky_relu(context(), y.view(), slope, y.view(), {});
  invertible_leaky_relu_backward(context(), y.view(), slope, g.view(), gx.view());
  const auto loss = [&] {
    Guarded<double> in(context(), n, d, x), out(context(), n, d);
    invertible_leaky_relu(context(), in.view(), slope, out.view(), {});
    const std::vector<double> values = out.values();
    double sum = 0;
    for (std::size_t e = 0; e < values.size(); ++e) sum += weight[e] * values[e];
    return sum;
  };
  const std::vector<double> gradient = gx.values();
  for (std::size_t e = 0; e < x.size(); ++e) {
    constexpr double kStep = 1e-5;
    if (std::fabs(x[e]) < 2 * kStep) continue;  // the kink
    EXPECT_NEAR(gradient[e], central_difference(loss, x[e], kStep), 1e-8) << e;
  }
  // The log-determinant is that of the Jacobian, which is diagonal.
  Guarded<double> in(context(), n, d, x), out(context(), n, d),
      log_det(context(), 1, n, std::vector<double>(n));
  invertible_leaky_relu(context(), in.view(), slope, out.view(), log_det.flat());
  for (std::int64_t i = 0; i < n; ++i) {
    double expected = 0;
    for (std::int64_t j = 0; j < d; ++j) {
      const auto e = static_cast<std::size_t>(i * d + j);
      expected += std::log(gradient[e] / weight[e]);
    }
    EXPECT_NEAR(log_det.values()[static_cast<std::size_t>(i)], expected, 1e-12);
  }
  invertible_leaky_relu_inverse(context(), out.view(), slope, out.view());
  EXPECT_LE(max_error(out.values(), x), 1e-12);
}

TEST_P(InvertibleLeakyRelu, BitsDoNotDependOnThreads) {
  if (!on_cpu()) GTEST_SKIP() << "threads are the CPU's";
  const std::int64_t n = 900, d = 157;
  const std::vector<float> x = normals(n * d, 1);
  std::vector<std::vector<float>> results[2];
  for (const int threads : {1, 2}) {
    Context own = Context::cpu({.threads = threads});
    Guarded<float> in(own, n, d, x), out(own, n, d), log_det(own, 1, n, normals(n, 2));
    invertible_leaky_relu(own, in.view(), 0.7F, out.view(), log_det.flat());
    results[threads - 1] = {out.values(), log_det.values()};
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_P(InvertibleLeakyRelu, EmptyAndBadInput) {
  Matrix<float> x(context(), 3, 4), narrow(context(), 3, 3), none(context(), 0, 4),
      thin(context(), 3, 0);
  invertible_leaky_relu(context(), none, 0.5F, none, none.flat());
  invertible_leaky_relu(context(), thin, 0.5F, thin, {});
  invertible_leaky_relu_inverse(context(), none, 0.5F, none);
  invertible_leaky_relu_backward(context(), none, 0.5F, none, none);
  const auto message = [&](float slope, Matrix<float>& y) {
    return error_of([&] { invertible_leaky_relu(context(), x, slope, y, {}); });
  };
  EXPECT_EQ(message(0.5F, narrow), "invertible_leaky_relu: expected y of shape [3, 4], got [3, 3]");
  EXPECT_EQ(message(0, x), "invertible_leaky_relu: expected a finite slope above 0, got 0.000000");
  EXPECT_EQ(message(-1, x),
            "invertible_leaky_relu: expected a finite slope above 0, got -1.000000");
  EXPECT_EQ(message(NAN, x), "invertible_leaky_relu: expected a finite slope above 0, got nan");
  EXPECT_EQ(message(INFINITY, x),
            "invertible_leaky_relu: expected a finite slope above 0, got inf");
}

CLIPK_INSTANTIATE_DEVICE_TEST(InvertibleLeakyRelu);

}  // namespace
}  // namespace clipk::test
