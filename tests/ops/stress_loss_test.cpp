#include "clipk/ops/stress_loss.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/random_distances.hpp"

namespace clipk::test {
namespace {

struct Size {
  std::int64_t n, m, q;
};

// What the operation computes, with the gradient of both sides.
template <class T>
struct Result {
  T loss = 0;
  std::vector<T> grad_x, grad_y;
};

// The definition, one e_ij after another, in the type it is given. Within one set y is x and grad_y
// unused.
template <class T>
Result<T> plain_stress(const std::vector<float>& x, const std::vector<float>& y, Size size,
                       bool within, const std::vector<float>& target,
                       const StressOptions& options) {
  const auto [n, m, q] = size;
  Result<T> result;
  result.grad_x.resize(x.size());
  result.grad_y.resize(y.size());
  std::vector<T>& other = within ? result.grad_x : result.grad_y;
  const T pairs = static_cast<T>(n) * static_cast<T>(within ? n - 1 : m);
  double loss = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < m; ++j) {
      if (within && i == j) continue;
      T squared = 0;
      for (std::int64_t k = 0; k < q; ++k) {
        const T difference = static_cast<T>(x[i * q + k]) - static_cast<T>(y[j * q + k]);
        squared += difference * difference;
      }
      const T e = std::sqrt(squared);
      const T d = target[i * m + j];
      const T w = !options.sammon ? T{1} : d == 0 ? T{0} : T{1} / d;
      const T difference = e - static_cast<T>(options.scale) * d;
      loss += static_cast<double>(w * difference * difference);
      if (e == 0) continue;
      const T c = static_cast<T>(options.weight) / pairs * 2 * w * difference / e;
      for (std::int64_t k = 0; k < q; ++k) {
        const T part = c * (static_cast<T>(x[i * q + k]) - static_cast<T>(y[j * q + k]));
        result.grad_x[i * q + k] += part;
        other[j * q + k] -= part;
      }
    }
  }
  result.loss =
      static_cast<T>(static_cast<double>(options.weight) * loss / static_cast<double>(pairs));
  return result;
}

class StressLoss : public DeviceTest {
 protected:
  // Runs on the device into outputs that already hold something, and takes that off again.
  Result<float> run(const std::vector<float>& x, const std::vector<float>& y, Size size,
                    bool within, const std::vector<float>& target, const StressOptions& options,
                    std::int64_t padding = 3) {
    return run_in(context(), x, y, size, within, target, options, padding);
  }
  static Result<float> run_in(Context& context, const std::vector<float>& x,
                              const std::vector<float>& y, Size size, bool within,
                              const std::vector<float>& target, const StressOptions& options,
                              std::int64_t padding = 3) {
    const auto [n, m, q] = size;
    Guarded<float> gx(context, n, q, x, padding), gy(context, m, q, y, padding);
    Guarded<float> gt(context, n, m, target, padding);
    Guarded<double> loss(context, 1, 1, std::vector<double>{0.5});
    Guarded<float> grad_x(context, n, q, std::vector<float>(x.size()), padding);
    Guarded<float> grad_y(context, m, q, std::vector<float>(y.size()), padding);
    const TargetDistances wanted{.distances = gt.view()};
    if (within) {
      stress_loss(context, gx.view(), wanted, options, loss.flat(), grad_x.view());
    } else {
      stress_loss(context, gx.view(), gy.view(), wanted, options, loss.flat(), grad_x.view(),
                  grad_y.view());
    }
    return {static_cast<float>(loss.values()[0] - 0.5), grad_x.values(), grad_y.values()};
  }

  void compare(const std::vector<float>& x, const std::vector<float>& y, Size size, bool within,
               const std::vector<float>& target, const StressOptions& options,
               std::int64_t padding = 3) {
    SCOPED_TRACE("n " + std::to_string(size.n) + " m " + std::to_string(size.m) + " q " +
                 std::to_string(size.q) + (within ? " within" : "") +
                 (options.sammon ? " sammon" : ""));
    const Result<double> right = plain_stress<double>(x, y, size, within, target, options);
    const Result<float> plain = plain_stress<float>(x, y, size, within, target, options);
    const Result<float> got = run(x, y, size, within, target, options, padding);
    expect_as_good_as<float>({got.loss}, {plain.loss}, {right.loss}, "loss");
    expect_as_good_as(got.grad_x, plain.grad_x, right.grad_x, "grad_x");
    if (!within) expect_as_good_as(got.grad_y, plain.grad_y, right.grad_y, "grad_y");
  }
};

