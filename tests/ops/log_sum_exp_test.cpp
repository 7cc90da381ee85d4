#include "clipk/ops/log_sum_exp.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

struct Problem {
  std::int64_t n, m, d;
  double scale = 1;
  std::vector<float> x, y;
  std::vector<double> offset;  // empty for none

  Problem(std::int64_t n_, std::int64_t m_, std::int64_t d_, std::uint64_t seed, double scale_ = 1)
      : n(n_),
        m(m_),
        d(d_),
        scale(scale_),
        x(normals(n * d, seed)),
        y(normals(m * d, seed + 1)),
        offset(normals<double>(m, seed + 2, 3)) {}
};

// The definition; A is the arithmetic of the whole loop.
template <class A>
std::vector<A> plain(const Problem& p) {
  std::vector<A> result;
  std::vector<A> exponents(static_cast<std::size_t>(p.m));
  for (std::int64_t i = 0; i < p.n; ++i) {
    A top = -INFINITY;
    for (std::int64_t j = 0; j < p.m; ++j) {
      const auto at = static_cast<std::size_t>(j);
      A product = 0;
      for (std::int64_t k = 0; k < p.d; ++k) {
        product += static_cast<A>(p.x[static_cast<std::size_t>(i * p.d + k)]) *
                   static_cast<A>(p.y[static_cast<std::size_t>(j * p.d + k)]);
      }
      exponents[at] = static_cast<A>(p.scale) * product +
                      (p.offset.empty() ? A(0) : static_cast<A>(p.offset[at]));
      top = std::max(top, exponents[at]);
    }
    A sum = 0;
    for (const A exponent : exponents) sum += std::exp(exponent - (std::isinf(top) ? 0 : top));
    result.push_back((std::isinf(top) ? 0 : top) + std::log(sum));
  }
  return result;
}

class LogSumExp : public DeviceTest {
 protected:
  std::vector<double> sums(const Problem& p, std::int64_t padding = 0) {
    return sums(context(), p, padding);
  }
  std::vector<double> sums(Context& on, const Problem& p, std::int64_t padding = 0) {
    Guarded<float> x(on, p.n, p.d, p.x, padding), y(on, p.m, p.d, p.y, 2 * padding);
    Guarded<double> out(on, 1, p.n);
    if (p.offset.empty()) {
      log_sum_exp(on, x.view(), y.view(), p.scale, {}, out.flat());
    } else {
      Guarded<double> offset(on, 1, p.m, p.offset);
      log_sum_exp(on, x.view(), y.view(), p.scale, offset.flat(), out.flat());
    }
    return out.values();
  }
};

TEST_P(LogSumExp, IsThatOfTheDefinition) {
  struct Size {
    std::int64_t n, m, d;
  };
  for (const Size& s :
       {Size{1, 1, 1}, Size{1, 2, 3}, Size{2, 1, 17}, Size{17, 113, 5}, Size{113, 17, 64},
        Size{130, 257, 33}, Size{257, 1021, 17}, Size{3, 9000, 8}, Size{300, 5000, 12}}) {
    if (simt() && s.n * s.m * s.d > 600000) continue;
    for (const std::int64_t padding : {0, 3, 4}) {
      Problem p(s.n, s.m, s.d, 1);
      SCOPED_TRACE(std::to_string(s.n) + " " + std::to_string(s.m) + " " + std::to_string(s.d));
      expect_as_good_as(sums(p, padding), plain<float>(p), plain<double>(p));
      p.offset.clear();
      expect_as_good_as(sums(p, padding), plain<float>(p), plain<double>(p), "no offset");
    }
  }
}

TEST_P(LogSumExp, NoScaleOverflows) {
  for (const double scale : {0.0, -3.0, 1e4, 0.1}) {
    Problem p(9, 200, 16, 2, scale);
    for (double& value : p.offset) value *= 1000;
    const auto result = sums(p);
    const auto reference = plain<double>(p);
    // The products' float32 rounding, by the scale, is all that may be lost.
    for (std::size_t i = 0; i < result.size(); ++i) {
      EXPECT_NEAR(result[i], reference[i], 4e-6 * std::fabs(scale) + 1e-12 * 3000 + 1e-6);
    }
  }
}

// Products without rounding: what is left is the error of the sums alone, which may not grow with
// the size of scale and offset.
TEST_P(LogSumExp, LosesNothingToTheSizeOfTheExponents) {
  Problem p(5, 300, 4, 3, 12345.678);
  for (float& value : p.x) value = std::round(4 * value) / 4;
  for (float& value : p.y) value = std::round(4 * value) / 4;
  for (std::int64_t j = 0; j < p.m; ++j) {
    const auto at = static_cast<std::size_t>(j);
    // All terms of row 0 within a few units of one another.
    double product = 0;
    for (std::size_t k = 0; k < 4; ++k) product += double{p.x[k]} * double{p.y[4 * at + k]};
    p.offset[at] = p.offset[at] - p.scale * product;
  }
  EXPECT_NEAR(sums(p)[0], plain<double>(p)[0], 1e-6);
}

TEST_P(LogSumExp, RowsOfYAreLeftOutByTheirOffset) {
  Problem p(40, 150, 6, 4);
  for (std::size_t j = 0; j < p.offset.size(); j += 2) p.offset[j] = -INFINITY;
  expect_as_good_as(sums(p), plain<float>(p), plain<double>(p));
  std::fill(p.offset.begin(), p.offset.end(), -INFINITY);
  for (const double value : sums(p)) EXPECT_EQ(value, -INFINITY);
}

