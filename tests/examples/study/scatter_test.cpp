#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "examples/study/picture_scripts.hpp"
#include "study/pictures/scatter.hpp"

namespace clipk::study {
namespace {

// `count` categories of falling size around points of their own.
struct Map {
  Map(std::int64_t n, std::int32_t categories) : points(n, 2) {
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t few = std::min(categories, 3);
      const auto c = static_cast<std::int32_t>(i / 2 % (i % 2 == 0 ? categories : few));
      category.push_back(c);
      points(i, 0) = static_cast<float>(c % 30) + .01F * static_cast<float>(i % 17);
      points(i, 1) = static_cast<float>(c / 30) + .01F * static_cast<float>(i % 13);  // NOLINT
    }
  }
  Matrix<float> points;
  std::vector<std::int32_t> category;
};

TEST(Scatter, AnyNumberOfCategoriesCanBeRead) {
  for (const bool with_long_names : {false, true}) {
    for (const std::int32_t categories : {1, 2, 10, 40, 100, 1000}) {
      Map map(3000, categories);
      map.category[5] = -1;
      const auto names = names_of(static_cast<std::size_t>(categories), with_long_names);
      const Scatter scatter{
          .title = "t-SNE",
          .points = map.points,
          .panels = {{.title = "by class", .category = map.category, .names = names},
                     {.title = "by cluster", .category = map.category, .names = names}}};
      SCOPED_TRACE(categories);
      const std::string script = script_of(scatter);
      const Script found = parsed(script);
      EXPECT_EQ(found.page.width, 1520);
      EXPECT_LE(found.page.height, 1150);
      const auto shown = std::min<std::size_t>(names.size(), kScatterCategories);
      const bool others = shown < names.size();
      EXPECT_EQ(found.labels.size(), 2 * (shown + (others ? 1 : 0) + 1));
      for (const auto& panel : found.panels) EXPECT_LE(panel.size(), kScatterCategories + 2);
      if (others) {
        EXPECT_EQ(count(script, std::to_string(names.size() - shown) + " others"), 2u);
      }
      expect_readable(script);
    }
  }
}

// The forms and colours of the points of a script, as they stand in its data.
std::set<std::string> marks_of(const std::string& script) {
  std::set<std::string> marks;
  for (std::size_t at = script.find("$points0 << EOD\n") + 16;
       script.compare(at, 4, "EOD\n") != 0;) {
    const std::size_t end = script.find('\n', at);
    std::size_t second = script.find(' ', script.find(' ', at) + 1);
    marks.insert(script.substr(second, end - second));
    at = end + 1;
  }
  return marks;
}

TEST(Scatter, EveryNamedCategoryHasAMarkOfItsOwn) {
  for (const std::int32_t categories : {1, 10, 20, 21, 500}) {
    const Map map(5000, categories);
    const Scatter scatter{
        .points = map.points,
        .panels = {{.category = map.category,
                    .names = names_of(static_cast<std::size_t>(categories), false)}}};
    EXPECT_EQ(marks_of(script_of(scatter)).size(), std::min(categories, 21)) << categories;
  }
}

TEST(Scatter, ManyPointsAreDrawnInPart) {
  const Map map(120'000, 4);
  const Scatter scatter{.points = map.points,
                        .panels = {{.category = map.category, .names = names_of(4, false)}}};
  const std::string script = script_of(scatter);
  EXPECT_EQ(count(script, "50000 of 120000 points"), 1u);
  expect_readable(script);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_LT(to_png(scatter).size(), 1'500'000u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(Scatter, PointsThatSpanNothingOrTooMuch) {
  for (const float value : {0.0F, 1e9F, 3e38F, NAN, INFINITY}) {
    Matrix<float> points(3, 2);
    points(1, 0) = value;
    points(2, 1) = -value;
    size_of(to_png(Scatter{.points = points, .panels = {{.category = {0, 0, 0}, .names = {"a"}}}}));
  }
  size_of(to_png(Scatter{.points = Matrix<float>(0, 2), .panels = {{}}}));
}

}  // namespace
}  // namespace clipk::study