const Size kSizes[] = {{1, 1, 1},     {1, 5, 3},       {2, 2, 2},     {17, 113, 5},
                       {113, 17, 64}, {257, 67, 8},    {70, 257, 33}, {1021, 257, 16},
                       {30, 70, 150}, {200, 1100, 130}};

TEST_P(StressLoss, FollowsTheDefinitionBetweenTwoSets) {
  for (const Size size : kSizes) {
    if (simt() && size.n * size.m * size.q > 600000) continue;
    const std::vector<float> x = normals(size.n * size.q, 1), y = normals(size.m * size.q, 2);
    const std::vector<float> target = positive(size.n * size.m, 3);
    for (const bool sammon : {false, true}) {
      compare(x, y, size, false, target, {.weight = 2.5F, .scale = 0.75F, .sammon = sammon});
    }
  }
}

TEST_P(StressLoss, FollowsTheDefinitionWithinOneSet) {
  for (const Size size : {Size{2, 2, 3}, Size{17, 17, 5}, Size{113, 113, 64}, Size{257, 257, 16},
                          Size{700, 700, 32}, Size{1500, 1500, 2}}) {
    if (simt() && size.n > 130) continue;
    const std::vector<float> x = normals(size.n * size.q, 4);
    const std::vector<float> target = symmetric(size.n, 5);
    for (const bool sammon : {false, true}) {
      compare(x, x, size, true, target, {.weight = 0.5F, .scale = 1.25F, .sammon = sammon});
    }
  }
}

// So many tiles that a block of the kernel walks over several.
TEST_P(StressLoss, LongWalks) {
  const Size size{1400, 1350, 3};
  const std::vector<float> x = normals(size.n * size.q, 1), y = normals(size.m * size.q, 2);
  compare(x, y, size, false, positive(size.n * size.m, 3), {});
  if (!simt()) compare(x, x, {1400, 1400, 3}, true, symmetric(1400, 4), {});
}

// The products of a GPU in few bits: each within its own bound.
TEST_P(StressLoss, FastPrecisionsStayWithinTheirBounds) {
  if (on_cpu()) return;
  for (const Precision precision : {Precision::tf32, Precision::bf16}) {
    const double bound = precision == Precision::tf32 ? 1e-3 : 8e-3;
    Context fast = Context::cuda({.precision = precision});
    for (const Size size : {Size{70, 130, 16}, Size{130, 70, 64}, Size{65, 65, 150}}) {
      const bool within = size.n == size.m;
      SCOPED_TRACE(std::string(to_string(precision)) + " q " + std::to_string(size.q));
      const std::vector<float> x = normals(size.n * size.q, 1), y = normals(size.m * size.q, 2);
      const std::vector<float> target =
          within ? symmetric(size.n, 3) : positive(size.n * size.m, 3);
      const std::vector<float>& other = within ? x : y;
      const Result<double> right = plain_stress<double>(x, other, size, within, target, {});
      const Result<float> got = run_in(fast, x, other, size, within, target, {});
      EXPECT_NEAR(got.loss, right.loss, bound * right.loss);
      EXPECT_LE(max_error(got.grad_x, right.grad_x), bound * largest_of(right.grad_x));
      if (within) continue;
      EXPECT_LE(max_error(got.grad_y, right.grad_y), bound * largest_of(right.grad_y));
    }
  }
}

TEST_P(StressLoss, ContiguousRowsGiveTheSameAsPaddedOnes) {
  const Size size{64, 96, 32};
  const std::vector<float> x = normals(64 * 32, 1), y = normals(96 * 32, 2);
  const std::vector<float> target = positive(64 * 96, 3);
  compare(x, y, size, false, target, {}, 0);
  compare(x, y, size, false, target, {}, 4);
  compare(x, y, size, false, target, {}, 1);
}

