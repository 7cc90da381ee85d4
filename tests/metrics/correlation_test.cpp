#include "clipk/metrics/correlation.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>

#include "golden/correlation.inc"
#include "metrics/labelings.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"
#include "support/uniform_rows.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 2) {
  return Context::cpu({.threads = threads});
}

// related() of tests/golden/make_correlation.py.
std::pair<Matrix<float>, Matrix<float>> related(std::int64_t n, std::int64_t cols, double share) {
  Matrix<float> x = uniform_rows(n, cols, 11), y = uniform_rows(n, cols, 12);
  for (std::int64_t i = 0; i < n * cols; ++i) {
    const double sum = static_cast<double>(x.data()[i]) * share + static_cast<double>(y.data()[i]);
    y.data()[i] = static_cast<float>(1000 + sum);
  }
  return {std::move(x), std::move(y)};
}

Matrix<float> steps(const Matrix<float>& x, double offset, double width) {
  Matrix<float> result(x.rows(), x.cols());
  for (std::int64_t i = 0; i < x.rows() * x.cols(); ++i) {
    result.data()[i] =
        static_cast<float>(std::floor((static_cast<double>(x.data()[i]) - offset) / width));
  }
  return result;
}

template <class Expected>
void expect_table(const CorrelationTable& table, const Expected& r, const Expected& p) {
  ASSERT_EQ(static_cast<std::size_t>(table.r.flat().size), r.size());
  for (std::size_t i = 0; i < r.size(); ++i) {
    EXPECT_NEAR(table.r.data()[i], r[i], 1e-10) << i;
    EXPECT_NEAR(table.p.data()[i], p[i], 1e-10) << i;
    // What is left of relative precision: r itself has an error, which the power n / 2 magnifies.
    EXPECT_NEAR(table.p.data()[i], p[i], 1e-8 * p[i]) << i;
  }
}

TEST(Correlations, EqualScipy) {
  Context context = cpu();
  const auto check = [&](std::int64_t n, const auto& pr, const auto& pp, const auto& sr,
                         const auto& sp) {
    SCOPED_TRACE(n);
    const auto [x, y] = related(n, 3, 0.5);
    expect_table(correlations(context, x, y), pr, pp);
    expect_table(correlations(context, x, y, {.kind = Correlation::spearman}), sr, sp);
  };
  using namespace golden;
  check(4, pearson_r_4, pearson_p_4, spearman_r_4, spearman_p_4);
  check(10, pearson_r_10, pearson_p_10, spearman_r_10, spearman_p_10);
  check(113, pearson_r_113, pearson_p_113, spearman_r_113, spearman_p_113);
  check(1000, pearson_r_1000, pearson_p_1000, spearman_r_1000, spearman_p_1000);
  const auto [x, y] = related(1000, 3, 1);
  expect_table(correlations(context, x, y), pearson_r_strong, pearson_p_strong);
  expect_table(correlations(context, x, y, {.kind = Correlation::spearman}), spearman_r_strong,
               spearman_p_strong);
}

TEST(Correlations, OfThreeRowsEqualScipy) {
  Context context = cpu();
  const auto [x, y] = related(3, 3, 0.5);
  expect_table(correlations(context, x, y), golden::pearson_r_3, golden::pearson_p_3);
  const CorrelationTable ranks = correlations(context, x, y, {.kind = Correlation::spearman});
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_NEAR(ranks.r.data()[i], golden::spearman_r_3[i], 1e-10);
    // Ranks of three rows often agree fully; scipy's p of a rounded 1 is then 1e-8 in place of 0.
    const double allowed = std::abs(golden::spearman_r_3[i]) > 0.999 ? 2e-8 : 1e-10;
    EXPECT_NEAR(ranks.p.data()[i], golden::spearman_p_3[i], allowed);
  }
}

