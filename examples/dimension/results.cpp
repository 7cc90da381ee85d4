#include "dimension/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "dimension/pictures.hpp"
#include "study/table.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

constexpr std::size_t kColumns = 100;  // of a line for the terminal

Json row_of(const DimensionFigures& figures, const char* split, const SetFigures& set,
            double seconds) {
  const auto count = [&](double value) {
    return set.sets == 1 ? Json(static_cast<std::int64_t>(value)) : Json(value);
  };
  return {{"method", figures.method},
          {"dim", figures.dim},
          {"split", split},
          {"i2t_matched", count(set.i2t.matched)},
          {"i2t_top1", set.i2t.top1},
          {"t2i_matched", count(set.t2i.matched)},
          {"t2i_top1", set.t2i.top1},
          {"r5", (set.i2t.r5 + set.t2i.r5) / 2},
          {"r10", (set.i2t.r10 + set.t2i.r10) / 2},
          {"stress1", set.stress1},
          {"kendall_distance", set.kendall_distance},
          {"seconds", seconds},
          {"i2t_r5", set.i2t.r5},
          {"i2t_r10", set.i2t.r10},
          {"t2i_r5", set.t2i.r5},
          {"t2i_r10", set.t2i.r10},
          {"map_stress1", set.map_stress1},
          {"map_kendall_distance", set.map_kendall_distance}};
}

Json json_of(const Interval& interval) {
  return {{"change", interval.estimate}, {"low", interval.low}, {"high", interval.high}};
}

Json json_of(const SmallestDimension& smallest) {
  const auto json = [](const std::optional<int>& dim) { return dim ? Json(*dim) : Json(); };
  return {{"i2t", json(smallest.i2t)}, {"t2i", json(smallest.t2i)}};
}

bool is_estimated(const DimensionFindings& found) {
  return std::max(found.pairs, found.images) > kMostRowsOrdered;
}

void print_figures(Run& run, const DimensionFindings& found) {
  std::vector<std::string> head{"method",          "dim", "i2t", "t2i", "R@5", "Stress-1",
                                "Kendall distance"};
  if (found.splits > 0) head.insert(head.end(), {"new i2t", "new t2i"});
  head.emplace_back("s");
  Table table(head);
  std::string last;
  for (const DimensionFigures& of : found.figures) {
    if (!last.empty() && of.method != last) table.add_rule();
    last = of.method;
    std::vector<std::string> cells{of.method,
                                   std::to_string(of.dim),
                                   fmt::format("{:.0f}", of.all.i2t.matched),
                                   fmt::format("{:.0f}", of.all.t2i.matched),
                                   fmt::format("{:.3f}", (of.all.i2t.r5 + of.all.t2i.r5) / 2),
                                   fmt::format("{:.4f}", of.all.stress1),
                                   fmt::format("{:.4f}", of.all.kendall_distance)};
    if (of.held) {
      cells.push_back(fmt::format("{:.3f}", of.held->i2t.top1));
      cells.push_back(fmt::format("{:.3f}", of.held->t2i.top1));
    }
    cells.push_back(fmt::format("{:.1f}", of.all_seconds + of.split_seconds));
    table.add(cells);
  }
  run.print(table.text());
  run.print(wrapped(
      found.repeated.indexed
          ? "i2t: images that find one of their texts first; t2i: texts that find their image "
            "first; new: shares of the held-out images and of their texts."
          : "i2t: images that find their own text first; t2i: texts that find their image first; "
            "new: shares of the held-out pairs.",
      kColumns));
  run.print(wrapped(
      "Kendall distance: share of the comparisons of two distances between images that the map "
      "reverses, (1 - Kendall's tau) / 2; 0: same order, 0.5: chance.",
      kColumns));
  if (is_estimated(found)) {
    run.print(fmt::format("Above {} images the Kendall distance is estimated from {} quadruples.",
                          kMostRowsOrdered, kSampledOrders));
  }
}

void print_smallest(Run& run, const DimensionFindings& found) {
  run.print(fmt::format(
      "\nSmallest dimension whose 95 % interval of the change of top-1 accuracy stays above -{:g}:",
      found.margin));
  std::vector<std::string> head{"method", "i2t", "t2i"};
  if (found.splits > 0) head.insert(head.end(), {"new i2t", "new t2i"});
  Table table(head);
  for (const std::string& method : methods_of(found)) {
    std::vector<std::string> cells{method};
    for (const bool held_out : {false, true}) {
      if (held_out && found.splits == 0) continue;
      const SmallestDimension smallest = smallest_dimension(found, method, held_out);
      for (const std::optional<int>& dim : {smallest.i2t, smallest.t2i}) {
        cells.push_back(dim ? std::to_string(*dim) : "-");
      }
    }
    table.add(cells);
  }
  run.print(table.text());
}

}  // namespace

void print_results(Run& run, const DimensionFindings& found) {
  print_figures(run, found);
  if (const std::string reason = cannot_be_safe(found); !reason.empty()) {
    run.print("Note: " + reason);
  }
  print_smallest(run, found);
}

void write_results(Run& run, const DimensionFindings& found) {
  for (const DimensionFigures& of : found.figures) {
    run.add_row(row_of(of, "all", of.all, of.all_seconds));
    if (!of.held) continue;
    run.add_row(row_of(of, "train", *of.train, of.split_seconds));
    run.add_row(row_of(of, "heldout", *of.held, of.split_seconds));
  }
  if (found.repeated.any()) run.result("repeated_rows") = json_of(found.repeated);
  if (is_estimated(found)) run.result("kendall_distance_quadruples") = kSampledOrders;
  run.result("match") = json_of(found.match);
  const std::string reason = cannot_be_safe(found);
  run.result("no_dimension_is_safe") = reason.empty() ? Json() : Json(reason);
  Json smallest = Json::object();
  for (const std::string& method : methods_of(found)) {
    Json& of_method = smallest[method] = Json::object();
    of_method["in_sample"] = json_of(smallest_dimension(found, method, /*held_out=*/false));
    if (found.splits == 0) continue;
    of_method["held_out"] = json_of(smallest_dimension(found, method, /*held_out=*/true));
  }
  run.result("smallest_dim") = std::move(smallest);
  run.result("margin") = found.margin;
  Json intervals = Json::array();
  for (const DimensionChange& change : found.changes) {
    intervals.push_back({{"method", change.method},
                         {"dim", change.dim},
                         {"split", change.held_out ? "heldout" : "all"},
                         {"i2t", json_of(change.i2t)},
                         {"t2i", json_of(change.t2i)}});
  }
  run.result("intervals") = std::move(intervals);
  run.add_picture("quality.png", [&] { return to_png(dimension_figure(found)); });
}

}  // namespace clipk::study
