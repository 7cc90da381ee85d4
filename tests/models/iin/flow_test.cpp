#include "clipk/models/flow.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/iin/flow_support.hpp"
#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

template <class T>
double round_trip(Context& context, const BasicFlow<T>& flow, const Matrix<T>& x) {
  Matrix<T> z(context, x.rows(), x.cols()), back(context, x.rows(), x.cols());
  flow.transform(context, x, z.view());
  flow.inverse(context, z, back.view());
  return max_error(host_of<T>(context, back), host_of<T>(context, x));
}

// log |det| by elimination with pivots.
double log_abs_det(std::vector<double> a, std::int64_t n) {
  const auto at = [&](std::int64_t i, std::int64_t j) -> double& {
    return a[static_cast<std::size_t>(i * n + j)];
  };
  double sum = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i) {
      if (std::fabs(at(i, k)) > std::fabs(at(pivot, k))) pivot = i;
    }
    for (std::int64_t j = 0; j < n; ++j) std::swap(at(k, j), at(pivot, j));
    sum += std::log(std::fabs(at(k, k)));
    for (std::int64_t i = k + 1; i < n; ++i) {
      const double factor = at(i, k) / at(k, k);
      for (std::int64_t j = k; j < n; ++j) at(i, j) -= factor * at(k, j);
    }
  }
  return sum;
}

// The largest relative error of the log-determinants of these rows against the dense Jacobian,
// whose rows come from backward passes.
double log_det_error(Context& cpu, BasicFlow<double>& flow, const Matrix<double>& x) {
  const std::int64_t n = x.rows(), d = flow.dim();
  BasicFlow<double>::Workspace workspace(cpu, flow, n);
  Matrix<double> z(n, d), log_det(1, n), grad_z(n, d), grad_x(n, d);
  std::vector<std::vector<double>> jacobians(static_cast<std::size_t>(n),
                                             std::vector<double>(static_cast<std::size_t>(d * d)));
  for (std::int64_t j = 0; j < d; ++j) {
    flow.forward(cpu, x, workspace, z.view(), log_det.flat());
    fill_zero(cpu, grad_z.view());
    for (std::int64_t i = 0; i < n; ++i) grad_z(i, j) = 1;
    flow.backward(cpu, x, workspace, grad_z, {}, grad_x.view());
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t k = 0; k < d; ++k) {
        jacobians[static_cast<std::size_t>(i)][static_cast<std::size_t>(j * d + k)] = grad_x(i, k);
      }
    }
  }
  double worst = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double exact = log_abs_det(jacobians[static_cast<std::size_t>(i)], d);
    worst = worse(worst, std::fabs(log_det(0, i) - exact) / std::max(1.0, std::fabs(exact)));
  }
  return worst;
}

class FlowTest : public DeviceTest {};

// What a device computes in float32 against the CPU in double: values, log-determinants, gradients
// of all parameters and of the input.
TEST_P(FlowTest, FollowsItsTwinInDouble) {
  for (const auto& [dim, slope, scale] :
       {std::tuple{2, 1.F, CouplingScale::tanh}, std::tuple{5, 0.9F, CouplingScale::atan},
        std::tuple{8, 1.F, CouplingScale::sigmoid}}) {
    FlowOptions options = kSmall;
    options.slope = slope;
    options.scale = scale;
    options.clamp = 1.5F;
    Flow flow(context(), dim, options);
    fill(context(), flow.parameters().values, 3, 0.3);
    const std::int64_t n = 19;
    const Matrix<float> x = rows_of<float>(context(), n, dim, 1);
    flow.initialize(context(), x);
    BasicFlow<double> twin = flow.to_double(context());
    Context cpu = Context::cpu({});
    Flow::Workspace workspace(context(), flow, n + 3);
    BasicFlow<double>::Workspace twin_workspace(cpu, twin, n);
    const std::vector<float> g = normals(n * dim, 7), h = normals(n, 8);
    Guarded<float> dx(context(), n, dim, host_of<float>(context(), x), 3), z(context(), n, dim, 1);
    Guarded<float> again(context(), n, dim, 2), log_det(context(), 1, n), sums(context(), 1, n);
    Guarded<float> dg(context(), n, dim, g, 2), dh(context(), 1, n, h), gx(context(), n, dim, 1);
    flow.forward(context(), dx.view(), workspace, z.view(), log_det.flat());
    flow.transform(context(), dx.view(), again.view(), sums.flat());
    flow.backward(context(), dx.view(), workspace, dg.view(), dh.flat(), gx.view());
    Matrix<double> tx(n, dim), tz(n, dim), t_log_det(1, n), tg(n, dim), th(1, n), tgx(n, dim);
    const std::vector<float> hx = dx.values();
    std::copy(hx.begin(), hx.end(), tx.data());
    std::copy(g.begin(), g.end(), tg.data());
    std::copy(h.begin(), h.end(), th.data());
    twin.forward(cpu, tx, twin_workspace, tz.view(), t_log_det.flat());
    twin.backward(cpu, tx, twin_workspace, tg, th.flat(), tgx.view());
    const auto values = [](const Matrix<double>& m) {
      return std::vector<double>(m.flat().begin(), m.flat().end());
    };
    EXPECT_LE(max_error(z.values(), values(tz)), 2e-5);
    EXPECT_LE(max_error(again.values(), values(tz)), 2e-5);
    EXPECT_LE(max_error(log_det.values(), values(t_log_det)), 1e-5);
    EXPECT_LE(max_error(sums.values(), values(t_log_det)), 1e-5);
    EXPECT_LE(max_error(gx.values(), values(tgx)), 5e-4);
    const auto own = flow.parameters().gradients;
    const auto exact = twin.parameters().gradients;
    EXPECT_LE(max_error(host_of<float>(context(),
                                       MatrixView<const float>(own.data, 1, own.size, own.device)),
                        std::vector<double>(exact.begin(), exact.end())),
              5e-4);
  }
}

