#include "clipk/models/factor_pairs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "clipk/core/error.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

// 120 rows: shape (3 classes, every fifth row unknown), size (distinct), position (two columns).
std::vector<Factor> make_factors() {
  const std::int64_t n = 120;
  std::vector<Factor> factors(3);
  factors[0].name = "shape";
  factors[0].class_names = {"disc", "square", "star"};
  factors[1].name = "size";
  factors[1].values = Matrix<float>(n, 1);
  factors[2].name = "position";
  factors[2].values = Matrix<float>(n, 2);
  Random random(5, RandomStream::data);
  for (std::int64_t i = 0; i < n; ++i) {
    factors[0].classes.push_back(i % 5 == 4 ? -1 : static_cast<std::int32_t>(i % 3));
    factors[1].values(i, 0) = static_cast<float>((i * 37) % n);
    for (std::int64_t c = 0; c < 2; ++c) factors[2].values(i, c) = random.uniform();
  }
  return factors;
}

TEST(FactorPairs, RowsOfNoKnownValueAreInNoPairOfTheFactor) {
  std::vector<Factor> factors = make_factors();
  for (std::int64_t i = 0; i < 120; ++i) {
    if (i % 4 == 0) factors[1].values(i, 0) = NAN;
    if (i % 6 == 0) factors[2].values(i, 1) = NAN;
  }
  const FactorPairs pairs(factors, 120, {.marks = PairMarks::known, .tolerance = 0.1});
  const FactorPairs::Draw draw = pairs.draw(1, 0, 600);
  for (std::int64_t p = 0; p < 600; ++p) {
    for (const auto* side : {&draw.first, &draw.second}) {
      const std::int32_t i = (*side)[static_cast<std::size_t>(p)];
      if (draw.shared(p, 1) == 1) {
        EXPECT_NE(i % 4, 0);
      }
      if (draw.shared(p, 2) == 1) {
        EXPECT_NE(i % 6, 0);
      }
    }
  }
  EXPECT_FALSE(pairs.agree(1, 4, 4));
}

TEST(FactorPairs, EveryPairSharesTheFactorItIsDrawnFor) {
  const std::vector<Factor> factors = make_factors();
  const FactorPairs pairs(factors, 120, {.marks = PairMarks::known, .tolerance = 0.1});
  const FactorPairs::Draw draw = pairs.draw(1, 0, 600);
  ASSERT_EQ(draw.first.size(), 600u);
  ASSERT_EQ(draw.shared.rows(), 600);
  ASSERT_EQ(draw.shared.cols(), 3);
  for (std::int64_t p = 0; p < 600; ++p) {
    const std::int32_t i = draw.first[static_cast<std::size_t>(p)];
    const std::int32_t j = draw.second[static_cast<std::size_t>(p)];
    EXPECT_NE(i, j);
    EXPECT_EQ(draw.shared(p, p % 3), 1);
    if (p % 3 == 0) {
      const auto& classes = factors[0].classes;
      EXPECT_GE(classes[static_cast<std::size_t>(i)], 0);
      EXPECT_EQ(classes[static_cast<std::size_t>(i)], classes[static_cast<std::size_t>(j)]);
    } else if (p % 3 == 1) {
      // Whole numbers 0 ... 119: ranks are the values.
      EXPECT_LE(std::fabs(factors[1].values(i, 0) - factors[1].values(j, 0)), 12);
    } else {
      for (std::int64_t c = 0; c < 2; ++c) {
        EXPECT_LE(std::fabs(factors[2].values(i, c) - factors[2].values(j, c)), 0.45);
      }
    }
    // The other factors that are marked as shared are shared, and none is missing.
    for (std::int64_t f = 0; f < 3; ++f) {
      EXPECT_EQ(draw.shared(p, f), f == p % 3 || pairs.agree(f, i, j) ? 1 : 0);
    }
  }
}

TEST(FactorPairs, DrawnMarksNameOneFactorAlone) {
  const FactorPairs pairs(make_factors(), 120, {.marks = PairMarks::drawn});
  const FactorPairs::Draw draw = pairs.draw(1, 0, 30);
  for (std::int64_t p = 0; p < 30; ++p) {
    for (std::int64_t f = 0; f < 3; ++f) EXPECT_EQ(draw.shared(p, f), f == p % 3 ? 1 : 0);
  }
}

TEST(FactorPairs, ADrawFollowsFromSeedAndStep) {
  const FactorPairs pairs(make_factors(), 120);
  EXPECT_EQ(pairs.draw(1, 2, 50).second, pairs.draw(1, 2, 50).second);
  EXPECT_NE(pairs.draw(1, 2, 50).second, pairs.draw(1, 3, 50).second);
  EXPECT_NE(pairs.draw(1, 2, 50).second, pairs.draw(2, 2, 50).second);
  EXPECT_EQ(pairs.digest(), FactorPairs(make_factors(), 120).digest());
  std::vector<Factor> other = make_factors();
  std::swap(other[0].classes[0], other[0].classes[1]);
  EXPECT_NE(pairs.digest(), FactorPairs(other, 120).digest());
}

