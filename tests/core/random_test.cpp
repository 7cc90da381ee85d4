#include "clipk/core/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

namespace clipk::test {
namespace {

using Block = std::array<std::uint32_t, 4>;

// The known-answer vectors of Random123 (kat_vectors, philox 4x32 10).
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32_10({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, ABlockIsAddressedBySeedStreamStepAndIndex) {
  EXPECT_EQ(random_block(0x299f31d0a4093822, static_cast<RandomStream>(0x03707344), 0x13198a2e,
                         0x85a308d3243f6a88),
            philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                          {static_cast<std::uint32_t>(0x299f31d0a4093822),
                           static_cast<std::uint32_t>(0x299f31d0a4093822 >> 32)}));
  EXPECT_NE(random_block(0, RandomStream::shuffle, 0, 0),
            random_block(0, RandomStream::bootstrap, 0, 0));
}

TEST(Random, BitsAreTheWordsOfTheBlocksInOrder) {
  Random random(42, RandomStream::weights, 3);
  for (std::uint64_t index = 0; index < 3; ++index) {
    for (const std::uint32_t word : random_block(42, RandomStream::weights, 3, index)) {
      EXPECT_EQ(random.bits(), word);
    }
  }
}

TEST(Random, BelowOfBitsCoversItsRange) {
  static_assert(random_below(0, 7) == 0);
  static_assert(random_below(0xffffffff, 7) == 6);
  static_assert(random_below(0xffffffff, 1) == 0);
  static_assert(random_below(0xffffffff, 0xffffffff) == 0xfffffffe);
}

TEST(Random, UniformLiesInTheUnitIntervalEvenly) {
  Random random(1);
  constexpr int kCount = 100000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const double u = random.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  // Five standard errors.
  EXPECT_NEAR(sum / kCount, 0.5, 5 * std::sqrt(1.0 / 12 / kCount));
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kCount));
}

TEST(Random, NormalHasTheMomentsOfANormal) {
  Random random(2);
  constexpr int kCount = 200000;
  std::array<double, 5> moments{};
  double beyond_three = 0, neighbours = 0, previous = 0;
  for (int i = 0; i < kCount; ++i) {
    const double z = random.normal();
    ASSERT_TRUE(std::isfinite(z));
    double power = 1;
    for (double& moment : moments) {
      moment += power / kCount;
      power *= z;
    }
    beyond_three += std::fabs(z) > 3;
    neighbours += z * previous / kCount;  // two neighbours share one radius: still uncorrelated
    previous = z;
  }
  const double error = 5 / std::sqrt(static_cast<double>(kCount));
  EXPECT_NEAR(moments[1], 0, error);
  EXPECT_NEAR(moments[2], 1, error * std::sqrt(2.0));
  EXPECT_NEAR(moments[3], 0, error * std::sqrt(15.0));
  EXPECT_NEAR(moments[4], 3, error * std::sqrt(96.0));
  EXPECT_NEAR(neighbours, 0, error);
  EXPECT_NEAR(beyond_three / kCount, 0.0026998, 5 * std::sqrt(0.0027 / kCount));
}

TEST(Random, BelowIsExactAndEven) {
  Random random(3);
  constexpr std::uint64_t kSides = 6;
  constexpr int kCount = 60000;
  std::array<int, kSides> counts{};
  for (int i = 0; i < kCount; ++i) ++counts.at(random.below(kSides));
  for (const int count : counts) EXPECT_NEAR(count, 10000, 5 * std::sqrt(10000.0));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(random.below(1), 0u);
    EXPECT_LT(random.below((std::uint64_t{1} << 63) + 1), (std::uint64_t{1} << 63) + 1);
  }
}

TEST(Random, ARandomOrderIsAPermutation) {
  for (const std::int64_t n : {0, 1, 2, 17, 1000}) {
    Random random(4);
    std::vector<std::int64_t> order = random.permutation(n);
    Random again(4);
    EXPECT_EQ(order, again.permutation(n));
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < n; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(order.size(), static_cast<std::size_t>(n));
  }
}

TEST(Random, EveryOrderOfThreeIsAsLikely) {
  Random random(5);
  std::array<int, 6> counts{};
  constexpr int kCount = 12000;
  for (int i = 0; i < kCount; ++i) {
    const std::vector<std::int64_t> p = random.permutation(3);
    ++counts[static_cast<std::size_t>(2 * p[0] + (p[1] > p[2] ? 1 : 0))];
  }
  for (const int count : counts) EXPECT_NEAR(count, kCount / 6, 5 * std::sqrt(kCount / 6.0));
}

}  // namespace
}  // namespace clipk::test
