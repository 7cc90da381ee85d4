#include "dimension/pictures.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace clipk::study {
namespace {

// The dimensions that are labelled: all but those whose labels would run into a larger one's.
std::vector<double> ticks(std::vector<double> dims) {
  std::sort(dims.rbegin(), dims.rend());
  std::vector<double> kept;
  for (const double dim : dims) {
    if (kept.empty() || kept.back() >= 1.5 * dim) kept.push_back(dim);
  }
  return kept;
}

}  // namespace

Panel dimension_panel(const DimensionFindings& found, bool held_out, bool image_query) {
  const double level = image_query ? (held_out ? found.held_i2t_top1 : found.i2t_top1)
                                   : (held_out ? found.held_t2i_top1 : found.t2i_top1);
  Panel panel{.x_label = "dimension",
              .y_label = "pairs matched",
              .levels = {{fmt::format("all {} dimensions", found.dim), level}},
              .log_x = true,
              .percent_y = true};
  for (const std::string& method : methods_of(found)) {
    Series series{.label = method};
    bool trained = false;
    for (const DimensionChange& change : found.changes) {
      if (change.method != method || change.held_out != held_out) continue;
      trained = trained || change.trained;
      const Interval& interval = image_query ? change.i2t : change.t2i;
      series.x.push_back(change.dim);
      series.y.push_back(level + interval.estimate);
      series.low.push_back(std::max(level + interval.low, 0.0));
      series.high.push_back(std::min(level + interval.high, 1.0));
    }
    if (!trained) series.label += " (start, untrained)";
    panel.x_ticks = ticks(series.x);
    panel.series.push_back(std::move(series));
  }
  return panel;
}

namespace {

Panel size_panel(const DimensionFindings& found, const std::string& method, bool held_out,
                 bool image_query) {
  const double level = image_query ? (held_out ? found.held_i2t_top1 : found.i2t_top1)
                                   : (held_out ? found.held_t2i_top1 : found.t2i_top1);
  Panel panel{
      .title = fmt::format("{}, {}", image_query ? "image to text" : "text to image",
                           held_out ? "new pairs" : "the fitted pairs"),
      .x_label = "bytes of a stored vector",
      .y_label = "pairs matched",
      .levels = {{fmt::format("all {} dimensions, {} bytes", found.dim, 4 * found.dim), level}},
      .log_x = true,
      .percent_y = true};
  std::vector<double> bytes;
  for (const SizeChange& size : found.sizes) {
    if (size.method != method || size.held_out != held_out) continue;
    auto series = std::find_if(panel.series.begin(), panel.series.end(),
                               [&](const Series& of) { return of.label == size.storage; });
    if (series == panel.series.end()) {
      panel.series.push_back({.label = size.storage});
      series = panel.series.end() - 1;
    }
    series->x.push_back(static_cast<double>(size.bytes));
    series->y.push_back(level + (image_query ? size.i2t : size.t2i).estimate);
    bytes.push_back(static_cast<double>(size.bytes));
  }
  panel.x_ticks = ticks(std::move(bytes));
  return panel;
}

}  // namespace

Figure size_figure(const DimensionFindings& found) {
  const bool paired = std::any_of(found.sizes.begin(), found.sizes.end(),
                                  [](const SizeChange& size) { return size.method == "paired"; });
  const std::string method = paired ? "paired" : found.sizes.front().method;
  Figure figure{.title = fmt::format("Top-1 retrieval by bytes of a vector, method {}", method),
                .panel_width = found.splits == 0 ? 640 : 500,
                .height = 560};
  for (const bool held_out : {false, true}) {
    if (held_out && found.splits == 0) continue;
    for (const bool image_query : {true, false}) {
      figure.panels.push_back(size_panel(found, method, held_out, image_query));
    }
  }
  return figure;
}

Figure dimension_figure(const DimensionFindings& found) {
  Figure figure{.title = "Top-1 retrieval by dimension",
                .panel_width = found.splits == 0 ? 640 : 500,
                .height = 560};
  for (const bool held_out : {false, true}) {
    if (held_out && found.splits == 0) continue;
    for (const bool image_query : {true, false}) {
      Panel panel = dimension_panel(found, held_out, image_query);
      panel.title = fmt::format("{}, {}", image_query ? "image to text" : "text to image",
                                held_out ? "new pairs" : "the fitted pairs");
      figure.panels.push_back(std::move(panel));
    }
  }
  return figure;
}

}  // namespace clipk::study
