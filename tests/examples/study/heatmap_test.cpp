#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "cluster/pictures.hpp"
#include "examples/study/picture_scripts.hpp"
#include "io/files.hpp"
#include "study/pictures/heatmap.hpp"
#include "support/error_of.hpp"

namespace clipk::study {
namespace {

using test::error_of;

TEST(Heatmap, AnyNumberOfRowsAndColumnsCanBeRead) {
  for (const bool with_long_names : {false, true}) {
    for (const std::size_t rows : {1u, 2u, 10u, 40u, 100u, 1000u}) {
      for (const std::size_t panels : {1u, 3u}) {
        const auto names = names_of(rows, with_long_names);
        SCOPED_TRACE(rows);
        expect_readable(script_of(heatmap(names, names_of(rows, false), panels)));
        expect_readable(script_of(heatmap(names, names, panels)));
      }
    }
  }
}

TEST(Heatmap, SaysWhatItLeavesOut) {
  const std::string script = script_of(heatmap(names_of(100, true), names_of(41, false)));
  EXPECT_EQ(count(script, "the first 40 of 100 rows; the first 40 of 41 columns"), 1u);
  EXPECT_EQ(count(script, "set label \"a name of"), 40u);
  EXPECT_EQ(count(script_of(heatmap(names_of(40, true), names_of(40, false))), "the first"), 0u);
}

TEST(Heatmap, NumbersThatFitOrAScale) {
  Heatmap wide = heatmap(names_of(40, false), names_of(40, false));
  const auto numbers = [](const std::string& script) { return count(script, " at first "); };
  EXPECT_EQ(numbers(script_of(wide)), 1600u);
  EXPECT_EQ(count(script_of(wide), "colorbox horizontal"), 0u);
  wide.panels[0].texts[3][5] = "0.12345678";
  wide.low = "chance";
  EXPECT_EQ(numbers(script_of(wide)), 0u);
  EXPECT_EQ(count(script_of(wide), "colorbox horizontal"), 1u);
  EXPECT_EQ(count(script_of(wide), "set label \"chance\""), 1u);
  expect_readable(script_of(wide));
  size_of(to_png(wide));
}

TEST(Heatmap, RefusesAnotherForm) {
  Heatmap broken = heatmap({"a", "b"}, {"c"});
  broken.panels[0].texts.pop_back();
  EXPECT_HAS(error_of([&] { to_png(broken); }), "heatmap: expected 2 rows of 1 cells");
  EXPECT_HAS(error_of([&] { to_png(heatmap({}, {})); }), "heatmap: expected at least 1 cell");
}

// Of class c and cluster k: 10 + c points where they are the same, 1 in the next cluster.
Contingency table_of(std::int64_t classes) {
  Matrix<std::int64_t> counts(classes, classes);
  for (std::int64_t c = 0; c < classes; ++c) {
    counts(c, (c + 7) % classes) = 10 + c;
    counts(c, (c + 8) % classes) = 1;
  }
  return contingency(counts);
}

TEST(ConfusionPicture, TheLargestClassesAndTheirClusters) {
  const Heatmap picture =
      confusion_picture({{"kmeans", table_of(100)}, {"dec", table_of(100)}}, names_of(100, false));
  ASSERT_EQ(picture.panels.size(), 2u);
  const HeatmapPanel& panel = picture.panels[0];
  ASSERT_EQ(panel.rows.size(), 40u);
  EXPECT_EQ(panel.rows.front(), "c60");
  EXPECT_EQ(panel.rows.back(), "c99");
  ASSERT_EQ(panel.columns.size(), 40u);
  EXPECT_EQ(panel.columns.front(), "67");  // on the diagonal
  EXPECT_EQ(panel.columns.back(), "6");
  EXPECT_EQ(panel.texts[0][0], "99");  // 70 of 71
  EXPECT_EQ(panel.texts[0][1], "1");
  EXPECT_EQ(picture.note,
            "the 40 largest of 100 classes; 40 of 100 clusters, those matched to these classes "
            "first");
  expect_readable(script_of(picture));
}

TEST(ConfusionPicture, AllOfFewClasses) {
  const Heatmap picture = confusion_picture({{"kmeans", table_of(10)}}, names_of(10, true));
  EXPECT_EQ(picture.panels[0].rows.size(), 10u);
  EXPECT_EQ(picture.panels[0].columns,
            (std::vector<std::string>{"7", "8", "9", "0", "1", "2", "3", "4", "5", "6"}));
  EXPECT_EQ(picture.note, "");
}

}  // namespace
}  // namespace clipk::study