TEST(Correlations, TiesShareTheirMeanRank) {
  Context context = cpu();
  const auto [x, y] = related(257, 3, 1);
  expect_table(correlations(context, steps(x, 0, 0.1), steps(y, 1000, 0.25),
                            {.kind = Correlation::spearman}),
               golden::spearman_r_ties, golden::spearman_p_ties);
}

// Mean ranks, counted one by one.
Matrix<float> plain_ranks(const Matrix<float>& x) {
  Matrix<float> ranks(x.rows(), x.cols());
  for (std::int64_t j = 0; j < x.cols(); ++j) {
    for (std::int64_t i = 0; i < x.rows(); ++i) {
      std::int64_t below = 0, equal = 0;
      for (std::int64_t k = 0; k < x.rows(); ++k) {
        below += x(k, j) < x(i, j);
        equal += x(k, j) == x(i, j);
      }
      ranks(i, j) = static_cast<float>(static_cast<double>(2 * below + equal + 1) / 2);
    }
  }
  return ranks;
}

TEST(Correlations, RanksOfMoreRowsThanASortTakesAtOnce) {
  // Above 4096 rows keys are sorted by digits: compare with ranks counted one by one.
  constexpr std::int64_t n = 5000;
  Matrix<float> x = uniform_rows(n, 2, 5);
  for (std::int64_t i = 0; i < n; i += 3) x(i, 0) = -0.0F;
  for (std::int64_t i = 1; i < n; i += 3) x(i, 0) = 0.0F;  // a tie with -0
  for (std::int64_t i = 0; i < n; ++i) x(i, 1) = std::ldexp(x(i, 1), static_cast<int>(i % 40) - 20);
  const Matrix<float> ranks = plain_ranks(x);
  Context context = cpu();
  const CorrelationTable actual = correlations(context, x, x, {.kind = Correlation::spearman});
  const CorrelationTable expected = correlations(context, ranks, ranks);
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(actual.r.data()[i], expected.r.data()[i], 1e-13);
  }
  EXPECT_EQ(actual.r(0, 0), 1);
  EXPECT_EQ(actual.r(1, 1), 1);
}

TEST(Correlations, ConstantColumnsHaveNone) {
  Context context = cpu();
  Matrix<float> x = uniform_rows(50, 3, 1);
  const Matrix<float> y = uniform_rows(50, 2, 2);
  for (std::int64_t i = 0; i < 50; ++i) x(i, 1) = 0.1F;
  for (const Correlation kind : {Correlation::pearson, Correlation::spearman}) {
    const CorrelationTable table = correlations(context, x, y, {.kind = kind});
    std::vector<double> tested;
    for (std::int64_t i = 0; i < 3; ++i) {
      for (std::int64_t j = 0; j < 2; ++j) {
        if (i == 1) {
          EXPECT_TRUE(std::isnan(table.r(i, j)));
          EXPECT_EQ(table.p(i, j), 1);
          EXPECT_EQ(table.q(i, j), 1);
        } else {
          tested.push_back(table.p(i, j));
        }
      }
    }
    // The family of the correction is the correlations that were tested.
    const std::vector<double> q = false_discovery_adjusted(tested);
    EXPECT_EQ(table.q(0, 0), q[0]);
    EXPECT_EQ(table.q(0, 1), q[1]);
    EXPECT_EQ(table.q(2, 0), q[2]);
    EXPECT_EQ(table.q(2, 1), q[3]);
    EXPECT_EQ(table.n, 50);
  }
}

