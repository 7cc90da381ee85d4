#include "linalg/gemm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "clipk/core/random.hpp"
#include "support/each_target.hpp"

namespace clipk::cpu {
namespace {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// A matrix inside a larger one; what lies around it must stay as it is.
template <class T>
struct Strided {
  Strided(std::int64_t rows_, std::int64_t cols_, std::int64_t extra, std::uint64_t seed)
      : rows(rows_), cols(cols_), stride(cols_ + extra) {
    Random random(seed, RandomStream::data);
    values.resize(static_cast<std::size_t>(rows * stride + 7));
    for (T& value : values) value = static_cast<T>(random.normal());
  }
  T* row(std::int64_t i) { return values.data() + i * stride; }
  const T* row(std::int64_t i) const { return values.data() + i * stride; }

  std::int64_t rows, cols, stride;
  std::vector<T> values;
};

template <class T>
struct Case {
  Transpose a, b;
  std::int64_t m, n, k;
  T alpha = 1, beta = 0;
  std::int64_t extra = 0;
  std::uint64_t seed = 1;

  Strided<T> A() const {
    return a == Transpose::no ? Strided<T>(m, k, extra, seed) : Strided<T>(k, m, extra, seed);
  }
  Strided<T> B() const {
    return b == Transpose::no ? Strided<T>(k, n, extra, seed + 1)
                              : Strided<T>(n, k, extra, seed + 1);
  }
  Strided<T> C() const { return Strided<T>(m, n, extra, seed + 2); }
};

template <class T>
void run(int threads, const Case<T>& c, const Strided<T>& A, const Strided<T>& B, Strided<T>& C) {
  gemm(threads, c.a, c.b, c.m, c.n, c.k, c.alpha, A.row(0), A.stride, B.row(0), B.stride, c.beta,
       C.row(0), C.stride);
}

// The rule of gemm.hpp, word for word.
template <class T>
void by_rule(const Case<T>& c, const Strided<T>& A, const Strided<T>& B, Strided<T>& C) {
  for (std::int64_t i = 0; i < c.m; ++i) {
    for (std::int64_t j = 0; j < c.n; ++j) {
      T& value = C.row(i)[j];
      if (c.k == 0) value = c.beta == 0 ? 0 : c.beta * value;
      for (std::int64_t first = 0; first < c.k; first += kGemmBlock) {
        T sum = 0;
        for (std::int64_t k = first; k < std::min(c.k, first + kGemmBlock); ++k) {
          const T x = c.a == Transpose::no ? A.row(i)[k] : A.row(k)[i];
          const T y = c.b == Transpose::no ? B.row(k)[j] : B.row(j)[k];
          sum = std::fma(x, y, sum);
        }
        if (first > 0) {
          value = std::fma(c.alpha, sum, value);
        } else if (c.beta == 0) {
          value = c.alpha * sum;
        } else {
          value = std::fma(c.alpha, sum, c.beta * value);
        }
      }
    }
  }
}

template <class T>
void expect_same_bits(const std::vector<T>& expected, const std::vector<T>& got) {
  ASSERT_EQ(expected.size(), got.size());
  std::size_t differ = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const bool same = std::bit_cast<Bits<T>>(expected[i]) == std::bit_cast<Bits<T>>(got[i]) ||
                      (std::isnan(expected[i]) && std::isnan(got[i]));
    if (!same && differ++ == 0) {
      ADD_FAILURE() << "place " << i << ": expected " << expected[i] << ", got " << got[i];
    }
  }
  EXPECT_EQ(differ, 0U);
}

template <class T>
void expect_rule(const Case<T>& c, int threads = 1) {
  SCOPED_TRACE(testing::Message() << c.m << " x " << c.n << " x " << c.k << ", transposed "
                                  << (c.a == Transpose::yes) << (c.b == Transpose::yes)
                                  << ", alpha " << c.alpha << ", beta " << c.beta << ", extra "
                                  << c.extra << ", threads " << threads);
  const Strided<T> A = c.A(), B = c.B();
  Strided<T> expected = c.C(), got = c.C();
  by_rule(c, A, B, expected);
  run(threads, c, A, B, got);
  expect_same_bits(expected.values, got.values);
}

constexpr Transpose kBoth[] = {Transpose::no, Transpose::yes};

template <class T>
class GemmTest : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(GemmTest, Types);

TYPED_TEST(GemmTest, IsByteForByteTheRule) {
  test::on_each_target([] {
    constexpr std::int64_t kSizes[] = {1, 2, 17, 113, 257};
    std::uint64_t seed = 0;
    for (const Transpose a : kBoth) {
      for (const Transpose b : kBoth) {
        for (const std::int64_t m : kSizes) {
          for (const std::int64_t n : kSizes) {
            for (const std::int64_t k : kSizes) {
              if (m * n * k > 257 * 113 * 17) continue;
              ++seed;
              expect_rule<TypeParam>(
                  {a, b, m, n, k, 1, 0, static_cast<std::int64_t>(seed % 4), seed});
            }
          }
        }
        expect_rule<TypeParam>({a, b, 257, 113, 257, -2, 0, 3, 5});
        expect_rule<TypeParam>({a, b, 113, 257, 513, 1, 1, 1, 6});
        expect_rule<TypeParam>({a, b, 17, 67, 1021, TypeParam(.3), TypeParam(-.7), 2, 7});
        expect_rule<TypeParam>({a, b, 14, 64, 700, 1, 1, 0, 8});
        expect_rule<TypeParam>({a, b, 1021, 17, 40, 1, 0, 0, 9});
        expect_rule<TypeParam>({a, b, 17, 1021, 40, 1, 0, 0, 10});
        expect_rule<TypeParam>({a, b, 40, 96, 1024, 1, 0, 0, 11});  // rows a page apart
        expect_rule<TypeParam>({a, b, 2049, 70, 40, 1, 0, 0, 12});  // go past more of B
      }
    }
  });
}

TYPED_TEST(GemmTest, EmptySizes) {
  test::on_each_target([] {
    for (const Transpose a : kBoth) {
      for (const TypeParam beta : {TypeParam(0), TypeParam(1), TypeParam(.5)}) {
        expect_rule<TypeParam>({a, Transpose::no, 5, 7, 0, 2, beta, 1});
        expect_rule<TypeParam>({a, Transpose::no, 0, 7, 3, 2, beta, 1});
        expect_rule<TypeParam>({a, Transpose::no, 5, 0, 3, 2, beta, 1});
      }
    }
  });
}

TYPED_TEST(GemmTest, AnyNumberOfThreads) {
  test::on_each_target([] {
    for (const int threads : {2, 5, 17}) {
      expect_rule<TypeParam>({Transpose::no, Transpose::yes, 300, 700, 300, 1, 1}, threads);
      expect_rule<TypeParam>({Transpose::yes, Transpose::no, 700, 150, 513, 1, 0, 3}, threads);
    }
  });
}

TYPED_TEST(GemmTest, APartIsThatPartOfTheWhole) {
  const Case<TypeParam> whole{Transpose::no, Transpose::yes, 300, 200, 520, -2, 1, 3};
  const Strided<TypeParam> A = whole.A(), B = whole.B();
  Strided<TypeParam> expected = whole.C();
  run(2, whole, A, B, expected);
  Strided<TypeParam> got = whole.C();
  for (std::int64_t i = 0; i < whole.m; i += 37) {
    for (std::int64_t j = 0; j < whole.n; j += 41) {
      gemm_serial(whole.a, whole.b, std::min<std::int64_t>(37, whole.m - i),
                  std::min<std::int64_t>(41, whole.n - j), whole.k, whole.alpha, A.row(i), A.stride,
                  B.row(j), B.stride, whole.beta, got.row(i) + j, got.stride);
    }
  }
  expect_same_bits(expected.values, got.values);
}

TYPED_TEST(GemmTest, WhatIsNoNumberGoesWhereThePlainLoopLetsIt) {
  constexpr TypeParam kNan = std::numeric_limits<TypeParam>::quiet_NaN();
  constexpr TypeParam kInfinity = std::numeric_limits<TypeParam>::infinity();
  test::on_each_target([] {
    for (const Transpose b : kBoth) {
      const Case<TypeParam> c{Transpose::no, b, 40, 70, 300, 1, 0};
      Strided<TypeParam> A = c.A(), B = c.B();
      A.row(3)[5] = kNan;
      A.row(7)[299] = kInfinity;
      A.row(9)[4] = 0;
      (b == Transpose::no ? B.row(4)[69] : B.row(69)[4]) = kInfinity;
      Strided<TypeParam> expected = c.C(), got = c.C();
      for (TypeParam& value : got.values) value = kNan;  // beta is 0: not to be read
      expected = got;
      by_rule(c, A, B, expected);
      run(1, c, A, B, got);
      expect_same_bits(expected.values, got.values);
      EXPECT_TRUE(std::isnan(got.row(3)[0]));
      EXPECT_TRUE(std::isnan(got.row(9)[69]));  // 0 times infinity
      EXPECT_TRUE(std::isinf(got.row(7)[0]));
      EXPECT_FALSE(std::isnan(got.row(4)[0]));
    }
  });
}

TYPED_TEST(GemmTest, EpilogueSeesEveryElementOnceAndDone) {
  const Case<TypeParam> c{Transpose::no, Transpose::yes, 100, 600, 1100};
  const Strided<TypeParam> A = c.A(), B = c.B();
  Strided<TypeParam> expected = c.C(), got = c.C();
  by_rule(c, A, B, expected);
  for (std::int64_t i = 0; i < c.m; ++i) {
    for (std::int64_t j = 0; j < c.n; ++j) expected.row(i)[j] += 1;
  }
  const auto add_one = [&](const GemmTile& done) {
    for (std::int64_t i = done.row; i < done.row + done.rows; ++i) {
      for (std::int64_t j = done.col; j < done.col + done.cols; ++j) got.row(i)[j] += 1;
    }
  };
  gemm_serial(c.a, c.b, c.m, c.n, c.k, c.alpha, A.row(0), A.stride, B.row(0), B.stride, c.beta,
              got.row(0), got.stride, GemmEpilogue(add_one));
  expect_same_bits(expected.values, got.values);
}

TYPED_TEST(GemmTest, TheSymmetricFormHasTheSameBytes) {
  test::on_each_target([] {
    for (const Transpose a : kBoth) {
      for (const std::int64_t m : {1, 17, 129, 300}) {
        const Transpose b = a == Transpose::no ? Transpose::yes : Transpose::no;
        const Case<TypeParam> c{a, b, m, m, 600, TypeParam(.3), TypeParam(.7), 2};
        const Strided<TypeParam> A = c.A();
        Strided<TypeParam> expected = c.C();
        for (std::int64_t i = 0; i < m; ++i) {
          for (std::int64_t j = 0; j < i; ++j) expected.row(i)[j] = expected.row(j)[i];
        }
        Strided<TypeParam> got = expected;
        run(1, c, A, A, expected);
        gemm_symmetric(2, a, m, c.k, c.alpha, A.row(0), A.stride, c.beta, got.row(0), got.stride);
        expect_same_bits(expected.values, got.values);
      }
    }
  });
}

}  // namespace
}  // namespace clipk::cpu
