#include "clipk/ops/affine_coupling.hpp"

#include <cmath>
#include <cstring>
#include <numbers>
#include <string>

#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr CouplingScale kScales[] = {CouplingScale::tanh, CouplingScale::atan,
                                     CouplingScale::sigmoid};

template <class T>
T log_scale(const AffineCouplingOptions& options, T a) {
  const auto clamp = static_cast<T>(options.clamp);
  switch (options.scale) {
    case CouplingScale::tanh:
      return clamp * std::tanh(a);
    case CouplingScale::atan:
      return clamp * (2 / std::numbers::pi_v<T>)*std::atan(a);
    case CouplingScale::sigmoid:
      return clamp * (2 / (1 + std::exp(-a)) - 1);
  }
  return 0;
}

template <class T>
T slope(const AffineCouplingOptions& options, T a) {
  const auto clamp = static_cast<T>(options.clamp);
  switch (options.scale) {
    case CouplingScale::tanh:
      return clamp * (1 - std::tanh(a) * std::tanh(a));
    case CouplingScale::atan:
      return clamp * (2 / std::numbers::pi_v<T>) / (1 + a * a);
    case CouplingScale::sigmoid: {
      const T f = 2 / (1 + std::exp(-a)) - 1;
      return clamp * (1 - f * f) / 2;
    }
  }
  return 0;
}

// A layer of n rows and k columns, and what it should give: plain loops in T.
template <class T>
struct Plain {
  std::vector<T> y, log_det, x, grad_x, grad_a, grad_t;
};

struct Case {
  std::int64_t n, k;
  AffineCouplingOptions options;
  std::vector<float> x, a, t, log_det, grad_y, grad_log_det;

  Case(std::int64_t rows, std::int64_t cols, const AffineCouplingOptions& how)
      : n(rows),
        k(cols),
        options(how),
        x(normals(n * k, 1)),
        a(normals(n * k, 2, 2)),
        t(normals(n * k, 3)),
        log_det(normals(n, 4)),
        grad_y(normals(n * k, 5)),
        grad_log_det(normals(n, 6)) {}

  // The backward pass and the inverse start from `y`.
  template <class T>
  Plain<T> plain(const std::vector<float>& from) const {
    Plain<T> out{converted<T>(x), converted<T>(log_det), converted<T>(x),
                 converted<T>(x), converted<T>(x),       converted<T>(grad_y)};
    for (std::size_t e = 0; e < x.size(); ++e) {
      const std::size_t i = e / static_cast<std::size_t>(k);
      const T s = log_scale<T>(options, a[e]), moved = static_cast<T>(from[e]) - t[e];
      out.y[e] = x[e] * std::exp(s) + t[e];
      out.log_det[i] += s;
      out.x[e] = moved * std::exp(-s);
      out.grad_x[e] = grad_y[e] * std::exp(s);
      out.grad_a[e] = (grad_y[e] * moved + grad_log_det[i]) * slope<T>(options, a[e]);
    }
    return out;
  }
};

class AffineCoupling : public DeviceTest {
 protected:
  void compare(const Case& c, std::int64_t padding) {
    SCOPED_TRACE(std::to_string(c.n) + " x " + std::to_string(c.k) + ", padding " +
                 std::to_string(padding) + ", " + to_string(c.options.scale));
    const auto matrix = [&](const std::vector<float>& values) {
      return Guarded<float>(context(), c.n, c.k, values, padding);
    };
    Guarded<float> x = matrix(c.x), a = matrix(c.a), t = matrix(c.t), grad_y = matrix(c.grad_y);
    Guarded<float> y(context(), c.n, c.k, padding), grad_x(context(), c.n, c.k, padding),
        grad_a(context(), c.n, c.k, padding), grad_t(context(), c.n, c.k, padding),
        back(context(), c.n, c.k, padding);
    Guarded<float> log_det(context(), 1, c.n, c.log_det),
        grad_log_det(context(), 1, c.n, c.grad_log_det);
    affine_coupling(context(), x.view(), a.view(), t.view(), c.options, y.view(), log_det.flat());
    affine_coupling_inverse(context(), y.view(), a.view(), t.view(), c.options, back.view());
    affine_coupling_backward(context(), y.view(), a.view(), t.view(), c.options, grad_y.view(),
                             grad_log_det.flat(), grad_x.view(), grad_a.view(), grad_t.view());
    const std::vector<float> got = y.values();
    const Plain<double> exact = c.plain<double>(got);
    const Plain<float> loop = c.plain<float>(got);
    expect_as_good_as(got, loop.y, exact.y, "y");
    // One row's plain sum may be right by luck: roundings of the largest term, at random, are fine.
    const double luck = 2.4e-7 * c.options.clamp * std::sqrt(static_cast<double>(c.k));
    EXPECT_LE(max_error(log_det.values(), exact.log_det),
              3 * max_error(loop.log_det, exact.log_det) + luck);
    expect_as_good_as(back.values(), loop.x, exact.x, "inverse");
    expect_as_good_as(grad_x.values(), loop.grad_x, exact.grad_x, "grad_x");
    expect_as_good_as(grad_a.values(), loop.grad_a, exact.grad_a, "grad_a");
    EXPECT_EQ(grad_t.values(), c.grad_y);
    EXPECT_EQ(x.values(), c.x);
    EXPECT_EQ(a.values(), c.a);
    EXPECT_EQ(t.values(), c.t);
  }
};

