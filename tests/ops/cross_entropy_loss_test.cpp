#include "clipk/ops/cross_entropy_loss.hpp"

#include <cmath>

#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr float kWeight = 0.75F;

std::vector<std::int32_t> some_labels(std::int64_t n, std::int64_t k, bool with_unknown = true) {
  Random random(7, RandomStream::data);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(n));
  for (std::int32_t& label : labels) {
    label = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(k)));
    if (with_unknown && random.below(5) == 0) label = -1;
  }
  return labels;
}

// Plain loops, in the type they are given.
template <class T>
T plain_entropy(const std::vector<float>& logits, const std::vector<std::int32_t>& labels,
                Reduction reduction, std::vector<T>& grad) {
  const std::size_t k = logits.size() / labels.size();
  T known = 0, sum = 0;
  for (const std::int32_t label : labels) known += label >= 0 ? 1 : 0;
  const T share =
      static_cast<T>(kWeight) / (reduction == Reduction::mean && known > 0 ? known : T{1});
  grad.assign(logits.size(), 0);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0) continue;
    T top = static_cast<T>(logits[i * k]), total = 0;
    for (std::size_t j = 0; j < k; ++j) top = std::max(top, static_cast<T>(logits[i * k + j]));
    for (std::size_t j = 0; j < k; ++j) {
      total += grad[i * k + j] = std::exp(static_cast<T>(logits[i * k + j]) - top);
    }
    for (std::size_t j = 0; j < k; ++j) grad[i * k + j] *= share / total;
    const std::size_t of_label = i * k + static_cast<std::size_t>(labels[i]);
    grad[of_label] -= share;
    sum += std::log(total) - (static_cast<T>(logits[of_label]) - top);
  }
  return share * sum;
}

class CrossEntropyLoss : public DeviceTest {
 protected:
  struct Result {
    std::vector<double> loss;
    std::vector<float> grad;
  };
  Result run(Context& some, std::int64_t n, std::int64_t k, const std::vector<float>& logits,
             const std::vector<std::int32_t>& labels, Reduction reduction = Reduction::mean) {
    Guarded<float> y(some, n, k, logits), grad(some, n, k);
    Guarded<std::int32_t> classes(some, 1, n, labels);
    Guarded<double> loss(some, 1, 1, std::vector<double>{0});
    cross_entropy_loss(some, y.view(), classes.flat(), reduction, kWeight, loss.flat(),
                       grad.view());
    return {loss.values(), grad.values()};
  }
  Result run(std::int64_t n, std::int64_t k, const std::vector<float>& logits,
             const std::vector<std::int32_t>& labels, Reduction reduction = Reduction::mean) {
    return run(context(), n, k, logits, labels, reduction);
  }
};

TEST_P(CrossEntropyLoss, ValueAndGradientFollowPlainLoops) {
  const std::int64_t shapes[][2] = {{1, 1},    {1, 2},    {2, 17},   {17, 2},  {113, 64},
                                    {257, 33}, {1021, 5}, {3, 1021}, {5, 257}, {70000, 3},
                                    {9, 2048}, {300, 10}, {8500, 17}};
  for (const auto& [n, k] : shapes) {
    if (simt() && n > 10000) continue;
    for (const std::int64_t padding : {0, 3, 4}) {
      for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
        // Once on the harness: more rows than the blocks of a launch take in one round.
        if (simt() && n * k > 5000 && (padding > 0 || reduction == Reduction::sum)) continue;
        SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(k));
        const std::vector<float> y = normals(n * k, 1, 4);
        const std::vector<std::int32_t> labels = some_labels(n, k);
        std::vector<float> plain;
        std::vector<double> exact;
        const float plain_loss = plain_entropy(y, labels, reduction, plain);
        const double exact_loss = plain_entropy(y, labels, reduction, exact);
        Guarded<float> dy(context(), n, k, y, padding), grad(context(), n, k, padding);
        Guarded<std::int32_t> dl(context(), 1, n, labels);
        Guarded<double> loss(context(), 1, 1, std::vector<double>{100});
        cross_entropy_loss(context(), dy.view(), dl.flat(), reduction, kWeight, loss.flat(),
                           grad.view());
        expect_as_good_as(grad.values(), plain, exact, "gradient");
        expect_as_good_as(std::vector<double>{loss.values()[0] - 100}, {plain_loss}, {exact_loss},
                          "loss");
        // Without a gradient, and with the gradient in place of the logits.
        cross_entropy_loss(context(), dy.view(), dl.flat(), reduction, kWeight, loss.flat(), {});
        EXPECT_EQ(dy.values(), y);
        cross_entropy_loss(context(), dy.view(), dl.flat(), reduction, kWeight, loss.flat(),
                           dy.view());
        EXPECT_EQ(dy.values(), grad.values());
        EXPECT_NEAR(loss.values()[0], 100 + 3 * exact_loss, 3e-6 * (1 + exact_loss));
      }
    }
  }
}

