#include "clipk/ops/dense.hpp"

#include <cmath>
#include <string>
#include <utility>

#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr Activation kActivations[] = {Activation::identity, Activation::relu,
                                       Activation::leaky_relu, Activation::tanh,
                                       Activation::sigmoid};

template <class T>
T activate(Activation activation, T z) {
  switch (activation) {
    case Activation::relu:
      return z > 0 ? z : 0;
    case Activation::leaky_relu:
      return z > 0 ? z : T(0.01) * z;
    case Activation::tanh:
      return std::tanh(z);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-z));
    default:
      return z;
  }
}

template <class T>
T slope(Activation activation, T y) {
  switch (activation) {
    case Activation::relu:
      return y > 0 ? 1 : 0;
    case Activation::leaky_relu:
      return y > 0 ? 1 : T(0.01);
    case Activation::tanh:
      return 1 - y * y;
    case Activation::sigmoid:
      return y * (1 - y);
    default:
      return 1;
  }
}

struct Shape {
  std::int64_t n, in, out;
};

// Plain loops, in the type they are given.
template <class T>
struct Plain {
  std::vector<T> y, grad_x, grad_weight, grad_bias;

  Plain(Shape s, Activation activation, const std::vector<float>& x, const std::vector<float>& w,
        const std::vector<float>& bias, const std::vector<float>& grad_y) {
    const auto [n, in, out] = s;
    const auto at = [](const auto& v, std::int64_t i) { return static_cast<T>(v[i]); };
    y.resize(n * out);
    grad_x.resize(n * in);
    grad_weight.resize(out * in);
    grad_bias.resize(out);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t o = 0; o < out; ++o) {
        T z = 0;
        for (std::int64_t k = 0; k < in; ++k) z += at(x, i * in + k) * at(w, o * in + k);
        if (!bias.empty()) z += at(bias, o);
        y[i * out + o] = activate(activation, z);
        const T g = at(grad_y, i * out + o) * slope(activation, y[i * out + o]);
        for (std::int64_t k = 0; k < in; ++k) {
          grad_x[i * in + k] += g * at(w, o * in + k);
          grad_weight[o * in + k] += g * at(x, i * in + k);
        }
        grad_bias[o] += g;
      }
    }
  }
};

class Dense : public DeviceTest {
 protected:
  struct Results {
    std::vector<float> y, grad_x, grad_weight, grad_bias;
  };

  // Backward starts from the reference's y, so that a kink cannot fall on either side.
  Results compute(Context& context, Shape s, Activation activation, const std::vector<float>& x,
                  const std::vector<float>& w, const std::vector<float>& bias,
                  const std::vector<float>& grad_y, const std::vector<float>& y,
                  std::int64_t padding) {
    Guarded<float> dx(context, s.n, s.in, x, padding), dw(context, s.out, s.in, w, padding);
    Guarded<float> dy(context, s.n, s.out, padding), given(context, s.n, s.out, y, padding);
    Guarded<float> dg(context, s.n, s.out, grad_y, padding);
    Guarded<float> gx(context, s.n, s.in, padding), gw(context, s.out, s.in, padding);
    Guarded<float> gb(context, 1, s.out);
    Matrix<float> db(context, 1, s.out);
    if (!bias.empty()) {
      copy<float>(context, VectorView<const float>(bias.data(), s.out), db.flat());
    }
    const VectorView<const float> no_bias;
    dense(context, dx.view(), dw.view(), bias.empty() ? no_bias : db.flat(), activation, dy.view());
    dense_backward(context, dx.view(), dw.view(), given.view(), activation, dg.view(), gx.view(),
                   gw.view(), gb.flat());
    return {dy.values(), gx.values(), gw.values(), gb.values()};
  }

  void check(Shape s, Activation activation, bool with_bias, std::int64_t padding) {
    SCOPED_TRACE(std::string(to_string(activation)) + " [" + std::to_string(s.n) + ", " +
                 std::to_string(s.in) + "] to " + std::to_string(s.out));
    const std::vector<float> x = normals(s.n * s.in, 1);
    const std::vector<float> w = normals(s.out * s.in, 2, 1 / std::sqrt(double(s.in)));
    const std::vector<float> bias = with_bias ? normals(s.out, 3) : std::vector<float>();
    const std::vector<float> grad_y = normals(s.n * s.out, 4);
    const Plain<double> exact(s, activation, x, w, bias, grad_y);
    const Plain<float> plain(s, activation, x, w, bias, grad_y);
    const Results got =
        compute(context(), s, activation, x, w, bias, grad_y, converted<float>(exact.y), padding);
    expect_as_good_as(got.y, plain.y, exact.y, "y");
    expect_as_good_as(got.grad_x, plain.grad_x, exact.grad_x, "grad_x");
    expect_as_good_as(got.grad_weight, plain.grad_weight, exact.grad_weight, "grad_weight");
    expect_as_good_as(got.grad_bias, plain.grad_bias, exact.grad_bias, "grad_bias");
  }
};