TEST(Correlations, PerfectOnesAreOne) {
  Context context = cpu();
  for (const std::int64_t n : {3, 17, 1021}) {
    Matrix<float> x(n, 1), y(n, 3);
    for (std::int64_t i = 0; i < n; ++i) {
      x(i, 0) = static_cast<float>((i * 7) % n);
      y(i, 0) = x(i, 0) * 3 - 5;
      y(i, 1) = 2 - x(i, 0) / 4;
      y(i, 2) = x(i, 0) * x(i, 0);
    }
    const CorrelationTable r = correlations(context, x, y);
    EXPECT_NEAR(r.r(0, 0), 1, 1e-14);
    EXPECT_NEAR(r.r(0, 1), -1, 1e-14);
    EXPECT_LT(r.r(0, 2), 0.99);
    const CorrelationTable ranks = correlations(context, x, y, {.kind = Correlation::spearman});
    EXPECT_EQ(ranks.r(0, 0), 1);
    EXPECT_EQ(ranks.r(0, 1), -1);
    EXPECT_EQ(ranks.r(0, 2), 1);
    EXPECT_EQ(ranks.p(0, 2), 0);
  }
}

// The definition, two passes in double.
double plain(const Matrix<float>& x, std::int64_t i, const Matrix<float>& y, std::int64_t j) {
  const auto n = static_cast<double>(x.rows());
  double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
  for (std::int64_t k = 0; k < x.rows(); ++k) {
    mx += static_cast<double>(x(k, i)) / n;
    my += static_cast<double>(y(k, j)) / n;
  }
  for (std::int64_t k = 0; k < x.rows(); ++k) {
    const double a = static_cast<double>(x(k, i)) - mx, b = static_cast<double>(y(k, j)) - my;
    xx += a * a;
    yy += b * b;
    xy += a * b;
  }
  return xy / std::sqrt(xx) / std::sqrt(yy);
}

TEST(Correlations, OfAnyShapeOffsetAndScale) {
  Context context = cpu();
  for (const auto& [n, c, f] :
       {std::array{3, 1, 1}, std::array{113, 17, 2}, std::array{257, 2, 37},
        std::array{600, 40, 53}, std::array{20, 2, 4200}, std::array{20, 4200, 2},
        std::array{1021, 5, 113}, std::array{70000, 3, 2}}) {
    Matrix<float> x = uniform_rows(n, c, 3), y = uniform_rows(n, f, 4);
    for (std::int64_t i = 0; i < n; ++i) {
      x(i, 0) = x(i, 0) * 1e30F;
      y(i, f - 1) = (y(i, f - 1) + 100) * 1e-30F;
    }
    const CorrelationTable table = correlations(context, x, y);
    double worst = 0;
    for (std::int64_t i = 0; i < c; ++i) {
      for (std::int64_t j = 0; j < f; ++j) {
        worst = worse(worst, std::abs(table.r(i, j) - plain(x, i, y, j)));
      }
    }
    EXPECT_LT(worst, 1e-11) << n;
    if (n > 1000) continue;  // where counting ranks is dear
    // Spearman's are Pearson's of the ranks.
    const CorrelationTable spearman = correlations(context, x, y, {.kind = Correlation::spearman});
    const Matrix<float> x_ranks = plain_ranks(x), y_ranks = plain_ranks(y);
    worst = 0;
    for (std::int64_t i = 0; i < c; ++i) {
      for (std::int64_t j = 0; j < f; ++j) {
        worst = worse(worst, std::abs(spearman.r(i, j) - plain(x_ranks, i, y_ranks, j)));
      }
    }
    EXPECT_LT(worst, 1e-13) << n;
  }
  const Matrix<float> none(10, 0), some = uniform_rows(10, 2, 1);
  EXPECT_EQ(correlations(context, some, none).r.cols(), 0);
  EXPECT_EQ(correlations(context, none, some, {.kind = Correlation::spearman}).p.rows(), 0);
}

