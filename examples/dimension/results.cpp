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

// `epochs` of a network, 0 where its start was best.
Json row_of(const DimensionFigures& figures, const char* split, const SetFigures& set,
            double seconds, const std::optional<std::int64_t>& epochs) {
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
          {"map_kendall_distance", set.map_kendall_distance},
          {"epochs", epochs.value_or(0)}};
}

Json json_of(const Interval& interval) {
  return {{"change", interval.estimate}, {"low", interval.low}, {"high", interval.high}};
}

Json json_of(const SizeChange* size) {
  if (size == nullptr) return Json();
  return {{"bytes", size->bytes}, {"dim", size->dim}, {"storage", size->storage}};
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
  bool starts = false;
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
      const char* mark = of.split_epochs == 0 ? "*" : "";
      starts = starts || of.split_epochs == 0;
      cells.push_back(fmt::format("{:.3f}{}", of.held->i2t.top1, mark));
      cells.push_back(fmt::format("{:.3f}{}", of.held->t2i.top1, mark));
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
  if (starts) {
    run.print(
        wrapped("*: the network's start, paired axes, untrained: within the fitted pairs "
                "training brought no gain in any split.",
                kColumns));
  }
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

// By method, storage and size, where both kinds of pairs are safe or the first that is.
void print_sizes(Run& run, const DimensionFindings& found) {
  run.print(fmt::format(
      "\nFewest bytes of a stored vector for which both intervals stay above -{:g}, and how:",
      found.margin));
  std::vector<std::string> head{"method", "bytes", "as"};
  if (found.splits > 0) head.insert(head.end(), {"new bytes", "as"});
  Table table(head);
  for (const std::string& method : methods_of(found)) {
    std::vector<std::string> cells{method};
    for (const bool held_out : {false, true}) {
      if (held_out && found.splits == 0) continue;
      const SizeChange* size = smallest_size(found, method, held_out);
      cells.push_back(size != nullptr ? std::to_string(size->bytes) : "-");
      cells.push_back(size != nullptr ? fmt::format("{} {}", size->dim, size->storage) : "-");
    }
    table.add(cells);
  }
  run.print(table.text());
  run.print(fmt::format("The rows as they are take {} bytes.", 4 * found.dim));
}

void write_sizes(Run& run, const DimensionFindings& found) {
  Json sizes = Json::array();
  for (const SizeChange& size : found.sizes) {
    sizes.push_back({{"method", size.method},
                     {"dim", size.dim},
                     {"storage", size.storage},
                     {"bytes", size.bytes},
                     {"split", size.held_out ? "heldout" : "all"},
                     {"i2t_top1", size.i2t_top1},
                     {"t2i_top1", size.t2i_top1},
                     {"r10", size.r10},
                     {"i2t", json_of(size.i2t)},
                     {"t2i", json_of(size.t2i)}});
  }
  run.result("sizes") = std::move(sizes);
  Json smallest = Json::object();
  for (const std::string& method : methods_of(found)) {
    Json& of_method = smallest[method] = Json::object();
    of_method["in_sample"] = json_of(smallest_size(found, method, /*held_out=*/false));
    if (found.splits == 0) continue;
    of_method["held_out"] = json_of(smallest_size(found, method, /*held_out=*/true));
  }
  run.result("smallest_bytes") = std::move(smallest);
  run.add_picture("bytes.png", [&] { return to_png(size_figure(found)); });
}

}  // namespace

void print_results(Run& run, const DimensionFindings& found) {
  print_figures(run, found);
  if (const std::string reason = cannot_be_safe(found); !reason.empty()) {
    run.print("Note: " + reason);
  }
  print_smallest(run, found);
  if (!found.sizes.empty()) print_sizes(run, found);
}

void write_results(Run& run, const DimensionFindings& found) {
  for (const DimensionFigures& of : found.figures) {
    run.add_row(row_of(of, "all", of.all, of.all_seconds, of.all_epochs));
    if (!of.held) continue;
    run.add_row(row_of(of, "train", *of.train, of.split_seconds, of.split_epochs));
    run.add_row(row_of(of, "heldout", *of.held, of.split_seconds, of.split_epochs));
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
  if (!found.sizes.empty()) write_sizes(run, found);
  run.add_picture("quality.png", [&] { return to_png(dimension_figure(found)); });
}

}  // namespace clipk::study