TEST_P(Dense, ShapesFollowPlainLoops) {
  const Shape shapes[] = {{1, 1, 1},    {2, 17, 3},     {17, 113, 257}, {113, 2, 17},
                          {257, 64, 1}, {300, 512, 64}, {1021, 33, 5},  {70000, 3, 2}};
  for (const Shape& s : shapes) {
    if (simt() && s.n * s.in * s.out > 600000) continue;
    check(s, Activation::relu, true, s.n % 3);
  }
}

TEST_P(Dense, EveryActivation) {
  for (const Activation activation : kActivations) {
    check({67, 20, 37}, activation, true, 0);
    check({67, 20, 37}, activation, false, 5);
  }
}

TEST_P(Dense, SaturatedActivationsStayFinite) {
  const std::vector<float> x = {-1e30F, -200, -90, -1e-30F, 0, 1e-30F, 90, 200, 1e30F};
  const auto n = static_cast<std::int64_t>(x.size());
  for (const Activation activation : kActivations) {
    Guarded<float> dx(context(), n, 1, x), w(context(), 1, 1, std::vector<float>{1}),
        y(context(), n, 1);
    dense(context(), dx.view(), w.view(), {}, activation, y.view());
    std::vector<double> expected;
    for (const float value : x) expected.push_back(activate<double>(activation, value));
    EXPECT_LE(max_error(y.values(), expected), 1e-6 * std::fabs(expected.back()))
        << to_string(activation);
  }
}

TEST_P(Dense, EmptyBatchHasZeroWeightGradients) {
  Guarded<float> x(context(), 0, 5), w(context(), 3, 5, normals(15, 1)), y(context(), 0, 3);
  Guarded<float> gw(context(), 3, 5), gb(context(), 1, 3);
  dense(context(), x.view(), w.view(), {}, Activation::relu, y.view());
  dense_backward(context(), x.view(), w.view(), y.view(), Activation::relu, y.view(), {}, gw.view(),
                 gb.flat());
  EXPECT_EQ(gw.values(), std::vector<float>(15));
  EXPECT_EQ(gb.values(), std::vector<float>(3));
}

TEST_P(Dense, OutputsThatAreNotWantedMayBeEmpty) {
  const Shape s{33, 20, 7};
  const std::vector<float> x = normals(s.n * s.in, 1), w = normals(s.out * s.in, 2),
                           g = normals(s.n * s.out, 3), y = normals(s.n * s.out, 4);
  const Results all = compute(context(), s, Activation::relu, x, w, {}, g, y, 0);
  Guarded<float> dx(context(), s.n, s.in, x), dw(context(), s.out, s.in, w);
  Guarded<float> dy(context(), s.n, s.out, y), dg(context(), s.n, s.out, g);
  Guarded<float> gx(context(), s.n, s.in), gw(context(), s.out, s.in);
  const auto backward = [&](MatrixView<float> grad_x, MatrixView<float> grad_w) {
    dense_backward(context(), dx.view(), dw.view(), dy.view(), Activation::relu, dg.view(), grad_x,
                   grad_w, VectorView<float>());
  };
  backward(gx.view(), {});
  backward({}, gw.view());
  EXPECT_EQ(gx.values(), all.grad_x);
  EXPECT_EQ(gw.values(), all.grad_weight);
}

TEST_P(Dense, AddPutsALinearPathBesideAnother) {
  const Shape s{37, 20, 9};
  const std::vector<float> x = normals(s.n * s.in, 1), w = normals(s.out * s.in, 2),
                           y = normals(s.n * s.out, 3), gx = normals(s.n * s.in, 4);
  Guarded<float> dx(context(), s.n, s.in, x, 3), dw(context(), s.out, s.in, w, 1);
  Guarded<float> dy(context(), s.n, s.out, y, 2), dgx(context(), s.n, s.in, gx, 4);
  Guarded<float> dg(context(), s.n, s.out, y);
  dense_add(context(), dx.view(), dw.view(), dy.view());
  dense_add_backward(context(), dw.view(), dg.view(), dgx.view());
  const auto add = [&]<class T>(std::vector<T> sum, std::vector<T> grad) {
    const auto at = [](const std::vector<float>& v, std::int64_t i) {
      return static_cast<T>(v[static_cast<std::size_t>(i)]);
    };
    for (std::int64_t i = 0; i < s.n; ++i) {
      for (std::int64_t o = 0; o < s.out; ++o) {
        for (std::int64_t k = 0; k < s.in; ++k) {
          sum[i * s.out + o] += at(x, i * s.in + k) * at(w, o * s.in + k);
          grad[i * s.in + k] += at(y, i * s.out + o) * at(w, o * s.in + k);
        }
      }
    }
    return std::pair(sum, grad);
  };
  const auto [plain_y, plain_gx] = add(y, gx);
  const auto [exact_y, exact_gx] = add(converted<double>(y), converted<double>(gx));
  expect_as_good_as(dy.values(), plain_y, exact_y, "y");
  expect_as_good_as(dgx.values(), plain_gx, exact_gx, "grad_x");
}