// Where the expanded form of the distance cancels: a common offset, and twins a hair apart.
TEST_P(StressLoss, NearPairsAndOffsetsDoNotCancel) {
  const Size size{60, 90, 16};
  std::vector<float> x = normals(60 * 16, 6), y = normals(90 * 16, 7);
  for (std::int64_t i = 0; i < 30; ++i) {
    for (std::int64_t k = 0; k < 16; ++k) {
      y[static_cast<std::size_t>(i * 16 + k)] =
          x[static_cast<std::size_t>(i * 16 + k)] + (k == 0 ? 1e-4F * static_cast<float>(i) : 0);
    }
  }
  const std::vector<float> target = positive(60 * 90, 8);
  compare(x, y, size, false, target, {});
  for (float& value : x) value += 10;
  for (float& value : y) value += 10;
  compare(x, y, size, false, target, {});
}

TEST_P(StressLoss, EqualPointsContributeToTheLossAlone) {
  const Size size{3, 4, 2};
  const std::vector<float> x(6, 1.5F), y(8, 1.5F);
  const std::vector<float> target(12, 2.0F);
  const Result<float> got = run(x, y, size, false, target, {});
  EXPECT_EQ(got.loss, 4.0F);
  EXPECT_EQ(got.grad_x, std::vector<float>(6));
  EXPECT_EQ(got.grad_y, std::vector<float>(8));
  const Result<float> within = run(x, x, {3, 3, 2}, true, symmetric(3, 1), {});
  EXPECT_EQ(within.grad_x, std::vector<float>(6));
}

TEST_P(StressLoss, SammonSkipsTargetsOfZero) {
  const Size size{20, 30, 4};
  const std::vector<float> x = normals(80, 1), y = normals(120, 2);
  std::vector<float> target = positive(600, 3);
  for (std::size_t i = 0; i < target.size(); i += 7) target[i] = 0;
  compare(x, y, size, false, target, {.sammon = true});
}

// The target from rows must be the stored matrix of the same rows.
TEST_P(StressLoss, TargetFromRowsIsTheStoredOne) {
  const std::int64_t n = 75, m = 140, q = 8, d = 21;
  const std::vector<float> x = normals(n * q, 1), y = normals(m * q, 2);
  const std::vector<float> rows_x = normals(n * d, 3), rows_y = normals(m * d, 4);
  for (const Metric metric : {Metric::squared_euclidean, Metric::euclidean, Metric::cosine}) {
    for (const bool within : {false, true}) {
      const std::int64_t cols = within ? n : m;
      const std::vector<float>& other = within ? rows_x : rows_y;
      std::vector<float> target(static_cast<std::size_t>(n * cols));
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t j = 0; j < cols; ++j) {
          double squared = 0, dot = 0, xx = 0, yy = 0;
          for (std::int64_t k = 0; k < d; ++k) {
            const double a = rows_x[i * d + k], b = other[j * d + k];
            squared += (a - b) * (a - b);
            dot += a * b;
            xx += a * a;
            yy += b * b;
          }
          target[i * cols + j] =
              static_cast<float>(metric == Metric::squared_euclidean ? squared
                                 : metric == Metric::euclidean       ? std::sqrt(squared)
                                                               : 1 - dot / std::sqrt(xx * yy));
        }
      }
      const Size size{n, cols, q};
      const std::vector<float>& codes = within ? x : y;
      const Result<double> right = plain_stress<double>(x, codes, size, within, target, {});
      const Result<float> plain = plain_stress<float>(x, codes, size, within, target, {});
      Guarded<float> gx(context(), n, q, x), gy(context(), m, q, y);
      Guarded<float> gr(context(), n, d, rows_x, 2), gs(context(), m, d, rows_y);
      Guarded<double> loss(context(), 1, 1, std::vector<double>{0});
      Guarded<float> grad_x(context(), n, q, std::vector<float>(x.size()));
      Guarded<float> grad_y(context(), m, q, std::vector<float>(y.size()));
      if (within) {
        stress_loss(context(), gx.view(), {.rows_x = gr.view(), .metric = metric}, {}, loss.flat(),
                    grad_x.view());
      } else {
        stress_loss(context(), gx.view(), gy.view(),
                    {.rows_x = gr.view(), .rows_y = gs.view(), .metric = metric}, {}, loss.flat(),
                    grad_x.view(), grad_y.view());
      }
      SCOPED_TRACE("metric " + std::to_string(static_cast<int>(metric)) +
                   (within ? " within" : ""));
      expect_as_good_as<float>({static_cast<float>(loss.values()[0])}, {plain.loss}, {right.loss},
                               "loss");
      expect_as_good_as(grad_x.values(), plain.grad_x, right.grad_x, "grad_x");
      if (!within) expect_as_good_as(grad_y.values(), plain.grad_y, right.grad_y, "grad_y");
    }
  }
}

