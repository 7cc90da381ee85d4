#include "clipk/metrics/factor_edits.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "clipk/core/error.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

Factor values(const std::vector<float>& column) {
  Factor factor{.name = "size",
                .values = Matrix<float>(static_cast<std::int64_t>(column.size()), 1)};
  for (std::size_t i = 0; i < column.size(); ++i) {
    factor.values(static_cast<std::int64_t>(i), 0) = column[i];
  }
  return factor;
}

Factor kinds(const std::vector<std::int32_t>& classes) {
  return {.name = "kind", .classes = classes, .class_names = {"a", "b", "c"}};
}

// Four rows; row 3 is of no known kind. Row 0 is edited by rows 1 and 2, row 2 by row 3.
std::vector<Factor> known() {
  std::vector<Factor> factors;
  factors.push_back(kinds({0, 1, 2, -1}));
  factors.push_back(values({0, 10, 5, 2}));
  return factors;
}
const std::vector<std::int64_t> kSources{0, 0, 2}, kDonors{1, 2, 3};

TEST(FactorEdits, DistanceIsOfClassesOrAShareOfTheRange) {
  const std::vector<Factor> factors = known();
  const std::vector<double> ranges = factor_ranges(factors[1]);
  EXPECT_EQ(ranges, (std::vector<double>{10}));
  EXPECT_TRUE(factor_ranges(factors[0]).empty());
  EXPECT_EQ(factor_distance(factors[1], 0, factors[1], 2, ranges), .5);
  EXPECT_EQ(factor_distance(factors[0], 0, factors[0], 1, {}), 1);
  EXPECT_EQ(factor_distance(factors[0], 1, factors[0], 1, {}), 0);
  EXPECT_EQ(factor_ranges(values({NAN, 3, 3}))[0], 1e-30);
}

TEST(FactorEdits, TheEditedFactorIsHeldAgainstTheDonorTheOthersAgainstTheSource) {
  std::vector<Factor> read;
  read.push_back(kinds({1, 0, 2}));  // as the first donor, not as the second; the third is unknown
  read.push_back(values({1, 4, 5}));
  const FactorEditScores of_kind = factor_edit_scores(0, read, known(), kSources, kDonors, .15);
  EXPECT_EQ(of_kind.success, .5);
  EXPECT_TRUE(std::isnan(of_kind.kept[0]));
  EXPECT_DOUBLE_EQ(of_kind.kept[1], 2. / 3);  // 1 and 5 are near 0 and 5, 4 is not near 0
  EXPECT_DOUBLE_EQ(of_kind.drift[1], .5 / 3);
  const FactorEditScores of_size = factor_edit_scores(1, read, known(), kSources, kDonors, .15);
  EXPECT_DOUBLE_EQ(of_size.success, 1. / 3);  // 4 is near 5
  EXPECT_DOUBLE_EQ(of_size.kept[0], 2. / 3);
  EXPECT_TRUE(std::isnan(of_size.drift[1]));
}

TEST(FactorEdits, NothingKnownIsNoFigure) {
  std::vector<Factor> factors, read;
  factors.push_back(kinds({-1, -1}));
  factors.push_back(values({0, 1}));
  read.push_back(kinds({0}));
  read.push_back(values({1}));
  const std::vector<std::int64_t> source{0}, donor{1};
  const FactorEditScores scores = factor_edit_scores(0, read, factors, source, donor, .1);
  EXPECT_TRUE(std::isnan(scores.success));
  EXPECT_EQ(scores.kept[1], 0);
  EXPECT_EQ(scores.drift[1], 1);
}

// A prediction of NaN agrees with nothing.
TEST(FactorEdits, NaNIsNoMatch) {
  std::vector<Factor> factors, read;
  factors.push_back(values({0, 1}));
  factors.push_back(values({0, 1}));
  read.push_back(values({NAN}));
  read.push_back(values({NAN}));
  const std::vector<std::int64_t> source{0}, donor{1};
  const FactorEditScores scores = factor_edit_scores(0, read, factors, source, donor, .1);
  EXPECT_EQ(scores.success, 0);
  EXPECT_EQ(scores.kept[1], 0);
  EXPECT_TRUE(std::isnan(scores.drift[1]));
}

std::string message(std::int64_t edited, const std::vector<Factor>& read,
                    const std::vector<std::int64_t>& sources,
                    const std::vector<std::int64_t>& donors) {
  return error_of([&] { factor_edit_scores(edited, read, known(), sources, donors, .1); });
}

TEST(FactorEdits, BadInputIsNamed) {
  std::vector<Factor> read;
  read.push_back(kinds({1, 0, 2}));
  EXPECT_EQ(message(0, read, kSources, kDonors),
            "factor_edit_scores: expected 2 factors read, got 1");
  read.push_back(values({1, 4, 5}));
  EXPECT_EQ(message(2, read, kSources, kDonors),
            "factor_edit_scores: expected a factor in [0, 2), got 2");
  EXPECT_EQ(message(0, read, kSources, {1}), "factor_edit_scores: expected 3 donors, got 1");
  EXPECT_EQ(message(0, read, {0}, {1}), "factor_edit_scores: expected 1 rows read of kind, got 3");
  EXPECT_EQ(message(0, read, {0, 0, 4}, kDonors),
            "factor_edit_scores: expected rows in [0, 4), got 4");
  EXPECT_EQ(error_of([&] { factor_edit_scores(0, read, known(), kSources, kDonors, NAN); }),
            "factor_edit_scores: expected a tolerance of at least 0, got nan");
  std::swap(read[0], read[1]);
  EXPECT_EQ(message(0, read, kSources, kDonors),
            "factor_edit_scores: expected what is read of kind to be of its kind, got another");
}

}  // namespace
}  // namespace clipk::test
