#include "clipk/ops/factor_pair_loss.hpp"

#include <cmath>
#include <functional>

#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

// Pairs on the host, with blocks of unequal sizes and columns of no factor between and after them.
struct Pairs {
  std::int64_t m, d, factors;
  std::vector<float> z, log_det, shared, rho;
  std::vector<std::int32_t> blocks;

  Pairs(std::int64_t m_, std::int64_t d_, std::int64_t factors_)
      : m(m_),
        d(d_),
        factors(factors_),
        z(normals(2 * m_ * d_, 1)),
        log_det(normals(2 * m_, 2)),
        shared(static_cast<std::size_t>(m_ * factors_)),
        rho(static_cast<std::size_t>(factors_)),
        blocks(static_cast<std::size_t>(d_)) {
    const float levels[] = {1, 0, 0.5F, 1, -1, 0};
    for (std::size_t i = 0; i < shared.size(); ++i) shared[i] = levels[(i * 7 + i / 5) % 6];
    const float correlations[] = {0.975F, -0.6F, 0, 0.3F};
    for (std::size_t f = 0; f < rho.size(); ++f) rho[f] = correlations[f % 4];
    for (std::int64_t k = 0; k < d; ++k) {
      blocks[static_cast<std::size_t>(k)] =
          static_cast<std::int32_t>(k * (factors + 1) / d + k % 3 / 2) % (factors + 1) - 1;
    }
  }
};

// Plain loops in T, as the docstring writes it.
template <class T>
T plain_loss(const Pairs& x, std::vector<T>& grad_z) {
  const auto at = [&](std::int64_t i, std::int64_t k) {
    return static_cast<std::size_t>(i * x.d + k);
  };
  grad_z.assign(x.z.size(), 0);
  T loss = 0;
  for (std::int64_t p = 0; p < x.m; ++p) {
    for (std::int64_t k = 0; k < x.d; ++k) {
      const std::int32_t f = x.blocks[static_cast<std::size_t>(k)];
      const T r = f < 0 ? T{0}
                        : static_cast<T>(x.rho[static_cast<std::size_t>(f)]) *
                              static_cast<T>(x.shared[static_cast<std::size_t>(p * x.factors + f)]);
      const T a = x.z[at(p, k)], b = x.z[at(x.m + p, k)];
      const T e = b - r * a, variance = 1 - r * r;
      loss += (a * a + e * e / variance + std::log(variance)) / 2;
      grad_z[at(p, k)] = (a - r * e / variance) / static_cast<T>(x.m);
      grad_z[at(x.m + p, k)] = e / variance / static_cast<T>(x.m);
    }
    loss -= static_cast<T>(x.log_det[static_cast<std::size_t>(p)]) +
            static_cast<T>(x.log_det[static_cast<std::size_t>(x.m + p)]);
  }
  return loss / static_cast<T>(x.m);
}

class FactorPairLoss : public DeviceTest {};

TEST_P(FactorPairLoss, ValueAndGradientFollowPlainLoops) {
  const std::int64_t shapes[][3] = {{1, 1, 1},    {2, 17, 3},    {17, 2, 1},   {13, 64, 0},
                                    {113, 65, 5}, {257, 128, 3}, {1021, 5, 2}, {70000, 3, 2}};
  for (const auto& [m, d, factors] : shapes) {
    if (simt() && m * d > 10000) continue;
    for (const std::int64_t padding : {0, 3, 4}) {
      SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(d));
      const Pairs x(m, d, factors);
      std::vector<float> plain;
      std::vector<double> exact;
      const float plain_value = plain_loss(x, plain);
      const double exact_value = plain_loss(x, exact);
      Guarded<float> z(context(), 2 * m, d, x.z, padding), log_det(context(), 1, 2 * m, x.log_det),
          shared(context(), m, factors, x.shared, padding), rho(context(), 1, factors, x.rho),
          grad(context(), 2 * m, d, padding), grad_log_det(context(), 1, 2 * m);
      Guarded<std::int32_t> blocks(context(), 1, d, x.blocks);
      Guarded<double> loss(context(), 1, 1, std::vector<double>{100});
      factor_pair_loss(context(), z.view(), log_det.flat(), shared.view(), blocks.flat(),
                       rho.flat(), loss.flat(), grad.view(), grad_log_det.flat());
      expect_as_good_as(grad.values(), plain, exact, "gradient");
      expect_as_good_as(std::vector<double>{loss.values()[0] - 100}, {plain_value}, {exact_value},
                        "loss");
      for (const float g : grad_log_det.values()) {
        EXPECT_FLOAT_EQ(g, -1 / static_cast<float>(m));
      }
      // The loss alone, and without log-determinants.
      factor_pair_loss(context(), z.view(), {}, shared.view(), blocks.flat(), rho.flat(),
                       loss.flat(), {}, {});
      double sum = 0;
      for (const float value : x.log_det) sum += value;
      const double expected = 2 * exact_value + sum / static_cast<double>(m);
      EXPECT_NEAR(loss.values()[0] - 100, expected,
                  3e-6 * (std::fabs(exact_value) + 1) + 3 * std::fabs(plain_value - exact_value));
    }
  }
}