TEST_P(StressLoss, EitherGradientMayBeLeftOut) {
  const std::int64_t n = 40, m = 50, q = 6;
  Guarded<float> x(context(), n, q, normals(n * q, 1)), y(context(), m, q, normals(m * q, 2));
  Guarded<float> d(context(), n, m, positive(n * m, 3));
  Guarded<double> loss(context(), 1, 4, {0.0, 0.0, 0.0, 0.0});
  Guarded<float> both_x(context(), n, q, std::vector<float>(n * q));
  Guarded<float> both_y(context(), m, q, std::vector<float>(m * q));
  Guarded<float> only_x(context(), n, q, std::vector<float>(n * q));
  Guarded<float> only_y(context(), m, q, std::vector<float>(m * q));
  const TargetDistances target{.distances = d.view()};
  const MatrixView<float> none;
  const auto call = [&](std::int64_t i, MatrixView<float> gx, MatrixView<float> gy) {
    stress_loss(context(), x.view(), y.view(), target, {}, loss.flat().slice(i, 1), gx, gy);
  };
  call(0, both_x.view(), both_y.view());
  call(1, only_x.view(), none);
  call(2, none, only_y.view());
  call(3, none, none);
  EXPECT_EQ(both_x.values(), only_x.values());
  EXPECT_EQ(both_y.values(), only_y.values());
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(loss.values()[i], loss.values()[0]);
}

TEST_P(StressLoss, NothingToDoIsFine) {
  Matrix<float> none(context(), 0, 4), some(context(), 3, 4), one(context(), 1, 4);
  Matrix<float> d(context(), 1, 1);
  Matrix<double> loss(context(), 1, 1);
  stress_loss(context(), none, some, {}, {}, loss.flat(), none, some);
  stress_loss(context(), some, none, {}, {}, loss.flat(), some, none);
  stress_loss(context(), none, {}, {}, loss.flat(), none);
  stress_loss(context(), one, {.distances = d}, {}, loss.flat(), one);
  EXPECT_EQ(loss.to_host(context())(0, 0), 0.0);
}

TEST_P(StressLoss, NaNComesThrough) {
  std::vector<float> x = normals(40, 1);
  x[7] = NAN;
  const Result<float> got = run(x, normals(60, 2), {10, 15, 4}, false, positive(150, 3), {});
  EXPECT_TRUE(std::isnan(got.loss));
  EXPECT_TRUE(std::isnan(got.grad_x[4]));
}

TEST_P(StressLoss, BadInputIsNamed) {
  Matrix<float> x(context(), 3, 4), y(context(), 5, 6), d(context(), 3, 4),
      no_cols(context(), 3, 0);
  Matrix<double> loss(context(), 1, 1);
  EXPECT_EQ(error_of([&] { stress_loss(context(), x, y, {}, {}, loss.flat(), x, y); }),
            "stress_loss: expected y of shape [5, 4], got [5, 6]");
  EXPECT_EQ(error_of([&] { stress_loss(context(), x, {.distances = d}, {}, loss.flat(), x); }),
            "stress_loss: expected target.distances of shape [3, 3], got [3, 4]");
  EXPECT_EQ(error_of([&] { stress_loss(context(), x, {.rows_x = y}, {}, loss.flat(), x); }),
            "stress_loss: expected target.rows_x of shape [3, 6], got [5, 6]");
  EXPECT_EQ(error_of([&] { stress_loss(context(), x, {}, {}, loss.flat(), x); }),
            "stress_loss: expected target.rows_x of shape [3, 0], got [0, 0]");
  EXPECT_EQ(error_of([&] { stress_loss(context(), no_cols, {}, {}, loss.flat(), no_cols); }),
            "stress_loss: expected codes of at least 1 column, got 0");
  if (on_cpu()) {
    EXPECT_EQ(error_of([&] {
                stress_loss(context(), x, {.rows_x = x, .metric = Metric::cosine}, {}, loss.flat(),
                            x);
              }),
              "stress_loss: expected rows of the rows with a length above zero under cosine, got "
              "zero in row 0");
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(StressLoss);

}  // namespace
}  // namespace clipk::test
