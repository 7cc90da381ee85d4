#include "clipk/ops/target_distribution.hpp"

#include <cmath>
#include <string>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

// Rows that sum to 1, with one heavy column.
std::vector<float> shares(std::int64_t n, std::int64_t k, std::uint64_t seed) {
  std::vector<float> q = normals(n * k, seed);
  for (std::int64_t i = 0; i < n; ++i) {
    float* const row = q.data() + i * k;
    double sum = 0;
    for (std::int64_t j = 0; j < k; ++j) {
      row[j] = row[j] * row[j] + (j == i % k || j == 0 ? 3.F : 0.01F);
      sum += static_cast<double>(row[j]);
    }
    for (std::int64_t j = 0; j < k; ++j) row[j] = static_cast<float>(row[j] / sum);
  }
  return q;
}

template <class T>
std::vector<T> column_sums(const std::vector<T>& q, std::int64_t k) {
  std::vector<T> sums(static_cast<std::size_t>(k));
  for (std::size_t at = 0; at < q.size(); ++at) sums[at % static_cast<std::size_t>(k)] += q[at];
  return sums;
}

template <class T>
void normalize(std::vector<T>& p, std::int64_t k) {
  for (auto row = p.begin(); row != p.end(); row += k) {
    T sum = 0;
    for (std::int64_t j = 0; j < k; ++j) sum += row[j];
    for (std::int64_t j = 0; j < k; ++j) row[j] /= sum;
  }
}

template <class T>
std::vector<T> plain_target(std::vector<T> q, const std::vector<T>& sums, std::int64_t k) {
  for (std::size_t at = 0; at < q.size(); ++at) {
    q[at] = q[at] * q[at] / sums[at % static_cast<std::size_t>(k)];
  }
  normalize(q, k);
  return q;
}

template <class T>
std::vector<T> plain_balanced(std::vector<T> p, std::int64_t k, double power, int iterations) {
  const T wanted = static_cast<T>(p.size()) / static_cast<T>(k) / static_cast<T>(k);
  for (T& value : p) value = static_cast<T>(std::pow(static_cast<double>(value), power));
  normalize(p, k);
  for (int i = 0; i < iterations; ++i) {
    const std::vector<T> sums = column_sums(p, k);
    for (std::size_t at = 0; at < p.size(); ++at) {
      p[at] *= wanted / sums[at % static_cast<std::size_t>(k)];
    }
    normalize(p, k);
  }
  return p;
}

class TargetDistribution : public DeviceTest {
 protected:
  std::vector<std::pair<std::int64_t, std::int64_t>> shapes() const {
    if (simt()) return {{1, 1}, {33, 10}, {70, 3}};
    return {{1, 1}, {2, 17}, {17, 2}, {113, 10}, {257, 300}, {1021, 10}, {70001, 3}};
  }
};

TEST_P(TargetDistribution, FollowsPlainLoops) {
  for (const auto& [n, k] : shapes()) {
    SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(k));
    const std::vector<float> q = shares(n, k, 1);
    const auto sums = column_sums(converted<double>(q), k);
    const auto plain = plain_target(q, converted<float>(sums), k);
    const auto exact = plain_target(converted<double>(q), sums, k);
    for (const std::int64_t padding : {0, 3}) {
      Guarded<float> dq(context(), n, k, q, padding), p(context(), n, k, padding);
      Guarded<double> f(context(), 1, k, sums);
      target_distribution(context(), dq.view(), f.flat(), p.view());
      expect_as_good_as(p.values(), plain, exact, "p");
      target_distribution(context(), dq.view(), f.flat(), dq.view());
      EXPECT_EQ(dq.values(), p.values());
    }
  }
}