// What the reference computes for one shared factor, and the constant that it leaves out.
TEST_P(FactorPairLoss, OneSharedFactorIsTheReferencesLoss) {
  const std::int64_t d = 6, size = 2;
  const double r = 0.975F;
  const std::vector<float> z = normals(2 * d, 3);
  double expected = static_cast<double>(size) / 2 * std::log(1 - r * r);
  for (std::size_t k = 0; k < 6; ++k) {
    const double a = z[k], b = z[6 + k];
    const bool mine = k >= 2 && k < 4;
    expected += a * a / 2 + (mine ? (b - r * a) * (b - r * a) / (2 * (1 - r * r)) : b * b / 2);
  }
  Guarded<float> dz(context(), 2, d, z), shared(context(), 1, 2, {0, 1}),
      rho(context(), 1, 2, {0.5F, static_cast<float>(r)});
  Guarded<std::int32_t> blocks(context(), 1, d, {0, 0, 1, 1, -1, -1});
  Guarded<double> loss(context(), 1, 1, std::vector<double>{0});
  factor_pair_loss(context(), dz.view(), {}, shared.view(), blocks.flat(), rho.flat(), loss.flat(),
                   {}, {});
  EXPECT_NEAR(loss.values()[0], expected, 1e-5);
}

TEST_P(FactorPairLoss, GradientsFollowCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  const Pairs x(5, 19, 3);
  Matrix<double> z(10, 19), log_det(1, 10), shared(5, 3), rho(1, 3), grad(10, 19),
      grad_log_det(1, 10), loss(1, 1);
  const auto put = [&](const std::vector<float>& from, Matrix<double>& to) {
    const std::vector<double> wide = converted<double>(from);
    copy<double>(context(), VectorView<const double>(wide.data(), to.flat().size), to.flat());
  };
  put(x.z, z);
  put(x.log_det, log_det);
  put(x.shared, shared);
  put(x.rho, rho);
  const VectorView<const std::int32_t> blocks(x.blocks.data(), 19);
  const auto value = [&] {
    loss(0, 0) = 0;
    factor_pair_loss(context(), z, log_det.flat(), shared, blocks, rho.flat(), loss.flat(), {}, {});
    return loss(0, 0);
  };
  factor_pair_loss(context(), z, log_det.flat(), shared, blocks, rho.flat(), loss.flat(), grad,
                   grad_log_det.flat());
  std::vector<double> exact;
  EXPECT_NEAR(loss(0, 0), plain_loss(x, exact), 1e-12 * std::fabs(loss(0, 0)));
  expect_central_differences(value, z.flat(), grad.flat(), 1e-6, 1e-7);
  expect_central_differences(value, log_det.flat(), grad_log_det.flat(), 1e-6, 1e-7);
}

TEST_P(FactorPairLoss, NoPairsAddNothing) {
  Matrix<float> none(context(), 0, 4), shared(context(), 0, 1), rho(context(), 1, 1);
  Matrix<std::int32_t> blocks(context(), 1, 4);
  Guarded<double> loss(context(), 1, 1, std::vector<double>{3});
  factor_pair_loss(context(), none, {}, shared, blocks.flat(), rho.flat(), loss.flat(), {}, {});
  EXPECT_EQ(loss.values()[0], 3);
}

TEST_P(FactorPairLoss, OneAndTwoThreadsGiveTheSameBytes) {
  if (!on_cpu()) GTEST_SKIP() << "threads of the CPU";
  const Pairs x(700, 65, 4);
  const auto run = [&](int threads) {
    Context some = Context::cpu({.threads = threads});
    Guarded<float> z(some, 1400, 65, x.z), log_det(some, 1, 1400, x.log_det),
        shared(some, 700, 4, x.shared), rho(some, 1, 4, x.rho), grad(some, 1400, 65);
    Guarded<std::int32_t> blocks(some, 1, 65, x.blocks);
    Guarded<double> loss(some, 1, 1, std::vector<double>{0});
    factor_pair_loss(some, z.view(), log_det.flat(), shared.view(), blocks.flat(), rho.flat(),
                     loss.flat(), grad.view(), {});
    return std::pair(loss.values(), grad.values());
  };
  EXPECT_EQ(run(1), run(2));
}

TEST_P(FactorPairLoss, BadInputIsNamed) {
  const auto message = [&](const std::function<void(Pairs&)>& change) -> std::string {
    Pairs x(2, 4, 2);
    change(x);
    const auto rows = static_cast<std::int64_t>(x.z.size()) / x.d;
    Guarded<float> z(context(), rows, x.d, x.z),
        shared(context(), static_cast<std::int64_t>(x.shared.size()) / x.factors, x.factors,
               x.shared),
        rho(context(), 1, x.factors, x.rho);
    Guarded<std::int32_t> blocks(context(), 1, static_cast<std::int64_t>(x.blocks.size()),
                                 x.blocks);
    Guarded<double> loss(context(), 1, 1, std::vector<double>{0});
    return error_of([&] {
      factor_pair_loss(context(), z.view(), {}, shared.view(), blocks.flat(), rho.flat(),
                       loss.flat(), {}, {});
    });
  };
  EXPECT_EQ(message([](Pairs&) {}), "no error");
  EXPECT_EQ(message([](Pairs& x) { x.z.resize(12); }),
            "factor_pair_loss: expected an even number of rows, got 3");
  EXPECT_EQ(message([](Pairs& x) { x.shared.resize(2); }),
            "factor_pair_loss: expected shared of shape [2, 2], got [1, 2]");
  EXPECT_EQ(message([](Pairs& x) { x.blocks.pop_back(); }),
            "factor_pair_loss: expected blocks of size 4, got 3");
  if (!on_cpu()) return;  // the values are checked on the CPU alone
  EXPECT_EQ(message([](Pairs& x) { x.blocks[1] = 2; }),
            "factor_pair_loss: expected blocks from -1 to 1, got 2");
  EXPECT_EQ(message([](Pairs& x) { x.rho[1] = 1; }),
            "factor_pair_loss: expected rho inside (-1, 1), got 1.000000");
  EXPECT_EQ(message([](Pairs& x) { x.shared[1] = NAN; }),
            "factor_pair_loss: expected shared from -1 to 1, got nan");
}

CLIPK_INSTANTIATE_DEVICE_TEST(FactorPairLoss);

}  // namespace
}  // namespace clipk::test