TEST_P(AffineCoupling, FollowsPlainLoops) {
  for (const std::int64_t n : {1, 2, 17, 257, 70000}) {
    for (const std::int64_t k : {1, 2, 17, 32, 113, 1021}) {
      if (n * k > (simt() ? 2000 : 300000)) continue;
      for (const CouplingScale scale : kScales) {
        const Case c(n, k, {.scale = scale, .clamp = 1.5F});
        for (const std::int64_t padding : {0, 3, 4}) compare(c, padding);
      }
    }
  }
}

TEST_P(AffineCoupling, HalvesOfOneMatrixAndOutputsInPlace) {
  // x is the right half of a matrix of odd width; s and t lie side by side, as one network gives
  // them, and every output is written where an input was.
  const std::int64_t n = 19, k = 6, wide = 13;
  const Case c(n, k, {});
  const Plain<double> exact = c.plain<double>(c.x);
  std::vector<float> both(static_cast<std::size_t>(n * wide)), nets = both;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < wide; ++j) both[static_cast<std::size_t>(i * wide + j)] = 7;
    for (std::int64_t j = 0; j < k; ++j) {
      const auto e = static_cast<std::size_t>(i * k + j);
      both[static_cast<std::size_t>(i * wide + wide - k + j)] = c.x[e];
      nets[static_cast<std::size_t>(i * wide + j)] = c.a[e];
      nets[static_cast<std::size_t>(i * wide + k + j)] = c.t[e];
    }
  }
  Guarded<float> whole(context(), n, wide, both), net(context(), n, wide, nets);
  Guarded<float> log_det(context(), 1, n, c.log_det), grad_log_det(context(), 1, n, c.grad_log_det);
  const auto half = whole.view().col_range(wide - k, k);
  const auto a = net.view().col_range(0, k), t = net.view().col_range(k, k);
  affine_coupling(context(), half, a, t, c.options, half, log_det.flat());
  const auto columns = [&](const std::vector<float>& values, std::int64_t first) {
    std::vector<float> out;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < k; ++j) {
        out.push_back(values[static_cast<std::size_t>(i * wide + first + j)]);
      }
    }
    return out;
  };
  EXPECT_LE(max_error(columns(whole.values(), wide - k), exact.y), 2e-6);
  EXPECT_EQ(whole.values()[wide - k - 1], 7);
  affine_coupling_inverse(context(), half, a, t, c.options, half);
  EXPECT_LE(max_error(columns(whole.values(), wide - k), c.x), 2e-6);

  const Plain<double> gradients = c.plain<double>(c.x);
  Guarded<float> grad(context(), n, k, c.grad_y);
  affine_coupling_backward(context(), half, a, t, c.options, grad.view(), grad_log_det.flat(),
                           grad.view(), a, t);
  EXPECT_LE(max_error(grad.values(), gradients.grad_x), 2e-6);
  EXPECT_LE(max_error(columns(net.values(), 0), gradients.grad_a), 1e-5);
  EXPECT_EQ(columns(net.values(), k), c.grad_y);
}

TEST_P(AffineCoupling, LogDeterminantsMayBeLeftOut) {
  const Case c(5, 7, {});
  const Plain<double> exact = c.plain<double>(c.x);
  Guarded<float> x(context(), 5, 7, c.x), a(context(), 5, 7, c.a), t(context(), 5, 7, c.t),
      g(context(), 5, 7, c.grad_y), y(context(), 5, 7), ga(context(), 5, 7), gt(context(), 5, 7);
  affine_coupling(context(), x.view(), a.view(), t.view(), c.options, y.view(), {});
  EXPECT_LE(max_error(y.values(), exact.y), 2e-6);
  affine_coupling_backward(context(), x.view(), a.view(), t.view(), c.options, g.view(), {},
                           g.view(), ga.view(), gt.view());
  std::vector<double> expected;
  for (std::size_t e = 0; e < c.x.size(); ++e) {
    expected.push_back(static_cast<double>(c.grad_y[e]) *
                       (static_cast<double>(c.x[e]) - static_cast<double>(c.t[e])) *
                       slope<double>(c.options, c.a[e]));
  }
  EXPECT_LE(max_error(ga.values(), expected), 5e-6);
}

