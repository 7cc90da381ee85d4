#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "examples/study/picture_scripts.hpp"
#include "io/files.hpp"
#include "study/pictures/chart.hpp"
#include "support/error_of.hpp"

namespace clipk::study {
namespace {

using test::error_of;

Figure figure() {
  Series series{"it's_a line", {16, 32, 64}, {.1, .5, .6}, {.05, .4, .5}, {.2, .6, .7}};
  return {.title = "A 'quoted' title",
          .panels = {{.title = "image \u2192 text",
                      .x_label = "dimension",
                      .y_label = "top-1",
                      .series = {series},
                      .levels = {{"all", .55}},
                      .x_ticks = {16, 32, 64},
                      .log_x = true,
                      .percent_y = true},
                     {.title = "one point", .series = {{"p", {1}, {1}, {}, {}}}}}};
}

TEST(Chart, IsAPngOfItsSizeAndTheSameBytesAgain) {
  const std::string png = to_png(figure());
  ASSERT_GT(png.size(), 5000u);
  EXPECT_EQ(size_of(png).width, 2 * 620);
  EXPECT_EQ(size_of(png).height, 520);
  EXPECT_EQ(to_png(figure()), png);
}

TEST(Chart, RefusesSeriesOfDifferentLengths) {
  Figure broken = figure();
  broken.panels[0].series[0].y.pop_back();
  EXPECT_HAS(error_of([&] { to_png(broken); }),
             "chart: expected 3 values for series 'it's_a line', got 2");
}

TEST(Chart, TheLegendHasRoomForAnyNumberOfSeries) {
  for (const bool with_long_names : {false, true}) {
    for (const std::size_t series : {1u, 2u, 10u, 40u}) {
      Figure many{.title = "Top-1", .panels = {{.levels = {{"all", .5}, {"less", .4}}}}};
      for (std::size_t s = 0; s < series; ++s) {
        many.panels[0].series.push_back({name(s, with_long_names), {1, 2}, {.1, .2}, {}, {}});
      }
      SCOPED_TRACE(series);
      const std::string script = script_of(many);
      EXPECT_EQ(parsed(script).labels.size(), series + 2);
      expect_readable(script);
    }
  }
}

// What follows "nohead" of each sample in the legend, and "point" of its mark.
TEST(Chart, EverySampleOfTheLegendIsDrawnInItsOwnWay) {
  Figure many{.panels = {{}}};
  for (std::size_t s = 0; s < 21; ++s) {
    many.panels[0].series.push_back({name(s, false), {1, 2}, {.1, .2}, {}, {}});
  }
  for (const char* label : {"all", "less", "least"}) many.panels[0].levels.push_back({label, .5});
  const std::string script = script_of(many);
  std::set<std::string> lines;
  for (std::size_t at = script.find("nohead"); at != std::string::npos;
       at = script.find("nohead", at + 1)) {
    lines.insert(script.substr(at, script.find('\n', at) - at));
  }
  EXPECT_EQ(lines.size(), 24u);
}

TEST(Chart, TicksWhoseLabelsWouldTouchAreLeftOut) {
  Figure crowded{.panels = {{.series = {{"s", {}, {}, {}, {}}}, .log_x = true}}};
  for (int x = 1; x <= 512; ++x) {
    crowded.panels[0].series[0].x.push_back(x);
    crowded.panels[0].series[0].y.push_back(1);
  }
  crowded.panels[0].x_ticks = crowded.panels[0].series[0].x;
  const std::string script = script_of(crowded);
  const std::size_t at = script.find("set xtics (");
  const std::string ticks = script.substr(at, script.find('\n', at) - at);
  EXPECT_EQ(count(ticks, "'512' 512"), 1u);
  EXPECT_LT(count(ticks, ","), 20u);
  EXPECT_GT(count(ticks, ","), 5u);
}

TEST(Chart, ValuesThatAreFewEqualOrNone) {
  for (const double value : {0.0, .5, -3.0, 1e12, double{NAN}, double{INFINITY}}) {
    Figure plain{.own_scales = true};
    for (const std::size_t points : {0u, 1u, 2u}) {
      for (const bool log_x : {false, true}) {
        plain.panels.push_back({.series = {{"s",
                                            std::vector<double>(points, 4),
                                            std::vector<double>(points, value),
                                            {},
                                            {}}},
                                .levels = {{"level", value}},
                                .log_x = log_x});
      }
    }
    size_of(to_png(plain));
  }
  size_of(to_png(Figure{}));
}

TEST(Chart, ALongSeriesKeepsItsPeaks) {
  Series loss{.label = "loss"};
  for (int e = 0; e < 100'000; ++e) {
    loss.x.push_back(e);
    loss.y.push_back(e == 31'415 ? 77.5 : 1);
  }
  const std::string script = script_of({.panels = {{.series = {loss}}}});
  EXPECT_EQ(count(script, "31415 77.5 nan nan"), 1u);
  EXPECT_LT(count(script, "\n"), 2000u);
}

}  // namespace
}  // namespace clipk::study
