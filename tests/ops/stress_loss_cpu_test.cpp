// What only the CPU has: threads, large sizes and the gradient in double.
#include <cstring>
#include <utility>

#include "clipk/ops/stress_loss.hpp"
#include "support/central_difference.hpp"
#include "support/random_distances.hpp"

namespace clipk::test {
namespace {

// Loss and gradient for one and two threads, byte for byte.
TEST(StressLossCpu, ThreadsDoNotChangeABit) {
  const std::int64_t n = 1100, m = 900, q = 19;
  const std::vector<float> x = normals(n * q, 1), y = normals(m * q, 2), d = positive(n * m, 3);
  const auto bytes_of = [&](int threads, bool within) {
    Context context = Context::cpu({.threads = threads});
    Guarded<float> gx(context, n, q, x), gy(context, m, q, y);
    Guarded<float> gd(context, n, m, d), gs(context, n, n, symmetric(n, 4));
    Guarded<float> grad_x(context, n, q, std::vector<float>(x.size()));
    Guarded<float> grad_y(context, m, q, std::vector<float>(y.size()));
    Guarded<double> loss(context, 1, 1, std::vector<double>{0});
    if (within) {
      stress_loss(context, gx.view(), {.distances = gs.view()}, {}, loss.flat(), grad_x.view());
    } else {
      stress_loss(context, gx.view(), gy.view(), {.distances = gd.view()}, {}, loss.flat(),
                  grad_x.view(), grad_y.view());
    }
    std::vector<float> all = grad_x.values();
    const std::vector<float> rest = grad_y.values();
    all.insert(all.end(), rest.begin(), rest.end());
    return std::pair(all, loss.values()[0]);
  };
  for (const bool within : {false, true}) {
    const auto one = bytes_of(1, within), two = bytes_of(2, within);
    EXPECT_EQ(std::memcmp(one.first.data(), two.first.data(), one.first.size() * sizeof(float)), 0);
    EXPECT_EQ(std::memcmp(&one.second, &two.second, sizeof(double)), 0);
  }
}

// So many rows that a stripe has tiles wholly below the diagonal. Within one set is then the same
// as between it and itself, but for the number of distances.
TEST(StressLossCpu, ManyRowsWithinOneSet) {
  const std::int64_t n = 11000, q = 3, d = 2;
  Context context = Context::cpu();
  const std::vector<float> values = normals(n * q, 1), rows_values = normals(n * d, 2);
  const MatrixView<const float> x(values.data(), n, q), rows(rows_values.data(), n, d);
  Matrix<float> within(n, q), left(n, q), right(n, q);
  double loss = 0, between_loss = 0;
  stress_loss(context, x, {.rows_x = rows}, {}, VectorView<double>(&loss, 1), within);
  stress_loss(context, x, x, {.rows_x = rows, .rows_y = rows}, {},
              VectorView<double>(&between_loss, 1), left, right);
  const double ratio = static_cast<double>(n) / static_cast<double>(n - 1);
  EXPECT_NEAR(loss, between_loss * ratio, 1e-6 * loss);
  std::vector<double> sum;
  for (std::int64_t i = 0; i < n * q; ++i) {
    sum.push_back(ratio * (static_cast<double>(left.data()[i]) + right.data()[i]));
  }
  EXPECT_LE(max_error(std::vector<float>(within.flat().begin(), within.flat().end()), sum),
            1e-5 * largest_of(sum));
}

TEST(StressLossCpu, AllocatesNothingAfterTheFirstCall) {
  Context context = Context::cpu();
  Matrix<float> x(200, 8), d(200, 200);
  Matrix<double> loss(1, 1);
  stress_loss(context, x, {.distances = d}, {}, loss.flat(), x);
  const std::int64_t before = context.scratch().allocations();
  for (int i = 0; i < 3; ++i) stress_loss(context, x, {.distances = d}, {}, loss.flat(), x);
  EXPECT_EQ(context.scratch().allocations(), before);
}

// Central differences in double. No distance is 0, the only kink.
TEST(StressLossCpu, GradientIsTheSlopeOfTheLoss) {
  const std::int64_t n = 23, m = 31, q = 5;
  Context context = Context::cpu();
  for (const bool within : {false, true}) {
    for (const bool sammon : {false, true}) {
      const std::int64_t cols = within ? n : m;
      std::vector<double> x = normals<double>(n * q, 1), y = normals<double>(m * q, 2);
      const std::vector<double> d =
          converted<double>(within ? symmetric(n, 3) : positive(n * m, 3));
      const StressOptions options{.weight = 1.5F, .scale = 0.8F, .sammon = sammon};
      const BasicTargetDistances<double> target{.distances = {d.data(), n, cols}};
      std::vector<double> grad_x(x.size()), grad_y(y.size());
      const auto evaluate = [&](MatrixView<double> gx, MatrixView<double> gy) {
        double loss = 0;
        if (within) {
          stress_loss(context, MatrixView<const double>(x.data(), n, q), target, options,
                      VectorView<double>(&loss, 1), gx);
        } else {
          stress_loss(context, MatrixView<const double>(x.data(), n, q),
                      MatrixView<const double>(y.data(), m, q), target, options,
                      VectorView<double>(&loss, 1), gx, gy);
        }
        return loss;
      };
      evaluate({grad_x.data(), n, q}, {grad_y.data(), m, q});
      const auto loss = [&] { return evaluate({}, {}); };
      expect_central_differences(loss, x, grad_x, 1e-5, 1e-8, 3);
      if (!within) expect_central_differences(loss, y, grad_y, 1e-5, 1e-8, 3);
    }
  }
}

}  // namespace
}  // namespace clipk::test