TEST_P(CrossEntropyLoss, GradientFollowsCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  constexpr std::int64_t kRows = 5, kClasses = 7;
  Matrix<double> y(kRows, kClasses), grad(kRows, kClasses), loss(1, 1);
  const std::vector<double> values = normals<double>(kRows * kClasses, 1);
  std::copy(values.begin(), values.end(), y.data());
  const std::vector<std::int32_t> labels{3, -1, 0, 6, 3};
  const VectorView<const std::int32_t> classes(labels.data(), kRows);
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    const auto value = [&] {
      loss(0, 0) = 0;
      cross_entropy_loss(context(), y, classes, reduction, 1.5, loss.flat(), {});
      return loss(0, 0);
    };
    cross_entropy_loss(context(), y, classes, reduction, 1.5, loss.flat(), grad.view());
    expect_central_differences(value, y.flat(), grad.flat(), 1e-6, 1e-8);
  }
}

// The largest logit is subtracted: nothing overflows, and a logit far below adds nothing.
TEST_P(CrossEntropyLoss, LargeLogits) {
  const Result r =
      run(3, 4, {1e4F, 1e4F, -1e4F, 0, 88, 89, 90, 3e38F, -3e38F, -3e38F, -3e38F, -3e38F},
          {0, 3, 1}, Reduction::sum);
  EXPECT_NEAR(r.loss[0], kWeight * (std::log(2.) + std::log(4.)), 1e-6);
  const std::vector<double> expected{-.5, .5, 0, 0, 0, 0, 0, 0, .25, -.75, .25, .25};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(r.grad[i], kWeight * expected[i], 1e-7) << i;
  }
  // A class that is impossible costs infinitely much where it is the label, nothing elsewhere.
  EXPECT_NEAR(run(1, 2, {-INFINITY, 3}, {1}).loss[0], 0, 0);
  EXPECT_EQ(run(1, 2, {-INFINITY, 3}, {0}).loss[0], INFINITY);
}

TEST_P(CrossEntropyLoss, NanStaysNan) {
  for (const std::int64_t k : {3, 8, 40, 200}) {
    for (const std::int64_t bad : {std::int64_t{0}, k / 2, k - 1}) {
      std::vector<float> y = normals(3 * k, 1);
      y[static_cast<std::size_t>(k + bad)] = NAN;
      const Result r = run(3, k, y, {0, 1, 2});
      EXPECT_TRUE(std::isnan(r.loss[0]));
      EXPECT_TRUE(std::isnan(r.grad[static_cast<std::size_t>(k)]));
      EXPECT_TRUE(std::isfinite(r.grad[0]));
      EXPECT_TRUE(std::isfinite(run(3, k, y, {0, -1, 2}).loss[0]));  // not known: not looked at
    }
  }
}