TEST_P(AffineCoupling, ScalesStayWithinTheClamp) {
  const std::vector<float> a = {0,   -0.0F, 1e-30F, 1e-4F,    20,
                                -20, 1e30F, -1e30F, INFINITY, -INFINITY};
  const auto k = static_cast<std::int64_t>(a.size());
  const std::vector<float> ones(a.size(), 1.0F), zeros(a.size());
  for (const CouplingScale scale : kScales) {
    for (const float clamp : {0.5F, 80.0F}) {
      SCOPED_TRACE(to_string(scale));
      const AffineCouplingOptions options{.scale = scale, .clamp = clamp};
      Guarded<float> x(context(), 1, k, ones), ga(context(), 1, k, a), t(context(), 1, k, zeros),
          y(context(), 1, k), grad_x(context(), 1, k), grad_t(context(), 1, k);
      affine_coupling(context(), x.view(), ga.view(), t.view(), options, y.view(), {});
      const std::vector<float> scales = y.values();
      EXPECT_EQ(scales[0], 1);
      EXPECT_EQ(scales[1], 1);
      EXPECT_EQ(scales[2], 1);
      for (std::size_t j = 0; j < a.size(); ++j) {
        const double s = std::log(static_cast<double>(scales[j]));
        EXPECT_LE(std::fabs(s), clamp * (1 + 2e-6)) << j;
        EXPECT_NEAR(s, log_scale<double>(options, a[j]), clamp * 2e-6 + 2e-7) << j;
      }
      affine_coupling_backward(context(), y.view(), ga.view(), t.view(), options, x.view(), {},
                               grad_x.view(), ga.view(), grad_t.view());
      for (std::size_t j = 8; j < 10; ++j) EXPECT_EQ(ga.values()[j], 0);
    }
  }
}

TEST_P(AffineCoupling, NaNStaysNaN) {
  const std::vector<float> ones(3, 1.0F);
  for (const CouplingScale scale : kScales) {
    for (int which = 0; which < 3; ++which) {
      std::vector<float> v[3] = {ones, ones, ones};
      v[which][1] = NAN;
      Guarded<float> x(context(), 1, 3, v[0]), a(context(), 1, 3, v[1]), t(context(), 1, 3, v[2]),
          y(context(), 1, 3), back(context(), 1, 3),
          log_det(context(), 1, 1, std::vector<float>{0});
      affine_coupling(context(), x.view(), a.view(), t.view(), {.scale = scale}, y.view(),
                      log_det.flat());
      affine_coupling_inverse(context(), x.view(), a.view(), t.view(), {.scale = scale},
                              back.view());
      EXPECT_TRUE(std::isnan(y.values()[1]));
      EXPECT_TRUE(std::isnan(back.values()[1]));
      EXPECT_FALSE(std::isnan(y.values()[2]));
      EXPECT_EQ(std::isnan(log_det.values()[0]), which == 1);
    }
  }
}

TEST_P(AffineCoupling, DoubleRoundTripIsExact) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  const std::int64_t n = 50, k = 21;
  const std::vector<double> x = normals<double>(n * k, 1);
  for (const CouplingScale scale : kScales) {
    const AffineCouplingOptions options{.scale = scale, .clamp = 2};
    Guarded<double> a(context(), n, k, normals<double>(n * k, 2)),
        t(context(), n, k, normals<double>(n * k, 3)), y(context(), n, k, x, 2);
    affine_coupling(context(), y.view(), a.view(), t.view(), options, y.view(), {});
    EXPECT_GT(max_error(y.values(), x), 1);
    affine_coupling_inverse(context(), y.view(), a.view(), t.view(), options, y.view());
    EXPECT_LE(max_error(y.values(), x), 1e-12);
  }
}