// d/dp of sum(g z) + sum(h log_det) by central differences of every parameter and input.
TEST_P(FlowTest, GradientsFollowCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  for (const auto& [dim, slope] : {std::pair{2, 1.F}, std::pair{5, 0.8F}, std::pair{6, 1.F}}) {
    FlowOptions options = kSmall;
    options.slope = slope;
    options.clamp = 2;
    const std::int64_t n = 4;
    BasicFlow<double> flow(context(), dim, options);
    fill(context(), flow.parameters().values, 3, 0.4);
    Matrix<double> x = rows_of<double>(context(), n, dim, 2);
    flow.initialize(context(), x);
    Matrix<double> z(n, dim), log_det(1, n), g(n, dim), h(1, n), gx(n, dim);
    fill(context(), g.flat(), 5, 1);
    fill(context(), h.flat(), 6, 1);
    BasicFlow<double>::Workspace workspace(context(), flow, n);
    const auto loss = [&] {
      flow.forward(context(), x, workspace, z.view(), log_det.flat());
      double sum = 0;
      for (std::int64_t i = 0; i < n * x.cols(); ++i) sum += g.data()[i] * z.data()[i];
      for (std::int64_t i = 0; i < n; ++i) sum += h.data()[i] * log_det.data()[i];
      return sum;
    };
    loss();
    flow.backward(context(), x, workspace, g, h.flat(), gx.view());
    const VectorView<double> values = flow.parameters().values;
    const VectorView<double> of_parameters = flow.parameters().gradients;
    const std::vector<double> gradients(of_parameters.begin(), of_parameters.end());
    std::int64_t moved = 0;
    // No value of these seeds lies within the step of a kink.
    const auto expect = [&](double& value, double gradient) {
      const double slope = central_difference(loss, value, 1e-6);
      EXPECT_NEAR(gradient, slope, 2e-7 * std::max(1.0, std::fabs(gradient)));
      if (slope != 0) ++moved;
    };
    for (std::int64_t i = 0; i < values.size; ++i) {
      expect(values[i], gradients[static_cast<std::size_t>(i)]);
    }
    EXPECT_GT(moved, flow.parameter_count() / 2);
    EXPECT_LE(moved, flow.parameter_count());
    for (std::int64_t i = 0; i < n * dim; ++i) expect(x.data()[i], gx.data()[i]);
  }
}

TEST_P(FlowTest, LogDeterminantIsTheJacobians) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  for (const auto& [dim, slope] : {std::pair{2, 0.5F}, std::pair{7, 0.9F}, std::pair{16, 1.F}}) {
    FlowOptions options = {.blocks = 12, .width = 20, .depth = 2, .clamp = 2, .slope = slope};
    BasicFlow<double> flow(context(), dim, options);
    fill(context(), flow.parameters().values, 3, 0.15);
    const Matrix<double> x = rows_of<double>(context(), 9, dim, 1);
    flow.initialize(context(), x);
    EXPECT_LE(log_det_error(context(), flow, x), 1e-9);
  }
}

