#include "clipk/ops/act_norm.hpp"

#include <cmath>
#include <cstring>
#include <string>

#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

template <class T>
struct Plain {
  std::vector<T> y, x, log_det, grad_x, grad_shift, grad_log_scale;
};

struct Case {
  std::int64_t n, d;
  std::vector<float> x, shift, log_scale, log_det, grad_y, grad_log_det;

  Case(std::int64_t rows, std::int64_t cols)
      : n(rows),
        d(cols),
        x(normals(n * d, 1)),
        shift(normals(d, 2)),
        log_scale(normals(d, 3, 0.5)),
        log_det(normals(n, 4)),
        grad_y(normals(n * d, 5)),
        grad_log_det(normals(n, 6)) {}

  // The inverse and the backward pass start from `from`.
  template <class T>
  Plain<T> plain(const std::vector<float>& from) const {
    Plain<T> out{converted<T>(x),
                 converted<T>(x),
                 converted<T>(log_det),
                 converted<T>(x),
                 std::vector<T>(shift.size()),
                 std::vector<T>(shift.size())};
    for (std::size_t e = 0; e < x.size(); ++e) {
      const std::size_t i = e / static_cast<std::size_t>(d), j = e % static_cast<std::size_t>(d);
      const T factor = std::exp(static_cast<T>(log_scale[j]));
      out.y[e] = (static_cast<T>(x[e]) + shift[j]) * factor;
      out.x[e] = from[e] / factor - shift[j];
      out.log_det[i] += log_scale[j];
      out.grad_x[e] = grad_y[e] * factor;
      out.grad_shift[j] += grad_y[e] * factor;
      out.grad_log_scale[j] += static_cast<T>(grad_y[e]) * from[e] + grad_log_det[i];
    }
    return out;
  }
};

class ActNorm : public DeviceTest {
 protected:
  struct State {
    std::vector<float> shift, log_scale;
  };
  State initialised(std::int64_t n, std::int64_t d, const std::vector<float>& x,
                    std::int64_t padding = 0) {
    Guarded<float> in(context(), n, d, x, padding), shift(context(), 1, d), scale(context(), 1, d);
    act_norm_init(context(), in.view(), shift.flat(), scale.flat());
    return {shift.values(), scale.values()};
  }
};

TEST_P(ActNorm, FollowsPlainLoops) {
  for (const std::int64_t n : {1, 2, 17, 257, 1500, 70000}) {
    for (const std::int64_t d : {1, 2, 17, 64, 113, 1021}) {
      if (n * d > (simt() ? 3200 : 300000)) continue;
      const Case c(n, d);
      for (const std::int64_t padding : {0, 3, 4}) {
        SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(d) + " + " +
                     std::to_string(padding));
        Guarded<float> x(context(), n, d, c.x, padding), g(context(), n, d, c.grad_y, padding),
            y(context(), n, d, padding), back(context(), n, d, padding),
            grad_x(context(), n, d, padding);
        Guarded<float> shift(context(), 1, d, c.shift), scale(context(), 1, d, c.log_scale),
            log_det(context(), 1, n, c.log_det), gl(context(), 1, n, c.grad_log_det),
            grad_shift(context(), 1, d), grad_scale(context(), 1, d);
        act_norm(context(), x.view(), shift.flat(), scale.flat(), y.view(), log_det.flat());
        act_norm_inverse(context(), y.view(), shift.flat(), scale.flat(), back.view());
        act_norm_backward(context(), y.view(), scale.flat(), g.view(), gl.flat(), grad_x.view(),
                          grad_shift.flat(), grad_scale.flat());
        const std::vector<float> got = y.values();
        const Plain<double> exact = c.plain<double>(got);
        const Plain<float> loop = c.plain<float>(got);
        expect_as_good_as(got, loop.y, exact.y, "y");
        expect_as_good_as(log_det.values(), loop.log_det, exact.log_det, "log_det");
        expect_as_good_as(back.values(), loop.x, exact.x, "inverse");
        expect_as_good_as(grad_x.values(), loop.grad_x, exact.grad_x, "grad_x");
        expect_as_good_as(grad_shift.values(), loop.grad_shift, exact.grad_shift, "grad_shift");
        expect_as_good_as(grad_scale.values(), loop.grad_log_scale, exact.grad_log_scale,
                          "grad_log_scale");
        // In place.
        act_norm_backward(context(), y.view(), scale.flat(), g.view(), gl.flat(), g.view(),
                          grad_shift.flat(), grad_scale.flat());
        EXPECT_EQ(g.values(), grad_x.values());
        act_norm(context(), x.view(), shift.flat(), scale.flat(), x.view(), {});
        EXPECT_EQ(x.values(), got);
        act_norm_inverse(context(), x.view(), shift.flat(), scale.flat(), x.view());
        EXPECT_EQ(x.values(), back.values());
      }
    }
  }
}