TEST(FactorPairs, WithoutFactorsEveryRowIsTakenInTurn) {
  const FactorPairs pairs({}, 11);
  const FactorPairs::Draw draw = pairs.draw(3, 0, 10);
  EXPECT_EQ(draw.shared.rows(), 10);
  EXPECT_EQ(draw.shared.cols(), 0);
  std::vector<int> seen(11);
  for (std::size_t p = 0; p < 5; ++p) {
    ++seen[static_cast<std::size_t>(draw.first[p])];
    ++seen[static_cast<std::size_t>(draw.second[p])];
  }
  for (const int times : seen) EXPECT_LE(times, 1);
}

// Equal values are near however many there are; others only where they are few between.
TEST(FactorPairs, EqualValuesAgree) {
  Factor levels{.name = "level"};
  levels.values = Matrix<float>(100, 1);
  for (std::int64_t i = 0; i < 100; ++i) levels.values(i, 0) = static_cast<float>(i % 2);
  std::vector<Factor> factors;
  factors.push_back(std::move(levels));
  const FactorPairs pairs(factors, 100, {.tolerance = 0.02});
  const FactorPairs::Draw draw = pairs.draw(1, 0, 200);
  for (std::size_t p = 0; p < 200; ++p) EXPECT_EQ(draw.first[p] % 2, draw.second[p] % 2);
}

// A row that is far from all others still finds one.
TEST(FactorPairs, ALonelyRowTakesTheNearestThereAre) {
  Factor place{.name = "place"};
  place.values = Matrix<float>(50, 2);
  for (std::int64_t i = 0; i < 50; ++i) {
    place.values(i, 0) = static_cast<float>(i);
    place.values(i, 1) = static_cast<float>((i + 25) % 50);
  }
  std::vector<Factor> factors;
  factors.push_back(std::move(place));
  const FactorPairs pairs(factors, 50, {.tolerance = 0.001});
  const FactorPairs::Draw draw = pairs.draw(1, 0, 300);
  for (std::size_t p = 0; p < 300; ++p) {
    EXPECT_NE(draw.first[p], draw.second[p]);
    EXPECT_EQ(draw.shared(static_cast<std::int64_t>(p), 0), 1);
  }
}

TEST(FactorPairs, BadInputIsNamed) {
  const auto message = [](const std::function<void(std::vector<Factor>&)>& change,
                          std::int64_t rows = 120,
                          const FactorPairOptions& options = {}) -> std::string {
    std::vector<Factor> factors = make_factors();
    change(factors);
    return error_of([&] { FactorPairs(factors, rows, options); });
  };
  const auto keep = [](auto&) {};
  EXPECT_EQ(message(keep), "no error");
  EXPECT_EQ(message(keep, 119), "factor shape: expected 119 rows, as the codes have, got 120");
  EXPECT_EQ(message(keep, 120, {.tolerance = 0}),
            "factors: expected a tolerance above 0, at most 1, got 0.000000");
  EXPECT_EQ(message([](auto& f) {
              for (auto& label : f[0].classes) label = label < 0 ? -1 : 1;
            }),
            "factor shape: expected at least 2 values, got 1");
  EXPECT_EQ(message([](auto& f) {
              for (auto& label : f[0].classes) label = -1;
            }),
            "factor shape: expected at least 2 values, got 0");
  EXPECT_EQ(message([](auto& f) {
              for (auto& label : f[0].classes) label = label == 1 ? 0 : label;
              f[0].classes[1] = 1;
            }),
            "factor shape: expected at least 2 rows of class 'square', got 1");
  EXPECT_EQ(message([](auto& f) { f[0].classes[7] = 3; }),
            "factor shape: expected classes from -1 to 2, got 3 in row 7");
  EXPECT_EQ(message([](auto& f) { f[1].values = Matrix<float>(120, 1); }),
            "factor size: expected at least 2 values, got 1");
  EXPECT_EQ(message([](auto& f) { f[2].values = Matrix<float>(120, 2); }),
            "factor position: expected at least 2 values in column 0, got 1");
  EXPECT_EQ(message([](auto& f) { f[1].values(3, 0) = INFINITY; }),
            "factor size: expected finite values, got inf in row 3");
  EXPECT_EQ(message([](auto& f) {
              for (std::int64_t i = 1; i < 120; ++i) f[1].values(i, 0) = NAN;
            }),
            "factor size: expected at least 2 rows that it is known of, got 1");
  EXPECT_EQ(message([](auto& f) { f[1].name = "shape"; }),
            "factors: expected names that differ, got 'shape' twice");
  EXPECT_EQ(pair_marks_named("drawn"), PairMarks::drawn);
  EXPECT_THROW(pair_marks_named("none"), Error);
}

}  // namespace
}  // namespace clipk::test