TEST_P(FlowTest, TwelveTrainedBlocksAreInvertible) {
  if (simt()) GTEST_SKIP() << "capacity";
  Flow flow(context(), 17, {.width = 64, .depth = 2});
  const Matrix<float> x = rows_of<float>(context(), 256, 17, 1);
  flow.initialize(context(), x);
  const std::vector<double> losses = train(context(), flow, x, 150, 1e-3F);
  EXPECT_LT(losses.back(), losses.front() - 3);
  EXPECT_LE(round_trip(context(), flow, x), 1e-4);
  Context cpu = Context::cpu({});
  BasicFlow<double> exact = flow.to_double(context());
  const Matrix<double> rows = rows_of<double>(cpu, 256, 17, 1);
  EXPECT_LE(round_trip(cpu, exact, rows), 1e-10);
  Matrix<double> some = rows_of<double>(cpu, 5, 17, 2);
  EXPECT_LE(log_det_error(cpu, exact, some), 1e-6);
}

TEST_P(FlowTest, TheReferencesSizeIsInvertible) {
  if (!on_cpu()) GTEST_SKIP() << "capacity";
  Flow flow(context(), 64, {.zero_last = false});
  EXPECT_EQ(flow.parameter_count(), 48 * (33 * 512 + 2 * 513 * 512 + 513 * 32) + 12 * 128);
  const Matrix<float> x = rows_of<float>(context(), 50, 64, 1);
  flow.initialize(context(), x);
  train(context(), flow, x, 5, 1e-4F);
  EXPECT_LE(round_trip(context(), flow, x), 1e-4);
  const BasicFlow<double> exact = flow.to_double(context());
  EXPECT_LE(round_trip(context(), exact, rows_of<double>(context(), 8, 64, 1)), 1e-10);
}

// Every scale at its bound, e^1 or e^-1, in all 24 couplings; and networks with larger weights than
// they start at. (Much larger ones multiply a rounding several times in every block: no algorithm
// can turn that back.)
TEST_P(FlowTest, ExtremeStatesStayInvertible) {
  if (simt()) GTEST_SKIP() << "capacity";
  const std::int64_t dim = 9, width = 32;
  Context cpu = Context::cpu({});
  const auto expect_invertible = [&](Flow& flow) {
    const Matrix<float> x = rows_of<float>(context(), 300, dim, 1);
    flow.initialize(context(), x);
    EXPECT_LE(round_trip(context(), flow, x), 1e-4);
    const BasicFlow<double> exact = flow.to_double(context());
    EXPECT_LE(round_trip(cpu, exact, rows_of<double>(cpu, 300, dim, 1)), 1e-10);
  };
  const FlowOptions options = {.width = width, .depth = 2, .zero_last = false};
  Flow bounds(context(), dim, options);
  std::int64_t place = 0;
  for (int coupling = 0; coupling < 24; ++coupling) {
    // A block: shift, log-scale, networks of the first coupling, and of the second. The last
    // numbers of the networks are the biases of a and t.
    const std::int64_t in = coupling % 2 == 0 ? dim / 2 : dim - dim / 2, out = dim - in;
    if (coupling % 2 == 0) place += 2 * aligned_parameters(dim);
    place += Mlp::parameter_size({.widths = {in, width, width, out}, .towers = 2});
    std::vector<float> biases(static_cast<std::size_t>(out));
    for (std::size_t j = 0; j < biases.size(); ++j) biases[j] = (j + coupling) % 3 == 0 ? 20 : -20;
    copy<float>(context(), VectorView<const float>(biases.data(), out),
                bounds.parameters().values.slice(place - aligned_parameters(2 * out), out));
  }
  ASSERT_EQ(place, bounds.parameters().values.size);
  expect_invertible(bounds);
  Flow large(context(), dim, options);
  std::vector<float> values(static_cast<std::size_t>(place));
  copy<float>(context(), large.parameters().values, VectorView<float>(values.data(), place));
  for (float& value : values) value *= 1.25F;
  copy<float>(context(), VectorView<const float>(values.data(), place), large.parameters().values);
  expect_invertible(large);
}

TEST_P(FlowTest, OneAndTwoThreadsGiveTheSameBytes) {
  if (!on_cpu()) GTEST_SKIP() << "threads of the CPU";
  const auto trained = [](int threads) {
    Context context = Context::cpu({.threads = threads});
    Flow flow(context, 21, {.blocks = 3, .width = 96, .depth = 2});
    const Matrix<float> x = rows_of<float>(context, 300, 21, 1);
    flow.initialize(context, x);
    train(context, flow, x, 4, 1e-3F);
    const VectorView<float> values = flow.parameters().values;
    return std::vector<float>(values.begin(), values.end());
  };
  EXPECT_EQ(trained(1), trained(2));
}