TEST_P(Dense, OneAndTwoThreadsGiveTheSameBytes) {
  if (!on_cpu()) GTEST_SKIP() << "threads of the CPU";
  for (const Shape s : {Shape{256, 512, 64}, Shape{700, 300, 513}}) {
    const std::vector<float> x = normals(s.n * s.in, 1), w = normals(s.out * s.in, 2),
                             b = normals(s.out, 3), g = normals(s.n * s.out, 4),
                             y = normals(s.n * s.out, 5);
    Context one = Context::cpu({.threads = 1});
    Context two = Context::cpu({.threads = 2});
    const Results a = compute(one, s, Activation::tanh, x, w, b, g, y, 0);
    const Results c = compute(two, s, Activation::tanh, x, w, b, g, y, 0);
    const auto same = [](const std::vector<float>& p, const std::vector<float>& q) {
      return std::memcmp(p.data(), q.data(), p.size() * sizeof(float)) == 0;
    };
    EXPECT_TRUE(same(a.y, c.y));
    EXPECT_TRUE(same(a.grad_x, c.grad_x));
    EXPECT_TRUE(same(a.grad_weight, c.grad_weight));
    EXPECT_TRUE(same(a.grad_bias, c.grad_bias));
  }
}

// d/dp of sum(g * y), by central differences of every input.
TEST_P(Dense, GradientsFollowCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  const Shape s{5, 4, 3};
  for (const Activation activation : kActivations) {
    SCOPED_TRACE(to_string(activation));
    std::vector<double> x = normals<double>(s.n * s.in, 1), w = normals<double>(s.out * s.in, 2),
                        b = normals<double>(s.out, 3), g = normals<double>(s.n * s.out, 4),
                        y(s.n * s.out), gx(x.size()), gw(w.size()), gb(b.size());
    const auto forward = [&] {
      dense(context(), MatrixView<const double>(x.data(), s.n, s.in),
            MatrixView<const double>(w.data(), s.out, s.in),
            VectorView<const double>(b.data(), s.out), activation,
            MatrixView<double>(y.data(), s.n, s.out));
      double sum = 0;
      for (std::size_t i = 0; i < y.size(); ++i) sum += g[i] * y[i];
      return sum;
    };
    forward();
    dense_backward(
        context(), MatrixView<const double>(x.data(), s.n, s.in),
        MatrixView<const double>(w.data(), s.out, s.in),
        MatrixView<const double>(y.data(), s.n, s.out), activation,
        MatrixView<const double>(g.data(), s.n, s.out), MatrixView<double>(gx.data(), s.n, s.in),
        MatrixView<double>(gw.data(), s.out, s.in), VectorView<double>(gb.data(), s.out));
    // No z of this seed lies within the step of a kink.
    expect_central_differences(forward, x, gx, 1e-6, 1e-8);
    expect_central_differences(forward, w, gw, 1e-6, 1e-8);
    expect_central_differences(forward, b, gb, 1e-6, 1e-8);
  }
}

TEST_P(Dense, ShapesThatDifferAreNamed) {
  Matrix<float> x(context(), 4, 5), w(context(), 3, 6), good(context(), 3, 5), y(context(), 4, 3);
  EXPECT_EQ(error_of([&] { dense(context(), x, w, {}, Activation::relu, y); }),
            "dense: expected weight of shape [3, 5], got [3, 6]");
  EXPECT_EQ(error_of([&] { dense(context(), x, good, y.flat(), Activation::relu, y); }),
            "dense: expected bias of size 3, got 12");
  EXPECT_EQ(error_of([&] {
              dense_backward(context(), x, good, y, Activation::relu, x, {}, {},
                             VectorView<float>());
            }),
            "dense_backward: expected grad_y of shape [4, 3], got [4, 5]");
}

CLIPK_INSTANTIATE_DEVICE_TEST(Dense);

}  // namespace
}  // namespace clipk::test