TEST_P(CrossEntropyLoss, RowsThatAreLeftOutCountNothing) {
  constexpr std::int64_t kRows = 6, kClasses = 5;
  const std::vector<float> y = normals(kRows * kClasses, 1);
  const Result some = run(kRows, kClasses, y, {1, -1, 4, -7, -1, 0});
  std::vector<float> kept;
  for (const std::int64_t i : {0, 2, 5}) {
    kept.insert(kept.end(), y.begin() + i * kClasses, y.begin() + (i + 1) * kClasses);
  }
  const Result alone = run(3, kClasses, kept, {1, 4, 0});
  EXPECT_NEAR(some.loss[0], alone.loss[0], 1e-15);
  for (std::size_t j = 0; j < kClasses; ++j) {
    EXPECT_EQ(some.grad[j], alone.grad[j]);
    EXPECT_EQ(some.grad[kClasses + j], 0);
    EXPECT_EQ(some.grad[2 * kClasses + j], alone.grad[kClasses + j]);
  }
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    const Result none = run(2, 3, normals(6, 1), {-1, -1}, reduction);
    EXPECT_EQ(none.loss[0], 0);
    EXPECT_EQ(none.grad, std::vector<float>(6));
  }
}

TEST_P(CrossEntropyLoss, EmptyAddsNothing) {
  Matrix<float> none(context(), 0, 4), narrow(context(), 4, 0);
  Matrix<std::int32_t> labels(context(), 1, 4);
  Guarded<double> loss(context(), 1, 1, std::vector<double>{3});
  cross_entropy_loss(context(), none, labels.flat().slice(0, 0), Reduction::mean, 1, loss.flat(),
                     {});
  cross_entropy_loss(context(), narrow, labels.flat(), Reduction::sum, 1, loss.flat(), {});
  EXPECT_EQ(loss.values()[0], 3);
}

TEST_P(CrossEntropyLoss, OneAndTwoThreadsGiveTheSameBytes) {
  if (!on_cpu()) GTEST_SKIP() << "threads of the CPU";
  const std::vector<float> y = normals(1300 * 37, 1);
  const std::vector<std::int32_t> labels = some_labels(1300, 37);
  Context one = Context::cpu({.threads = 1}), two = Context::cpu({.threads = 2});
  const Result a = run(one, 1300, 37, y, labels), b = run(two, 1300, 37, y, labels);
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.grad, b.grad);
}

TEST_P(CrossEntropyLoss, BadArgumentsAreNamed) {
  Matrix<float> y(context(), 4, 3), grad(context(), 3, 4);
  Matrix<std::int32_t> labels(context(), 1, 4);
  Matrix<double> loss(context(), 1, 1);
  EXPECT_EQ(error_of([&] {
              cross_entropy_loss(context(), y, labels.flat().slice(0, 3), Reduction::mean, 1,
                                 loss.flat(), {});
            }),
            "cross_entropy_loss: expected labels of size 4, got 3");
  EXPECT_EQ(error_of([&] {
              cross_entropy_loss(context(), y, labels.flat(), Reduction::mean, 1, loss.flat(),
                                 grad.view());
            }),
            "cross_entropy_loss: expected grad of shape [4, 3], got [3, 4]");
}

TEST_P(CrossEntropyLoss, ALabelOutOfRange) {
  if (on_cpu()) {
    EXPECT_EQ(error_of([&] {
                run(2, 3, normals(6, 1), {0, 3});
              }),
              "cross_entropy_loss: expected labels below 3, got 3 in row 1");
    return;
  }
  const Result r = run(2, 3, normals(6, 1), {0, 3});
  EXPECT_TRUE(std::isnan(r.loss[0]));
  EXPECT_TRUE(std::isfinite(r.grad[2]));
  EXPECT_TRUE(std::isnan(r.grad[3]));
}

CLIPK_INSTANTIATE_DEVICE_TEST(CrossEntropyLoss);

}  // namespace
}  // namespace clipk::test
