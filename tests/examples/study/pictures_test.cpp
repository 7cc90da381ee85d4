#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "cluster/pictures.hpp"
#include "study/chart.hpp"
#include "study/gnuplot.hpp"
#include "study/heatmap.hpp"
#include "study/picture_grid.hpp"
#include "study/picture_text.hpp"
#include "study/scatter.hpp"
#include "study/text.hpp"
#include "support/error_of.hpp"

namespace clipk::study {
namespace {

using test::error_of;

constexpr const char* kNowhere = "\xF4\x8F\xBF\xBD";  // U+10FFFD: no font has it
constexpr const char* kReplacement = "\uFFFD";

struct Size {
  int width = 0, height = 0;
};

Size size_of(const std::string& png) {
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(png.substr(png.size() - 8, 4), "IEND");
  const auto big_endian = [&](std::size_t at) {
    int value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = value << 8 | static_cast<unsigned char>(png[at + i]);
    return value;
  };
  return {big_endian(16), big_endian(20)};
}

// One label of a script: a box on the page, in pixels from the lower left.
struct Drawn {
  std::string text;
  double left = 0, right = 0, bottom = 0, top = 0;
  double points = 0;
};

struct Script {
  Size page;
  std::vector<Drawn> labels;  // that stand on the page, level ones and upright ones
  std::vector<std::vector<Drawn>> panels;
};

// The text that a quoted literal at the line's beginning stands for.
std::string unquoted(const std::string& line, std::size_t& at) {
  std::string text;
  for (++at; at < line.size() && line[at] != '"'; ++at) {
    if (line[at] == '\\') ++at;
    text += line[at];
  }
  ++at;
  return text;
}

// What a script writes on the page: the boxes that its labels take.
Script parsed(const std::string& script) {
  Script found;
  const std::size_t size = script.find(" size ");
  std::sscanf(script.c_str() + size, " size %d,%d", &found.page.width, &found.page.height);
  found.panels.emplace_back();
  for (std::size_t at = 0; at < script.size();) {
    const std::size_t end = std::min(script.find('\n', at), script.size());
    const std::string line = script.substr(at, end - at);
    at = end + 1;
    if (line == "unset label" && !found.panels.back().empty()) found.panels.emplace_back();
    if (line.rfind("set label \"", 0) != 0) continue;
    std::size_t rest = 10;
    Drawn drawn{.text = unquoted(line, rest)};
    double x = 0, y = 0;
    char align[16] = "";
    int rotation = 0;
    if (std::sscanf(line.c_str() + rest, " at screen %lf,%lf %15s rotate by %d font ',%lf'", &x, &y,
                    align, &rotation, &drawn.points) != 5) {
      continue;
    }
    x *= found.page.width;
    y *= found.page.height;
    const double length = text_width(drawn.text, drawn.points);
    const double thick = drawn.points;  // letters without the air between lines
    const double before = align[0] == 'l' ? 0 : align[0] == 'c' ? .5 : 1;
    if (rotation == 0) {
      drawn.left = x - before * length;
      drawn.right = drawn.left + length;
      drawn.bottom = y - thick / 2;
      drawn.top = y + thick / 2;
    } else if (rotation == 90) {
      drawn.left = x - thick / 2;
      drawn.right = x + thick / 2;
      drawn.bottom = y - before * length;
      drawn.top = drawn.bottom + length;
    } else {  // down at 45 degrees: the end must be on the page
      drawn.left = x - thick / 2;
      drawn.right = x + .71 * length;
      drawn.bottom = y - .71 * length;
      drawn.top = y + thick / 2;
      EXPECT_LE(drawn.right, found.page.width) << drawn.text;
      EXPECT_GE(drawn.bottom, 0) << drawn.text;
      continue;
    }
    found.panels.back().push_back(drawn);
    found.labels.push_back(drawn);
  }
  return found;
}

// No text runs out of the page or over another one, and all are large enough to read.
void expect_readable(const std::string& script) {
  const Script found = parsed(script);
  EXPECT_LE(found.page.width, 3200);
  EXPECT_LE(found.page.height, 3000);
  for (const Drawn& label : found.labels) {
    EXPECT_GE(label.left, 0) << label.text;
    EXPECT_LE(label.right, found.page.width) << label.text;
    EXPECT_GE(label.bottom, 0) << label.text;
    EXPECT_LE(label.top, found.page.height) << label.text;
    EXPECT_GE(label.points, 6) << label.text;
  }
  for (std::size_t a = 0; a < found.labels.size(); ++a) {
    for (std::size_t b = a + 1; b < found.labels.size(); ++b) {
      const Drawn &one = found.labels[a], &other = found.labels[b];
      const bool apart = one.right <= other.left || other.right <= one.left ||
                         one.top <= other.bottom || other.top <= one.bottom;
      EXPECT_TRUE(apart) << one.text << " | " << other.text;
      if (!apart) return;
    }
  }
}

std::string name(std::size_t number, bool with_long_names) {
  return with_long_names ? "a name of a class that nobody would write on a label: number " +
                               std::to_string(number)
                         : "c" + std::to_string(number);
}

std::vector<std::string> names_of(std::size_t count, bool with_long_names) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(name(i, with_long_names));
  return names;
}

// Names that are no plain text to gnuplot, to fonts or to a terminal.
const std::vector<std::string>& hostile_names() {
  static const std::vector<std::string> kNames{
      "100% cotton shirt",
      "50% of",
      "0% worn",
      "100%",
      "%s %d %n %%",
      "it's 'quoted'",
      "'",
      "\"double\"",
      "back\\slash \\n \\",
      "two\nlines\r\nEOD\nEOD",
      "tab\tand\vmore",
      "{/Bold x} a_b^c @d &{e} ~f",
      "`echo bad` $(id) @macro",
      "# no comment",
      "",
      " ",
      std::string("nul\0inside", 10),
      "\x1b[31mred\x1b[0m \x1b]0;title\x07",
      "\x7f\u0080\u009b31m",
      "\xff\xfe bytes \xc3",
      "\u202Eright to left\u202C \u2067isolate",
      "\u6f22\u5b57 \u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940",
      "\U0001F469\u200D\U0001F469\u200D\U0001F467 \U0001F600",
      kNowhere,
      std::string(5000, 'x')};
  return kNames;
}

Heatmap heatmap(const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                std::size_t panels = 1) {
  Heatmap heatmap{.title = "Share of every class in each cluster, %"};
  for (std::size_t p = 0; p < panels; ++p) {
    HeatmapPanel panel{.title = "autoencoder",
                       .x_label = "cluster",
                       .y_label = "class",
                       .columns = columns,
                       .rows = rows};
    panel.values.assign(rows.size(), std::vector<double>(columns.size(), .7));
    panel.texts.assign(rows.size(), std::vector<std::string>(columns.size(), "100"));
    heatmap.panels.push_back(std::move(panel));
  }
  return heatmap;
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(Text, Utf8AsItIsAndMarkedWhereItIsNot) {
  const std::string good = "a\u00e9\u6f22\U0001F600\U0010FFFF";
  EXPECT_EQ(valid_utf8(good), good);
  const auto marked = [](const std::string& text) { return valid_utf8(text); };
  const std::string mark = kReplacement;
  EXPECT_EQ(marked("a\x80z"), "a" + mark + "z");
  EXPECT_EQ(marked("\xC3"), mark);                        // breaks off
  EXPECT_EQ(marked("\xE6\xBC"), mark);                    // one sequence, one mark
  EXPECT_EQ(marked("\xC0\xAF"), mark + mark);             // longer than needed
  EXPECT_EQ(marked("\xED\xA0\x80"), mark + mark + mark);  // half of a pair
  EXPECT_EQ(marked("\xF4\x90\x80\x80"), mark + mark + mark + mark);
}

TEST(Text, NothingThatATerminalObeys) {
  const std::string mark = kReplacement;
  EXPECT_EQ(printable("\x1b[2J\x07\x7f\u009b1m"), mark + "[2J" + mark + mark + mark + "1m");
  EXPECT_EQ(printable("two\nlines\tand"), "two\nlines\tand");
  EXPECT_EQ(printable("\r\u202eabc\u2066"), mark + mark + "abc" + mark);
  EXPECT_EQ(one_line("two\r\nlines\tand\u2028more"), "two lines and more");
  for (const std::string& text : hostile_names()) {
    for (const char32_t c : code_points(one_line(text))) {
      EXPECT_FALSE(c < 0x20 || (c >= 0x7F && c < 0xA0)) << text;
    }
  }
}

TEST(Text, WidthIsThatOfATerminal) {
  EXPECT_EQ(width("abc"), 3u);
  EXPECT_EQ(width("\u00e9t\u00e9"), 3u);
  EXPECT_EQ(width("e\u0301te\u0301"), 3u);
  EXPECT_EQ(width("\u6f22\u5b57"), 4u);
  EXPECT_EQ(width("\xff\xff"), 2u);
}

TEST(Text, ShortenedKeepsWholeCharacters) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefg", 6), "abc...");
  EXPECT_EQ(shortened("ab cdefg", 6), "ab...");
  EXPECT_EQ(shortened("\u6f22\u5b57\u6f22\u5b57", 8), "\u6f22\u5b57\u6f22\u5b57");
  EXPECT_EQ(shortened("\u6f22\u5b57\u6f22\u5b57", 7), "\u6f22\u5b57...");
  EXPECT_EQ(shortened("abe\u0301\u0301defgh", 6),
            "abe\u0301\u0301...");  // accents with their letter
}

TEST(PictureText, LiteralsOfGnuplot) {
  EXPECT_EQ(literal("100% it's 50% of @x"), "\"100% it's 50% of @x\"");
  EXPECT_EQ(literal("\\n \"x\" \\"), R"("\\n \"x\" \\")");
  EXPECT_EQ(literal("`id`"), R"("\140id\140")");
  EXPECT_EQ(literal("two\nlines"), "\"two lines\"");
  EXPECT_EQ(literal(std::string("a\0b", 3)), literal("a\u0001b"));
}

TEST(PictureText, CharactersThatNoFontHasAreReplaced) {
  // gnuplot would draw a box over the page.
  EXPECT_EQ(literal(kNowhere), literal(kReplacement));
  EXPECT_EQ(to_png(heatmap({kNowhere, "b"}, {"0", "1"})),
            to_png(heatmap({kReplacement, "b"}, {"0", "1"})));
}

TEST(PictureText, FittedKeepsBothEnds) {
  EXPECT_EQ(fitted("short", 100, 12), "short");
  const std::string cut = fitted(name(37, true), 200, 11);
  EXPECT_LE(text_width(cut, 11), 200);
  EXPECT_GT(text_width(cut, 11), 160);
  EXPECT_EQ(cut.substr(0, 6), "a name");
  EXPECT_EQ(cut.substr(cut.size() - 3), " 37");
  EXPECT_EQ(fitted("abc", 1, 11), "...");
}

// Every kind of picture, with names that are as odd as they come.
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

TEST(PictureGrid, PagesOfAnySizeCanBeRead) {
  struct Form {
    std::int64_t side;
    std::size_t columns, rows;
  };
  for (const bool with_long_names : {false, true}) {
    for (const Form form : {Form{1, 1, 1}, {8, 40, 8}, {28, 10, 8}, {28, 300, 8}, {224, 40, 8}}) {
      const std::vector<float> pixels(static_cast<std::size_t>(form.side * form.side), .5F);
      PictureGrid grid{.title = "a with one block of b",
                       .note = "2 of 80 swaps",
                       .shape = {form.side, form.side, 1}};
      for (std::size_t c = 0; c < form.columns; ++c) {
        grid.columns.push_back({.group = name(c / 5, with_long_names),
                                .name = name(c, with_long_names),
                                .pictures = std::vector<const float*>(form.rows, pixels.data())});
      }
      SCOPED_TRACE(form.columns);
      const std::string script = script_of(grid);
      expect_readable(script.substr(0, script.find("plot '-'")));
      const Size size = size_of(to_png(grid));
      EXPECT_EQ(size.width, parsed(script).page.width);
    }
  }
}

TEST(PictureGrid, PixelsAsTheyAreOrTheMeanOfMany) {
  // Red, green, blue and white, from the upper left.
  const std::vector<float> pixels{1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 2};
  PictureGrid grid{.shape = {2, 2, 3}, .columns = {{.pictures = {pixels.data()}}}, .widest = 4};
  const std::string plain = script_of(grid);
  EXPECT_EQ(plain.substr(plain.size() - 12),
            std::string("\xFF\0\0\0\xFF\0\0\0\xFF\xFF\xFF\xFF", 12));
  // Three rows become one, the last two another.
  std::vector<float> tall(3200, 0);
  for (std::size_t i = 0; i < tall.size(); i += 2) tall[i] = 1;
  grid = {.shape = {3200, 1, 1}, .columns = {{.pictures = {tall.data()}}}};
  const std::string script = script_of(grid);
  EXPECT_EQ(script.substr(script.size() - 9), "\xAA\xAA\xAA\x55\x55\x55\x80\x80\x80");
}

TEST(PictureGrid, RefusesColumnsOfDifferentLengths) {
  const std::vector<float> pixels(1);
  PictureGrid grid{.shape = {1, 1, 1},
                   .columns = {{.pictures = {pixels.data()}}, {.pictures = {}}}};
  EXPECT_HAS(error_of([&] { to_png(grid); }), "picture grid: expected columns of 1 pictures");
  grid.columns.clear();
  EXPECT_HAS(error_of([&] { to_png(grid); }), "picture grid: expected at least 1 picture");
}

}  // namespace
}  // namespace clipk::study