TEST(Correlations, StridedViewsAndThreadsChangeNothing) {
  const Matrix<float> wide = uniform_rows(2500, 40, 5), y = uniform_rows(2500, 9, 6);
  const MatrixView<const float> view = wide.view().col_range(3, 33);
  Context one = cpu(1), two = cpu(2);
  const Matrix<float> packed = Matrix<float>::copy_of(one, view);
  for (const Correlation kind : {Correlation::pearson, Correlation::spearman}) {
    const CorrelationTable a = correlations(one, view, y, {.kind = kind});
    const CorrelationTable b = correlations(two, packed, y, {.kind = kind});
    const auto bytes = static_cast<std::size_t>(a.r.flat().size) * sizeof(double);
    EXPECT_EQ(std::memcmp(a.r.data(), b.r.data(), bytes), 0);
    EXPECT_EQ(std::memcmp(a.p.data(), b.p.data(), bytes), 0);
    EXPECT_EQ(std::memcmp(a.q.data(), b.q.data(), bytes), 0);
  }
}

TEST(Correlations, PointBiserialEqualsScipy) {
  Context context = cpu();
  const Matrix<float> x = uniform_rows(300, 4, 21);
  const std::vector<std::int32_t> classes = random_labels(300, 3, 22);
  expect_table(point_biserial(context, x, classes, 1), golden::point_biserial_r,
               golden::point_biserial_p);

  // Rows that are not known are as rows that are not there.
  Matrix<float> more(400, 4);
  std::vector<std::int32_t> gaps(400, -1);
  for (std::int64_t i = 0; i < 300; ++i) {
    const std::int64_t at = i + i / 3;
    std::copy_n(x.view().row(i), 4, more.view().row(at));
    gaps[static_cast<std::size_t>(at)] = classes[static_cast<std::size_t>(i)];
  }
  more(3, 2) = std::numeric_limits<float>::quiet_NaN();
  ASSERT_EQ(gaps[3], -1);
  const CorrelationTable table = point_biserial(context, more, gaps, 1);
  EXPECT_EQ(table.n, 300);
  expect_table(table, golden::point_biserial_r, golden::point_biserial_p);
}

TEST(Correlations, PValuesOfAnySize) {
  // From mpmath, 60 digits: small r (where 1 - r^2 rounds to 1), large n, p near the least float64.
  EXPECT_EQ(correlation_p_value(0, 1000), 1);
  EXPECT_EQ(correlation_p_value(1, 5), 0);
  EXPECT_EQ(correlation_p_value(-1, 3), 0);
  EXPECT_EQ(correlation_p_value(std::nan(""), 10), 1);
  for (const auto& [r, n, p] : {std::tuple{1e-08, std::int64_t{3}, 9.9999999363380228e-1},
                                std::tuple{0.999999, std::int64_t{3}, 9.0031639119642723e-4},
                                std::tuple{0.001, std::int64_t{5}, 9.9872676066747146e-1},
                                std::tuple{0.99, std::int64_t{10}, 4.3227184375000153e-8},
                                std::tuple{0.3, std::int64_t{57}, 2.3373662469774496e-2},
                                std::tuple{1e-08, std::int64_t{500}, 9.9999982203413341e-1},
                                std::tuple{0.9, std::int64_t{500}, 1.0193140088262502e-181},
                                std::tuple{0.03, std::int64_t{1000}, 3.4327707307476514e-1},
                                std::tuple{0.7, std::int64_t{1000}, 4.3075961400823749e-148},
                                std::tuple{0.1, std::int64_t{5000}, 1.36981336492314e-12},
                                std::tuple{0.01, std::int64_t{100000}, 1.5651897452783153e-3},
                                std::tuple{0.001, std::int64_t{1000000}, 3.1731099180502855e-1},
                                std::tuple{0.01, std::int64_t{1000000}, 1.5203198039927248e-23},
                                std::tuple{0.037, std::int64_t{1000000}, 7.174211610777042e-300}}) {
    EXPECT_NEAR(correlation_p_value(r, n) / p, 1, 1e-11) << r << " of " << n;
    EXPECT_EQ(correlation_p_value(-r, n), correlation_p_value(r, n));
  }
}