TEST_P(LogSumExp, WhatIsNotANumberIsSeen) {
  Problem p(30, 150, 6, 5);
  p.x[7 * 6 + 2] = NAN;
  const auto rows = sums(p);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(std::isnan(rows[i]), i == 7) << i;
  for (const double bad : {double{NAN}, double{INFINITY}}) {
    Problem q(3, 150, 6, 6);
    q.offset[140] = bad;
    for (const double value : sums(q)) EXPECT_TRUE(std::isnan(value)) << bad;
  }
}

TEST_P(LogSumExp, EmptySidesAreFine) {
  Matrix<float> none(context(), 0, 3), some(context(), 5, 3), flat(context(), 5, 0);
  Guarded<double> out(context(), 1, 5), nothing(context(), 1, 0);
  log_sum_exp(context(), none, some, 1, {}, nothing.flat());
  log_sum_exp(context(), some, none, 1, {}, out.flat());
  EXPECT_EQ(out.values(), std::vector<double>(5, -INFINITY));
  log_sum_exp(context(), flat, flat, 1, {}, out.flat());
  for (const double value : out.values()) EXPECT_NEAR(value, std::log(5.0), 1e-15);
}

TEST_P(LogSumExp, MoreRowsThanAGridHas) {
  if (simt()) GTEST_SKIP() << "too many for the harness";
  const Problem tall(70000, 10, 4, 7), wide(10, 70000, 4, 8);
  expect_as_good_as(sums(tall), plain<float>(tall), plain<double>(tall));
  expect_as_good_as(sums(wide), plain<float>(wide), plain<double>(wide));
}

TEST_P(LogSumExp, TensorCoresKeepTheirTolerance) {
  if (on_cpu()) GTEST_SKIP() << "the CPU has one precision";
  const Problem p(40, 200, 32, 9);
  const auto reference = plain<double>(p);
  double longest = 0;
  for (std::size_t at = 0; at < p.x.size(); at += 32) {
    double square = 0;
    for (std::size_t k = 0; k < 32; ++k) square += std::pow(double{p.x[at + k]}, 2);
    longest = std::max(longest, std::sqrt(square));
  }
  for (const Precision precision : {Precision::tf32, Precision::bf16}) {
    Context fast = Context::cuda({.precision = precision});
    const auto result = sums(fast, p);
    const double part = precision == Precision::tf32 ? 1.0 / 1024 : 1.0 / 256;
    for (std::size_t i = 0; i < result.size(); ++i) {
      EXPECT_NEAR(result[i], reference[i], part * longest * longest);
    }
  }
}

TEST_P(LogSumExp, BadInputIsNamed) {
  Matrix<float> x(context(), 4, 3), y(context(), 5, 3), narrow(context(), 5, 2);
  Matrix<double> four(context(), 1, 4), five(context(), 1, 5);
  const auto message = [&](MatrixView<const float> ys, double scale,
                           VectorView<const double> offset, VectorView<double> out) {
    return error_of([&] { log_sum_exp(context(), x, ys, scale, offset, out); });
  };
  EXPECT_EQ(message(narrow, 1, five.flat(), four.flat()),
            "log_sum_exp: expected y of shape [5, 3], got [5, 2]");
  EXPECT_EQ(message(y, 1, four.flat(), four.flat()),
            "log_sum_exp: expected offset of size 5, got 4");
  EXPECT_EQ(message(y, 1, five.flat(), five.flat()), "log_sum_exp: expected out of size 4, got 5");
  EXPECT_EQ(message(y, INFINITY, five.flat(), four.flat()),
            "log_sum_exp: expected a finite scale, got inf");
}

// What follows is of the CPU alone.

TEST(LogSumExpCpu, DoubleIsExact) {
  Context context = Context::cpu();
  for (const std::int64_t m : {1, 17, 600, 9000}) {
    const Problem p(30, m, 9, 10, 5);
    const auto x = converted<double>(p.x), y = converted<double>(p.y);
    std::vector<double> out(30);
    log_sum_exp(context, MatrixView<const double>(x.data(), 30, 9),
                MatrixView<const double>(y.data(), m, 9), p.scale,
                VectorView<const double>(p.offset.data(), m), VectorView<double>(out.data(), 30));
    EXPECT_LE(max_error(out, plain<double>(p)), 1e-12) << m;
  }
}

TEST(LogSumExpCpu, TheNumberOfThreadsChangesNoBit) {
  const Problem p(700, 9000, 16, 11);
  std::vector<std::vector<double>> results;
  for (const int threads : {1, 2, 3}) {
    Context context = Context::cpu({.threads = threads});
    std::vector<double>& out = results.emplace_back(700);
    log_sum_exp(context, MatrixView<const float>(p.x.data(), p.n, p.d),
                MatrixView<const float>(p.y.data(), p.m, p.d), p.scale,
                VectorView<const double>(p.offset.data(), p.m),
                VectorView<double>(out.data(), 700));
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

CLIPK_INSTANTIATE_DEVICE_TEST(LogSumExp);

}  // namespace
}  // namespace clipk::test
