// Every kind of picture, with names that are as odd as they come.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "examples/study/picture_scripts.hpp"
#include "study/pictures/chart.hpp"
#include "study/pictures/picture_grid.hpp"
#include "study/pictures/scatter.hpp"

namespace clipk::study {
namespace {

TEST(Pictures, NamesThatAreNoPlainText) {
  const std::vector<std::string>& names = hostile_names();
  const auto n = static_cast<std::int64_t>(names.size());
  expect_readable(script_of(heatmap(names, names)));
  Heatmap odd = heatmap(names, names);
  odd.title = odd.note = odd.panels[0].title = odd.panels[0].x_label = names[0];
  odd.panels[0].texts[0] = names;
  size_of(to_png(odd));

  Matrix<float> points(n, 2);
  Scatter scatter{
      .title = names[0], .points = points, .panels = {{.title = names[5], .names = names}}};
  for (std::int64_t i = 0; i < n; ++i) {
    points(i, 0) = static_cast<float>(i);
    scatter.panels[0].category.push_back(static_cast<std::int32_t>(i));
  }
  size_of(to_png(scatter));

  std::vector<float> pixels(12, .5F);
  PictureGrid grid{.title = names[0], .note = names[8], .shape = {2, 2, 3}};
  for (const std::string& text : names) {
    grid.columns.push_back({.group = text, .name = text, .pictures = {pixels.data()}});
    grid.rows = {text};
  }
  size_of(to_png(grid));

  Figure figure{.title = names[1]};
  for (const std::string& text : names) {
    Panel panel{.title = text, .x_label = text, .y_label = text, .levels = {{text, .5}}};
    panel.series.push_back({text, {1, 2}, {.1, .2}, {}, {}});
    if (figure.panels.size() < 3) figure.panels.push_back(panel);
    figure.panels[0].series.push_back(panel.series[0]);
    figure.panels[0].levels.push_back(panel.levels[0]);
  }
  size_of(to_png(figure));
}

// Names stand as labels: gnuplot takes those of tics for formats.
TEST(Pictures, NoNameIsALabelOfATic) {
  const std::string script = script_of(heatmap({"100% cotton", "50% of"}, {"0% worn", "1"}));
  EXPECT_EQ(script.find("tics ("), std::string::npos);
  for (const char* text : {"\"100% cotton\"", "\"50% of\"", "\"0% worn\""}) {
    EXPECT_EQ(count(script, std::string("set label ") + text), 1u) << text;
  }
}

}  // namespace
}  // namespace clipk::study