TEST_P(ActNorm, SumsOverManyRowsAreFloat64) {
  if (simt()) GTEST_SKIP() << "proves capacity";
  // A float32 sum of 200,000 rows near 1000 would err by far more than a rounding.
  const std::int64_t n = 200000, d = 2;
  std::vector<float> g = normals(n * d, 1);
  for (float& value : g) value += 1000;
  double sum[2] = {}, products[2] = {};
  const std::vector<float> y = normals(n * d, 2);
  for (std::size_t e = 0; e < g.size(); ++e) {
    sum[e % 2] += g[e];
    products[e % 2] += static_cast<double>(g[e]) * y[e];
  }
  Guarded<float> gy(context(), n, d, g), gv(context(), n, d, y), scale(context(), 1, d, {0, 0}),
      grad_shift(context(), 1, d), grad_scale(context(), 1, d);
  act_norm_backward(context(), gv.view(), scale.flat(), gy.view(), {}, gy.view(), grad_shift.flat(),
                    grad_scale.flat());
  for (std::size_t j = 0; j < 2; ++j) {
    EXPECT_EQ(grad_shift.values()[j], static_cast<float>(sum[j]));
    EXPECT_NEAR(grad_scale.values()[j], products[j], 1e-7 * std::fabs(products[j]));
  }
}

TEST_P(ActNorm, InitialisedColumnsHaveMeanZeroAndDeviationOne) {
  for (const std::int64_t n : {2, 25, 257, 70000}) {
    for (const std::int64_t d : {1, 17, 64, 113}) {
      if (n * d > (simt() ? 3000 : 300000)) continue;
      SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(d));
      std::vector<float> x = normals(n * d, 1);
      for (std::size_t e = 0; e < x.size(); ++e) {
        const auto j = static_cast<float>(e % static_cast<std::size_t>(d));
        x[e] = x[e] * (0.1F + j) + 5 * j;
      }
      std::vector<double> mean(static_cast<std::size_t>(d)), squares(mean.size());
      for (std::size_t e = 0; e < x.size(); ++e)
        mean[e % mean.size()] += x[e] / static_cast<double>(n);
      for (std::size_t e = 0; e < x.size(); ++e) {
        squares[e % mean.size()] += std::pow(x[e] - mean[e % mean.size()], 2);
      }
      for (const std::int64_t padding : {0, 3}) {
        const State state = initialised(n, d, x, padding);
        for (std::size_t j = 0; j < mean.size(); ++j) {
          EXPECT_NEAR(state.shift[j], -mean[j], 1e-7 * std::fabs(mean[j]) + 1e-9);
          const double expected =
              -std::log(std::sqrt(squares[j] / static_cast<double>(n - 1)) + 1e-6);
          EXPECT_NEAR(state.log_scale[j], expected, 1e-7 * std::fabs(expected) + 1e-9);
        }
      }
    }
  }
}

TEST_P(ActNorm, ConstantColumnsKeepScaleOne) {
  const std::int64_t n = 40, d = 3;
  std::vector<float> x;
  for (std::int64_t i = 0; i < n; ++i) {
    x.push_back(0.1F);  // whose mean is rounded
    x.push_back(-3e30F);
    x.push_back(static_cast<float>(i));
  }
  const State state = initialised(n, d, x);
  EXPECT_EQ(state.shift[0], -0.1F);
  EXPECT_EQ(state.shift[1], 3e30F);
  EXPECT_EQ(state.log_scale[0], 0);
  EXPECT_EQ(state.log_scale[1], 0);
  EXPECT_LT(state.log_scale[2], -2);
  const State one = initialised(1, d, {1, 2, 3});
  EXPECT_EQ(one.shift, (std::vector<float>{-1, -2, -3}));
  EXPECT_EQ(one.log_scale, (std::vector<float>{0, 0, 0}));
}