TEST_P(TargetDistribution, BalancedFollowsPlainLoops) {
  for (const auto& [n, k] : shapes()) {
    for (const float power : {2.F, 1.3F}) {
      SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(k));
      const int iterations = simt() ? 3 : 7;
      const std::vector<float> q = shares(n, k, 2);
      const auto plain = plain_balanced(q, k, power, iterations);
      const auto exact = plain_balanced(converted<double>(q), k, power, iterations);
      Guarded<float> dq(context(), n, k, q, 1), p(context(), n, k, 2);
      Guarded<double> sums(context(), 1, k);
      balanced_target(context(), dq.view(), {.power = power, .iterations = iterations}, p.view(),
                      sums.flat());
      expect_as_good_as(p.values(), plain, exact, "p");
      const auto reached = column_sums(exact, k);
      for (std::size_t j = 0; j < reached.size(); ++j) {
        EXPECT_NEAR(sums.values()[j], reached[j], 1e-5 * static_cast<double>(n));
      }
      balanced_target(context(), dq.view(), {.power = power, .iterations = iterations}, dq.view(),
                      {});
      EXPECT_EQ(dq.values(), p.values());
    }
  }
}

TEST_P(TargetDistribution, BalancedReachesEqualColumns) {
  const std::int64_t n = simt() ? 40 : 3000, k = 5;
  Guarded<float> q(context(), n, k, shares(n, k, 3)), p(context(), n, k);
  Guarded<double> sums(context(), 1, k);
  balanced_target(context(), q.view(), {.iterations = simt() ? 30 : 100}, p.view(), sums.flat());
  for (const double sum : sums.values()) {
    EXPECT_NEAR(sum, static_cast<double>(n) / k, 1e-3 * static_cast<double>(n));
  }
  const auto values = p.values();
  for (std::int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < k; ++j) sum += values[static_cast<std::size_t>(i * k + j)];
    EXPECT_NEAR(sum, 1, 1e-6);
  }
}

TEST_P(TargetDistribution, RowsAndColumnsOfZerosStayFinite) {
  Guarded<float> q(context(), 3, 3, {0, 0, 0, 0.5F, 0.5F, 0, 0.25F, 0.75F, 0}), p(context(), 3, 3);
  Guarded<double> sums(context(), 1, 3);
  balanced_target(context(), q.view(), {}, p.view(), sums.flat());
  const auto values = p.values();
  for (int j = 0; j < 3; ++j) EXPECT_FLOAT_EQ(values[static_cast<std::size_t>(j)], 1.F / 3);
  EXPECT_EQ(values[5], 0);
  EXPECT_EQ(values[8], 0);
  double total = 0;
  for (const double sum : sums.values()) total += sum;
  EXPECT_NEAR(total, 3, 1e-9);
}

TEST_P(TargetDistribution, OneAndTwoThreadsGiveTheSameBytes) {
  if (!on_cpu()) GTEST_SKIP() << "threads of the CPU";
  const std::int64_t n = 20000, k = 7;
  const std::vector<float> q = shares(n, k, 4);
  const auto sums = column_sums(converted<double>(q), k);
  const auto run = [&](int threads) {
    Context some = Context::cpu({.threads = threads});
    Guarded<float> dq(some, n, k, q), p(some, n, k), balanced(some, n, k);
    Guarded<double> f(some, 1, k, sums);
    target_distribution(some, dq.view(), f.flat(), p.view());
    balanced_target(some, dq.view(), {}, balanced.view(), f.flat());
    return std::tuple(p.values(), balanced.values(), f.values());
  };
  EXPECT_EQ(run(1), run(2));
}

TEST_P(TargetDistribution, WhatDoesNotFitIsNamed) {
  Matrix<float> q(context(), 4, 3), p(context(), 3, 4);
  Matrix<double> sums(context(), 1, 3);
  EXPECT_EQ(error_of([&] { target_distribution(context(), q, sums.flat(), p); }),
            "target_distribution: expected p of shape [4, 3], got [3, 4]");
  EXPECT_EQ(error_of([&] { balanced_target(context(), q, {.iterations = 0}, q, {}); }),
            "balanced_target: expected at least 1 iteration, got 0");
  EXPECT_EQ(error_of([&] { balanced_target(context(), q, {.power = 0}, q, {}); }),
            "balanced_target: expected power above 0, got 0.000000");
}

CLIPK_INSTANTIATE_DEVICE_TEST(TargetDistribution);

}  // namespace
}  // namespace clipk::test
