#include "clipk/metrics/false_discovery.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "golden/correlation.inc"
#include "support/error_of.hpp"
#include "support/uniform_rows.hpp"

namespace clipk::test {
namespace {

std::vector<double> cubes() {
  const Matrix<float> rows = uniform_rows(60, 1, 31);
  std::vector<double> p;
  for (std::int64_t i = 0; i < 60; ++i) {
    p.insert(p.end(), 2, std::pow(std::abs(static_cast<double>(rows(i, 0))), 3));
  }
  return p;
}

TEST(FalseDiscovery, EqualsScipy) {
  const std::vector<double> p = cubes();
  const auto check = [&](FalseDiscovery rule, const auto& expected) {
    const std::vector<double> q = false_discovery_adjusted(p, rule);
    ASSERT_EQ(q.size(), expected.size());
    for (std::size_t i = 0; i < q.size(); ++i) {
      EXPECT_NEAR(q[i], expected[i], 1e-14 + 1e-13 * expected[i]) << i;
    }
  };
  check(FalseDiscovery::benjamini_hochberg, golden::benjamini_hochberg);
  check(FalseDiscovery::benjamini_yekutieli, golden::benjamini_yekutieli);
}

TEST(FalseDiscovery, ByHand) {
  const std::vector<double> p{0.0625, 0.25, 0.1875, 0.5};
  EXPECT_EQ(false_discovery_adjusted(p), (std::vector<double>{0.25, 1.0 / 3, 1.0 / 3, 0.5}));
  EXPECT_TRUE(false_discovery_adjusted({}).empty());
  const std::vector<double> one{0.3}, all(7, 1.0);
  EXPECT_EQ(false_discovery_adjusted(one), one);
  EXPECT_EQ(false_discovery_adjusted(one, FalseDiscovery::benjamini_yekutieli), one);
  EXPECT_EQ(false_discovery_adjusted(all, FalseDiscovery::benjamini_yekutieli), all);
}

TEST(FalseDiscovery, RefusesWhatIsNoProbability) {
  for (const auto& [value, text] :
       {std::pair{-0.5, "-0.500000"}, std::pair{1.5, "1.500000"}, std::pair{std::nan(""), "nan"}}) {
    EXPECT_EQ(error_of([&] {
                const std::vector<double> p{0.5, value};
                false_discovery_adjusted(p);
              }),
              "false_discovery_adjusted: expected p-values from 0 to 1, got " + std::string(text) +
                  " at 1");
  }
}

}  // namespace
}  // namespace clipk::test