TEST_P(ActNorm, LargeMeansOfSmallSpreadAreSafe) {
  // 2^20 and 2^20 + 1/8 in turns: squares of these differ by less than a float64's rounding.
  const std::int64_t n = 100;
  std::vector<float> x;
  for (std::int64_t i = 0; i < n; ++i) x.push_back(1048576.0F + (i % 2 == 0 ? 0.0F : 0.125F));
  const State state = initialised(n, 1, x);
  const double deviation = 0.0625 * std::sqrt(100.0 / 99);
  EXPECT_NEAR(state.log_scale[0], -std::log(deviation + 1e-6), 1e-6);
  EXPECT_NEAR(state.shift[0], -1048576.0625, 0.0625);  // as near as a float is
}

TEST_P(ActNorm, WhatIsNotFiniteIsNotHidden) {
  const State state = initialised(2, 3, {1, NAN, 2, 3, 4, INFINITY});
  EXPECT_TRUE(std::isnan(state.shift[1]));
  EXPECT_TRUE(std::isnan(state.log_scale[1]));
  EXPECT_TRUE(std::isnan(state.log_scale[2]));
  EXPECT_TRUE(std::isfinite(state.log_scale[0]));
  // Scales over- and underflow as e^x does.
  Guarded<float> x(context(), 1, 3, {1, 1, 1}), shift(context(), 1, 3, {0, 0, 0}),
      scale(context(), 1, 3, {200, -200, NAN}), y(context(), 1, 3);
  act_norm(context(), x.view(), shift.flat(), scale.flat(), y.view(), {});
  EXPECT_EQ(y.values()[0], INFINITY);
  EXPECT_EQ(y.values()[1], 0);
  EXPECT_TRUE(std::isnan(y.values()[2]));
}

TEST_P(ActNorm, GradientsAreThoseOfCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  const std::int64_t n = 5, d = 9;
  const std::vector<double> weight = normals<double>(n * d, 7), log_weight = normals<double>(n, 8);
  std::vector<double> in[3] = {normals<double>(n * d, 1), normals<double>(d, 2),
                               normals<double>(d, 3)};
  // sum of weight y^2 / 2 + log_weight log_det
  const auto loss = [&] {
    Guarded<double> x(context(), n, d, in[0]), shift(context(), 1, d, in[1]),
        scale(context(), 1, d, in[2]), log_det(context(), 1, n, std::vector<double>(n));
    act_norm(context(), x.view(), shift.flat(), scale.flat(), x.view(), log_det.flat());
    double sum = 0;
    const std::vector<double> values = x.values(), log_dets = log_det.values();
    for (std::size_t e = 0; e < values.size(); ++e) sum += weight[e] * values[e] * values[e] / 2;
    for (std::size_t i = 0; i < log_dets.size(); ++i) sum += log_weight[i] * log_dets[i];
    return sum;
  };
  Guarded<double> y(context(), n, d, in[0]), shift(context(), 1, d, in[1]),
      scale(context(), 1, d, in[2]), gl(context(), 1, n, log_weight), grad_x(context(), n, d),
      grad_shift(context(), 1, d), grad_scale(context(), 1, d);
  act_norm(context(), y.view(), shift.flat(), scale.flat(), y.view(), {});
  std::vector<double> grad_y = y.values();
  for (std::size_t e = 0; e < grad_y.size(); ++e) grad_y[e] *= weight[e];
  Guarded<double> g(context(), n, d, grad_y);
  act_norm_backward(context(), y.view(), scale.flat(), g.view(), gl.flat(), grad_x.view(),
                    grad_shift.flat(), grad_scale.flat());
  const std::vector<double> gradients[3] = {grad_x.values(), grad_shift.values(),
                                            grad_scale.values()};
  for (int which = 0; which < 3; ++which) {
    SCOPED_TRACE("input " + std::to_string(which));
    expect_central_differences(loss, in[which], gradients[which], 1e-5, 2e-7);
  }
  act_norm_inverse(context(), y.view(), shift.flat(), scale.flat(), y.view());
  EXPECT_LE(max_error(y.values(), in[0]), 1e-12);
}

