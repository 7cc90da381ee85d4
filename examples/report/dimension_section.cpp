#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "dimension/dimension_study.hpp"
#include "dimension/pictures.hpp"
#include "report/sections.hpp"
#include "report/words.hpp"
#include "study/pictures/chart.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kMostCompared = 4000;  // pairs of the dimension study: n^2 distances
constexpr int kSplits = 5;

// Halves of the width, down to 16 or to what few columns allow.
std::vector<int> dims_below(std::int64_t full) {
  std::vector<int> dims;
  for (std::int64_t dim = full / 2; dim >= 1 && dims.size() < 5; dim /= 2) {
    dims.push_back(static_cast<int>(dim));
    if (dim <= 16 && dims.size() > 1) break;
  }
  return dims;
}

// As the study draws it, in the words of the page, with the level that is still safe.
Figure page_figure(const DimensionFindings& found, bool held_out) {
  Figure figure{.title = "", .panel_width = 460, .height = 420};
  for (const bool image_query : {true, false}) {
    Panel panel = dimension_panel(found, held_out, image_query);
    const double level = panel.levels.front().y;
    panel.title = image_query ? "image to text" : "text to image";
    panel.x_label = "dimensions";
    panel.y_label = "partner found first";
    panel.levels = {
        {fmt::format("all {}", found.dim), level},
        {fmt::format("{:g} points less", 100 * found.margin), std::max(level - found.margin, 0.0)}};
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

PageTable dimension_table(const DimensionFindings& found, bool held_out) {
  PageTable table{
      .caption =
          held_out
              ? "Change of the share that finds its partner first, in "
                "points: pairs the map has not seen"
              : "Change of the share that finds its partner first, in points: the fitted pairs",
      .head = {"map", "dimensions", "image to text", "95 % interval", "text to image",
               "95 % interval"}};
  const auto bounds = [](const Interval& interval) {
    return fmt::format("{} to {}", signed_text(100 * interval.low),
                       signed_text(100 * interval.high));
  };
  for (const DimensionChange& change : found.changes) {
    if (change.held_out != held_out) continue;
    table.rows.push_back({change.method, std::to_string(change.dim),
                          signed_text(100 * change.i2t.estimate), bounds(change.i2t),
                          signed_text(100 * change.t2i.estimate), bounds(change.t2i)});
  }
  return cut(std::move(table));
}

}  // namespace

PageSection dimension_section(Run& run, const ReportData& data, const ReportSettings& settings) {
  PageSection section{.id = "dimension",
                      .title = "How small can the vectors be?",
                      .question =
                          "Vectors with fewer dimensions take less memory and are searched "
                          "faster. How few are enough for an image to find its own text, "
                          "and a text its image, as often as before?"};
  const std::int64_t all = data.pairs.size();
  const EmbeddingPairs pairs = select_pairs(
      data.pairs,
      drawn_rows(all, kMostCompared, Random(run.options().seed, RandomStream::report_dimensions)));
  const EqualRows equal = pairs.size() < all ? equal_rows(pairs.images, pairs.texts,
                                                          /*paired=*/true, pairs.image_of_text)
                                             : data.equal;
  DimensionArguments arguments;
  arguments.settings.dims = dims_below(data.pairs.dim());
  if (arguments.settings.dims.empty()) {
    say_left_out("vectors of one dimension cannot be made smaller", section);
    return section;
  }
  // All dimensions, too: stored in fewer bytes they may be the smallest safe size.
  arguments.settings.dims.insert(arguments.settings.dims.begin(),
                                 static_cast<int>(data.pairs.dim()));
  arguments.dims_chosen = true;
  arguments.settings.methods = {"pca", "paired"};
  arguments.settings.bytes = true;
  arguments.settings.splits = kSplits;
  arguments.settings.margin = settings.margin;
  Run& part = run.part("dimension");
  const DimensionFindings found = run_dimension_study(part, pairs, equal, arguments);
  say_dimension(found, section);
  if (pairs.size() < all) {
    section.caveats.push_back(
        fmt::format("This part looks at {} of the {} pairs, drawn at random. To find a partner "
                    "among more is harder.",
                    pairs.size(), all));
  }
  section.caveats.emplace_back(
      "Only linear maps are tried here. The program dimension_study also trains networks, which "
      "keep "
      "more of the pairs they are fitted to, and measures whether they do so for new ones.");
  for (const bool held_out : {true, false}) {
    if (held_out && found.splits == 0) continue;
    std::string png;
    if (!run.attempt("the chart of dimensions",
                     [&] { png = to_png(page_figure(found, held_out)); })) {
      continue;
    }
    section.pictures.push_back(
        {.png = std::move(png),
         .alt = fmt::format(
             "Two charts, image to text and text to image: share of {} that find their partner "
             "first, by dimensions from {} to {}, for each map, with 95 % bands around each line "
             "and dashed lines at the share with all {} dimensions and at {:g} points less.",
             held_out ? "new pairs" : "the fitted pairs", arguments.settings.dims.back(),
             arguments.settings.dims.front(), found.dim, 100 * found.margin),
         .caption = held_out ? "Pairs that the maps have not seen. Bands: 95 % intervals of the "
                               "change against all dimensions. A dimension is safe where its "
                               "whole band lies above the lower dashed line."
                             : "The pairs that the maps were fitted to."});
  }
  section.tables.push_back(dimension_table(found, found.splits > 0));
  return section;
}

}  // namespace clipk::study