TEST_P(AffineCoupling, GradientsAreThoseOfCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  const std::int64_t n = 3, k = 11, size = n * k;
  const std::vector<double> weight = normals<double>(size, 7), log_weight = normals<double>(n, 8);
  for (const CouplingScale scale : kScales) {
    SCOPED_TRACE(to_string(scale));
    const AffineCouplingOptions options{.scale = scale, .clamp = 1.9F};
    std::vector<double> in[3] = {normals<double>(size, 1), normals<double>(size, 2),
                                 normals<double>(size, 3)};
    // sum of weight y + log_weight log_det
    const auto loss = [&] {
      Guarded<double> x(context(), n, k, in[0]), a(context(), n, k, in[1]),
          t(context(), n, k, in[2]), y(context(), n, k),
          log_det(context(), 1, n, std::vector<double>(n));
      affine_coupling(context(), x.view(), a.view(), t.view(), options, y.view(), log_det.flat());
      double sum = 0;
      const std::vector<double> values = y.values(), log_dets = log_det.values();
      for (std::size_t e = 0; e < values.size(); ++e) sum += weight[e] * values[e];
      for (std::size_t i = 0; i < log_dets.size(); ++i) sum += log_weight[i] * log_dets[i];
      return sum;
    };
    Guarded<double> y(context(), n, k, in[0]), a(context(), n, k, in[1]), t(context(), n, k, in[2]),
        g(context(), n, k, weight), gl(context(), 1, n, log_weight), gx(context(), n, k),
        ga(context(), n, k), gt(context(), n, k);
    affine_coupling(context(), y.view(), a.view(), t.view(), options, y.view(), {});
    affine_coupling_backward(context(), y.view(), a.view(), t.view(), options, g.view(), gl.flat(),
                             gx.view(), ga.view(), gt.view());
    const std::vector<double> gradients[3] = {gx.values(), ga.values(), gt.values()};
    for (int which = 0; which < 3; ++which) {
      SCOPED_TRACE("input " + std::to_string(which));
      expect_central_differences(loss, in[which], gradients[which], 1e-5, 1e-8);
    }
  }
}

TEST_P(AffineCoupling, BitsDoNotDependOnThreads) {
  if (!on_cpu()) GTEST_SKIP() << "threads are the CPU's";
  for (const std::int64_t k : {1, 37, 300}) {
    const Case c(70000 / k + 3, k, {});
    std::vector<std::vector<float>> results[2];
    for (const int threads : {1, 2}) {
      Context own = Context::cpu({.threads = threads});
      Guarded<float> x(own, c.n, k, c.x), a(own, c.n, k, c.a), t(own, c.n, k, c.t),
          g(own, c.n, k, c.grad_y), log_det(own, 1, c.n, c.log_det),
          gl(own, 1, c.n, c.grad_log_det), y(own, c.n, k), gx(own, c.n, k), ga(own, c.n, k),
          gt(own, c.n, k);
      affine_coupling(own, x.view(), a.view(), t.view(), c.options, y.view(), log_det.flat());
      affine_coupling_backward(own, y.view(), a.view(), t.view(), c.options, g.view(), gl.flat(),
                               gx.view(), ga.view(), gt.view());
      affine_coupling_inverse(own, y.view(), a.view(), t.view(), c.options, x.view());
      results[threads - 1] = {y.values(),  log_det.values(), gx.values(),
                              ga.values(), gt.values(),      x.values()};
    }
    for (std::size_t r = 0; r < results[0].size(); ++r) {
      EXPECT_EQ(std::memcmp(results[0][r].data(), results[1][r].data(),
                            results[0][r].size() * sizeof(float)),
                0);
    }
  }
}

TEST_P(AffineCoupling, EmptyAndBadInput) {
  Matrix<float> x(context(), 3, 4), narrow(context(), 3, 3), none(context(), 0, 4),
      thin(context(), 3, 0), short_log(context(), 1, 2);
  affine_coupling(context(), none, none, none, {}, none, none.flat());
  affine_coupling(context(), thin, thin, thin, {}, thin, {});
  affine_coupling_inverse(context(), none, none, none, {}, none);
  affine_coupling_backward(context(), none, none, none, {}, none, {}, none, none, none);
  const auto message = [&](const AffineCouplingOptions& options, Matrix<float>& t,
                           VectorView<float> log_det) {
    return error_of([&] { affine_coupling(context(), x, x, t, options, x, log_det); });
  };
  EXPECT_EQ(message({}, narrow, {}), "affine_coupling: expected t of shape [3, 4], got [3, 3]");
  EXPECT_EQ(message({}, x, short_log.flat()), "affine_coupling: expected log_det of size 3, got 2");
  EXPECT_EQ(message({.clamp = 0}, x, {}),
            "affine_coupling: expected a clamp above 0, at most 80, got 0.000000");
  EXPECT_EQ(message({.clamp = NAN}, x, {}),
            "affine_coupling: expected a clamp above 0, at most 80, got nan");
  EXPECT_EQ(message({.clamp = 81}, x, {}),
            "affine_coupling: expected a clamp above 0, at most 80, got 81.000000");
  EXPECT_EQ(coupling_scale_named("atan"), CouplingScale::atan);
  EXPECT_EQ(error_of([&] { coupling_scale_named("relu"); }),
            "coupling scale: expected tanh, atan or sigmoid, got 'relu'");
}

CLIPK_INSTANTIATE_DEVICE_TEST(AffineCoupling);

}  // namespace
}  // namespace clipk::test