TEST_P(FlowTest, InitializeStandardisesColumns) {
  const std::int64_t n = 40, d = 4;
  Matrix<float> host = rows_of<float>(context(), n, d, 1).to_host(context());
  for (std::int64_t i = 0; i < n; ++i) host(i, 2) = 3;  // a constant column
  const Matrix<float> x = host.to_device(context());
  // Couplings start as the identity: one block is ActNorm and a permutation.
  Flow flow(context(), d, {.blocks = 1, .width = 5, .depth = 1});
  EXPECT_FALSE(flow.initialized());
  flow.initialize(context(), x);
  EXPECT_TRUE(flow.initialized());
  Matrix<float> z(context(), n, d);
  flow.transform(context(), x, z.view());
  const std::vector<float> values = host_of<float>(context(), z);
  int constant = 0;
  for (std::int64_t j = 0; j < d; ++j) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double value = values[static_cast<std::size_t>(i * d + j)];
      sum += value;
      squares += value * value;
    }
    EXPECT_NEAR(sum / n, 0, 1e-5);
    if (squares == 0) {
      ++constant;
    } else {
      EXPECT_NEAR(squares / (n - 1), 1, 1e-4);
    }
  }
  EXPECT_EQ(constant, 1);
  EXPECT_EQ(error_of([&] { flow.initialize(context(), x); }),
            "flow initialize: expected a flow that was not initialized, got one that was");
}

TEST_P(FlowTest, SamplesAreTheDensitys) {
  Flow flow(context(), 3, kSmall);
  flow.initialize(context(), rows_of<float>(context(), 50, 3, 1));
  const Matrix<float> many = flow.sample(context(), simt() ? 40 : 4000, 1);
  const std::vector<float> values = host_of<float>(context(), many);
  const std::vector<float> few = host_of<float>(context(), flow.sample(context(), 10, 1));
  EXPECT_EQ(few, host_of<float>(context(), flow.sample(context(), 10, 1)));
  EXPECT_LE(max_error(few, std::vector<float>(values.begin(), values.begin() + 30)), 1e-5);
  EXPECT_NE(few, host_of<float>(context(), flow.sample(context(), 10, 2)));
  // The density of a sample is that of the normal row it came from, times the determinant.
  Matrix<float> z(context(), 10, 3), log_det(context(), 1, 10);
  const Matrix<float> first = Matrix<float>::copy_of(context(), many.view().row_range(0, 10));
  flow.transform(context(), first, z.view(), log_det.flat());
  const std::vector<float> normal = host_of<float>(context(), z);
  const std::vector<float> dets = host_of<float>(context(), log_det);
  const std::vector<double> density = flow.log_density(context(), first);
  for (std::size_t i = 0; i < 10; ++i) {
    double expected = dets[i] - 1.5 * std::log(2 * std::numbers::pi);
    for (std::size_t j = 0; j < 3; ++j) expected -= 0.5 * normal[3 * i + j] * normal[3 * i + j];
    EXPECT_NEAR(density[i], expected, 1e-5);
  }
  if (simt()) return;
  Matrix<float> back(context(), 4000, 3);
  flow.transform(context(), many, back.view());
  double sum = 0, squares = 0;
  for (const float value : host_of<float>(context(), back)) {
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 12000, 0, 0.05);
  EXPECT_NEAR(squares / 12000, 1, 0.05);
}

TEST_P(FlowTest, RowsInPiecesAndInPlace) {
  if (simt()) GTEST_SKIP() << "capacity";
  Flow flow(context(), 5, kSmall);
  const std::int64_t n = 8192 + 77;
  Matrix<float> x = rows_of<float>(context(), n, 5, 1);
  flow.initialize(context(), x);
  Matrix<float> z(context(), n, 5), log_det(context(), 1, n);
  flow.transform(context(), x, z.view(), log_det.flat());
  Matrix<float> tail(context(), 77, 5), tail_log_det(context(), 1, 77);
  flow.transform(context(), x.view().row_range(8192, 77), tail.view(), tail_log_det.flat());
  EXPECT_LE(max_error(host_of<float>(context(), z.view().row_range(8192, 77)),
                      host_of<float>(context(), tail)),
            1e-5);
  const std::vector<float> before = host_of<float>(context(), x);
  flow.transform(context(), x, x.view());
  EXPECT_EQ(host_of<float>(context(), x), host_of<float>(context(), z));
  flow.inverse(context(), x, x.view());
  EXPECT_LE(max_error(host_of<float>(context(), x), before), 1e-4);
}

CLIPK_INSTANTIATE_DEVICE_TEST(FlowTest);

}  // namespace
}  // namespace clipk::test