TEST_P(ActNorm, DoubleInitialisesAsFloat) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  const std::int64_t n = 77, d = 70;
  const std::vector<float> x = normals(n * d, 1);
  const State state = initialised(n, d, x);
  Guarded<double> wide(context(), n, d, converted<double>(x)), shift(context(), 1, d),
      scale(context(), 1, d);
  act_norm_init(context(), wide.view(), shift.flat(), scale.flat());
  EXPECT_EQ(converted<float>(shift.values()), state.shift);
  EXPECT_EQ(converted<float>(scale.values()), state.log_scale);
}

TEST_P(ActNorm, BitsDoNotDependOnThreads) {
  if (!on_cpu()) GTEST_SKIP() << "threads are the CPU's";
  for (const std::int64_t d : {1, 37, 300}) {
    const Case c(150000 / d + 3, d);
    std::vector<std::vector<float>> results[2];
    for (const int threads : {1, 2}) {
      Context own = Context::cpu({.threads = threads});
      Guarded<float> x(own, c.n, d, c.x), g(own, c.n, d, c.grad_y), log_det(own, 1, c.n, c.log_det),
          gl(own, 1, c.n, c.grad_log_det), y(own, c.n, d), gx(own, c.n, d), shift(own, 1, d),
          scale(own, 1, d), gs(own, 1, d), gc(own, 1, d);
      act_norm_init(own, x.view(), shift.flat(), scale.flat());
      act_norm(own, x.view(), shift.flat(), scale.flat(), y.view(), log_det.flat());
      act_norm_backward(own, y.view(), scale.flat(), g.view(), gl.flat(), gx.view(), gs.flat(),
                        gc.flat());
      act_norm_inverse(own, y.view(), shift.flat(), scale.flat(), x.view());
      results[threads - 1] = {shift.values(), scale.values(), y.values(),  log_det.values(),
                              gx.values(),    gs.values(),    gc.values(), x.values()};
    }
    for (std::size_t r = 0; r < results[0].size(); ++r) {
      EXPECT_EQ(std::memcmp(results[0][r].data(), results[1][r].data(),
                            results[0][r].size() * sizeof(float)),
                0);
    }
  }
}

TEST_P(ActNorm, EmptyAndBadInput) {
  Matrix<float> x(context(), 3, 4), narrow(context(), 3, 3), none(context(), 0, 4),
      four(context(), 1, 4), three(context(), 1, 3);
  act_norm(context(), none, four.flat(), four.flat(), none, none.flat());
  act_norm_inverse(context(), none, four.flat(), four.flat(), none);
  Guarded<float> grad(context(), 2, 4, std::vector<float>(8, 5.0F));
  const VectorView<float> shift_part(grad.view().row(0), 4, context().device());
  const VectorView<float> scale_part(grad.view().row(1), 4, context().device());
  act_norm_backward(context(), none, four.flat(), none, {}, none, shift_part, scale_part);
  EXPECT_EQ(grad.values(), std::vector<float>(8));
  EXPECT_EQ(error_of([&] { act_norm_init(context(), none, four.flat(), four.flat()); }),
            "act_norm_init: expected x of at least 1 row, got 0");
  EXPECT_EQ(error_of([&] { act_norm_init(context(), x, four.flat(), three.flat()); }),
            "act_norm_init: expected log_scale of size 4, got 3");
  EXPECT_EQ(error_of([&] { act_norm(context(), x, three.flat(), four.flat(), x, {}); }),
            "act_norm: expected shift of size 4, got 3");
  EXPECT_EQ(error_of([&] { act_norm_inverse(context(), x, four.flat(), four.flat(), narrow); }),
            "act_norm_inverse: expected x of shape [3, 4], got [3, 3]");
  EXPECT_EQ(error_of([&] {
              act_norm_backward(context(), x, four.flat(), x, four.flat(), x, four.flat(),
                                four.flat());
            }),
            "act_norm_backward: expected grad_log_det of size 3, got 4");
}

CLIPK_INSTANTIATE_DEVICE_TEST(ActNorm);

}  // namespace
}  // namespace clipk::test