TEST(Correlations, IntervalsEqualScipy) {
  Context context = cpu();
  const auto check = [&](double confidence, const auto& expected) {
    std::size_t at = 0;
    for (const std::int64_t n : {4, 10, 1000}) {
      const auto [x, y] = related(n, 1, 0.5);
      const double r = correlations(context, x, y).r(0, 0);
      const Interval interval = correlation_interval(r, n, confidence);
      EXPECT_EQ(interval.estimate, r);
      EXPECT_NEAR(interval.low, expected[at++], 1e-10);
      EXPECT_NEAR(interval.high, expected[at++], 1e-10);
      const Interval ranks = correlation_interval(r, n, confidence, Correlation::spearman);
      EXPECT_LT(ranks.low, interval.low);
      EXPECT_GT(ranks.high, interval.high);
    }
  };
  check(0.9, golden::interval_90);
  check(0.95, golden::interval_95);
  check(0.99, golden::interval_99);
  const Interval wide = correlation_interval(0.3, 3);
  EXPECT_EQ(wide.low, -1);
  EXPECT_EQ(wide.high, 1);
  EXPECT_EQ(correlation_interval(1, 10).low, 1);
  EXPECT_TRUE(std::isnan(correlation_interval(std::nan(""), 10).low));
}

TEST(Correlations, RefuseWhatCannotBeCorrelated) {
  Context context = cpu();
  const Matrix<float> x = uniform_rows(10, 3, 1), y = uniform_rows(9, 2, 2);
  const Matrix<float> few = uniform_rows(2, 3, 1);
  EXPECT_EQ(error_of([&] { correlations(context, x, y); }),
            "correlations: expected features of 10 rows, got 9");
  EXPECT_EQ(error_of([&] { correlations(context, few, few); }),
            "correlations: expected from 3 to 536870912 rows, got 2");
  Matrix<float> bad = uniform_rows(10, 3, 1);
  bad(4, 2) = std::numeric_limits<float>::infinity();
  EXPECT_EQ(error_of([&] { correlations(context, bad, x); }),
            "correlations coordinates: expected finite values, got inf in row 4, column 2");
  EXPECT_EQ(error_of([&] { correlations(context, x, bad, {.kind = Correlation::spearman}); }),
            "correlations features: expected finite values, got inf in row 4, column 2");

  const std::vector<std::int32_t> classes{0, 0, 1, 0, -1, 0, 0, -1, 0, 0}, short_one(9);
  EXPECT_EQ(error_of([&] { point_biserial(context, x, short_one, 0); }),
            "point_biserial: expected classes of size 10, got 9");
  EXPECT_EQ(error_of([&] { point_biserial(context, x, classes, -1); }),
            "point_biserial: expected a class of 0 or more, got -1");
  EXPECT_EQ(error_of([&] { point_biserial(context, x, classes, 2); }),
            "point_biserial: expected rows of class 2 and others among the 8 known, got 0 of it");
  EXPECT_EQ(error_of([&] { point_biserial(context, x, std::vector<std::int32_t>(10, 4), 4); }),
            "point_biserial: expected rows of class 4 and others among the 10 known, got 10 of it");

  EXPECT_EQ(error_of([&] { correlation_p_value(1.5, 10); }),
            "correlation_p_value: expected r from -1 to 1, got 1.500000");
  EXPECT_EQ(error_of([&] { correlation_p_value(0.5, 2); }),
            "correlation_p_value: expected n of 3 or more, got 2");
  EXPECT_EQ(error_of([&] { correlation_interval(0.5, 10, 1); }),
            "correlation_interval: expected a confidence between 0 and 1, got 1.000000");
  const CorrelationTable table = correlations(context, x, x);
  EXPECT_EQ(error_of([&] { strongest(table, -1); }),
            "strongest: expected a count of 0 or more, got -1");
  EXPECT_EQ(error_of([&] { strongest(table, 1, 3); }),
            "strongest: expected a feature below 3, got 3");
}

}  // namespace
}  // namespace clipk::test
