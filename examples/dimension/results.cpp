#include "dimension/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "clipk/metrics/retrieval.hpp"

namespace clipk::study {
namespace {

// Means over the splits of one kind; one set counts as one split.
Json row_of(const std::string& method, int dim, const std::string& split,
            const std::vector<const Measured*>& sets, double seconds) {
  double matched[2] = {}, top1[2] = {}, r5[2] = {}, r10[2] = {}, geometry[4] = {};
  const double share = 1 / static_cast<double>(sets.size());
  for (const Measured* set : sets) {
    const std::vector<std::int32_t>* ranks[2] = {&set->i2t_ranks, &set->t2i_ranks};
    for (int way = 0; way < 2; ++way) {
      const RetrievalScores scores = retrieval_scores(*ranks[way]);
      matched[way] += share * static_cast<double>(scores.matched);
      top1[way] += share * scores.top1;
      r5[way] += share * scores.r5;
      r10[way] += share * scores.r10;
    }
    const double values[4] = {set->stress1, set->kendall_distance, set->map_stress1,
                              set->map_kendall_distance};
    for (int i = 0; i < 4; ++i) geometry[i] += share * values[i];
  }
  const auto count = [&](double value) {
    return sets.size() == 1 ? Json(static_cast<std::int64_t>(value)) : Json(value);
  };
  return {{"method", method},
          {"dim", dim},
          {"split", split},
          {"i2t_matched", count(matched[0])},
          {"i2t_top1", top1[0]},
          {"t2i_matched", count(matched[1])},
          {"t2i_top1", top1[1]},
          {"r5", (r5[0] + r5[1]) / 2},
          {"r10", (r10[0] + r10[1]) / 2},
          {"stress1", geometry[0]},
          {"kendall_distance", geometry[1]},
          {"seconds", seconds},
          {"i2t_r5", r5[0]},
          {"i2t_r10", r10[0]},
          {"t2i_r5", r5[1]},
          {"t2i_r10", r10[1]},
          {"map_stress1", geometry[2]},
          {"map_kendall_distance", geometry[3]}};
}

std::vector<const Measured*> pointers(const std::vector<Measured>& sets) {
  std::vector<const Measured*> result;
  result.reserve(sets.size());
  for (const Measured& set : sets) result.push_back(&set);
  return result;
}

Json interval_of(const Interval& interval) {
  return {{"change", interval.estimate}, {"low", interval.low}, {"high", interval.high}};
}

// The dimensions that are labelled: all but those whose labels would run into a larger one's.
std::vector<double> ticks(std::vector<double> dims) {
  std::sort(dims.rbegin(), dims.rend());
  std::vector<double> kept;
  for (const double dim : dims) {
    if (kept.empty() || kept.back() >= 1.5 * dim) kept.push_back(dim);
  }
  return kept;
}

std::string dim_text(const Json& dim) {
  return dim.is_null() ? "-" : std::to_string(dim.get<int>());
}

constexpr double kRuleOfThree = 3;
constexpr double kLeastLevel = 5;  // margins

}  // namespace

std::string points(double share) {
  const std::string number = fmt::format("{:g}", 100 * share);
  return number + (number == "1" ? " point" : " points");
}

std::string cannot_be_safe(const DimensionFindings& found) {
  const double level = std::min(found.i2t_top1, found.t2i_top1);
  if (const std::string words = mismatch_words(found.match); !words.empty()) {
    return fmt::format("{}, so no dimension is called safe.", words);
  }
  if (static_cast<double>(found.pairs) * found.margin < kRuleOfThree) {
    return fmt::format("With {} pairs a loss of {} cannot be ruled out, whatever they show: {}.",
                       found.pairs, points(found.margin),
                       found.margin > 0 ? fmt::format("that takes at least {:.0f}",
                                                      std::ceil(kRuleOfThree / found.margin))
                                        : "no number of pairs rules out any loss at all");
  }
  // Five margins, but of a large margin halfway from it to all.
  if (level < std::min(kLeastLevel * found.margin, (1 + found.margin) / 2)) {
    return fmt::format(
        "Even with all numbers only {:.1f} % find their partner, so a loss of {} would be no small "
        "one, and no dimension is called safe.",
        100 * level, points(found.margin));
  }
  return "";
}

DimensionReport::DimensionReport(Context& context, Result baseline, std::vector<Split> splits,
                                 double margin)
    : context_(context),
      baseline_(std::move(baseline)),
      splits_(std::move(splits)),
      margin_(margin) {}

void DimensionReport::add_rows(Run& run, const Result& result) const {
  run.add_row(row_of(result.method, result.dim, "all", {&result.all}, result.all_seconds));
  if (splits_.empty()) return;
  run.add_row(
      row_of(result.method, result.dim, "train", pointers(result.train), result.split_seconds));
  run.add_row(
      row_of(result.method, result.dim, "heldout", pointers(result.held), result.split_seconds));
}

Hits DimensionReport::hits(const Result& result, bool held_out) const {
  const std::size_t n = result.all.i2t_ranks.size();
  Hits sums{std::vector<double>(n), std::vector<double>(n)};
  if (!held_out) {
    for (std::size_t i = 0; i < n; ++i) {
      sums.i2t[i] = result.all.i2t_ranks[i] == 0;
      sums.t2i[i] = result.all.t2i_ranks[i] == 0;
    }
    return sums;
  }
  std::vector<int> times(n);
  for (std::size_t s = 0; s < splits_.size(); ++s) {
    for (std::size_t q = 0; q < splits_[s].held.size(); ++q) {
      const auto row = static_cast<std::size_t>(splits_[s].held[q]);
      sums.i2t[row] += result.held[s].i2t_ranks[q] == 0;
      sums.t2i[row] += result.held[s].t2i_ranks[q] == 0;
      ++times[row];
    }
  }
  Hits means;
  for (std::size_t i = 0; i < n; ++i) {
    if (times[i] == 0) continue;  // never held out
    means.i2t.push_back(sums.i2t[i] / times[i]);
    means.t2i.push_back(sums.t2i[i] / times[i]);
  }
  return means;
}

void DimensionReport::add(Run& run, const Result& result) {
  add_rows(run, result);
  if (std::find(methods_.begin(), methods_.end(), result.method) == methods_.end()) {
    methods_.push_back(result.method);
  }
  for (const bool held_out : {false, true}) {
    if (held_out && splits_.empty()) continue;
    const Hits now = hits(result, held_out);
    const Hits before = hits(baseline_, held_out);
    const BootstrapOptions options{.seed = run.options().seed};
    const bool network = result.method == "isometric" || result.method == "isotonic";
    changes_.push_back({result.method, result.dim, held_out,
                        paired_bootstrap(context_, now.i2t, before.i2t, options),
                        paired_bootstrap(context_, now.t2i, before.t2i, options),
                        !network || (held_out ? result.split_epochs : result.all_epochs) > 0});
  }
}

Json DimensionReport::smallest_dims(bool can_be_safe) const {
  Json result = Json::object();
  for (const std::string& method : methods_) {
    Json& of_method = result[method] = Json::object();
    for (const bool held_out : {false, true}) {
      if (held_out && splits_.empty()) continue;
      Json i2t, t2i;  // null while no dimension will do
      for (const DimensionChange& change : changes_) {
        if (change.method != method || change.held_out != held_out) continue;
        const auto take = [&](const Interval& interval, Json& best) {
          if (!can_be_safe || interval.low <= -margin_) return;
          if (best.is_null() || change.dim < best.get<int>()) best = change.dim;
        };
        take(change.i2t, i2t);
        take(change.t2i, t2i);
      }
      of_method[held_out ? "held_out" : "in_sample"] = {{"i2t", i2t}, {"t2i", t2i}};
    }
  }
  return result;
}

Figure DimensionReport::figure() const {
  Figure figure;
  figure.title = "Top-1 retrieval by dimension";
  figure.panel_width = splits_.empty() ? 640 : 500;
  figure.height = 560;
  for (const bool held_out : {false, true}) {
    if (held_out && splits_.empty()) continue;
    for (const bool image_query : {true, false}) {
      Panel panel;
      panel.title = fmt::format("{}, {}", image_query ? "image to text" : "text to image",
                                held_out ? "new pairs" : "the fitted pairs");
      panel.x_label = "dimension";
      panel.y_label = "pairs matched";
      panel.log_x = true;
      panel.percent_y = true;
      const Hits base = hits(baseline_, held_out);
      const std::vector<double>& base_hits = image_query ? base.i2t : base.t2i;
      double level = 0;
      for (const double hit : base_hits) level += hit / static_cast<double>(base_hits.size());
      panel.levels = {{fmt::format("all {} dimensions", baseline_.dim), level}};
      for (const std::string& method : methods_) {
        Series series{.label = method};
        for (const DimensionChange& change : changes_) {
          if (change.method != method || change.held_out != held_out) continue;
          const Interval& interval = image_query ? change.i2t : change.t2i;
          series.x.push_back(change.dim);
          series.y.push_back(level + interval.estimate);
          series.low.push_back(std::max(level + interval.low, 0.0));
          series.high.push_back(std::min(level + interval.high, 1.0));
        }
        panel.x_ticks = ticks(series.x);
        panel.series.push_back(std::move(series));
      }
      figure.panels.push_back(std::move(panel));
    }
  }
  return figure;
}

DimensionFindings DimensionReport::findings() const {
  DimensionFindings found{.pairs = static_cast<std::int64_t>(baseline_.all.i2t_ranks.size()),
                          .dim = baseline_.dim,
                          .splits = static_cast<int>(splits_.size()),
                          .margin = margin_,
                          .match = match_of(baseline_.all.i2t_ranks, baseline_.all.t2i_ranks),
                          .changes = changes_};
  const auto mean = [](const std::vector<double>& hits) {
    double sum = 0;
    for (const double hit : hits) sum += hit;
    return sum / static_cast<double>(hits.size());
  };
  const Hits all = hits(baseline_, /*held_out=*/false);
  found.i2t_top1 = mean(all.i2t);
  found.t2i_top1 = mean(all.t2i);
  if (splits_.empty()) return found;
  const Hits held = hits(baseline_, /*held_out=*/true);
  found.held_i2t_top1 = mean(held.i2t);
  found.held_t2i_top1 = mean(held.t2i);
  return found;
}

void DimensionReport::finish(Run& run) const {
  const bool split = !splits_.empty();
  std::vector<std::string> head{"method",          "dim", "i2t", "t2i", "R@5", "Stress-1",
                                "Kendall distance"};
  if (split) head.insert(head.end(), {"new i2t", "new t2i"});
  head.emplace_back("s");
  Table table(head);
  std::string last;
  for (std::size_t r = 0; r < run.rows().size(); ++r) {
    const Json& row = run.rows()[r];
    if (row["split"] != "all") continue;
    const auto number = [](const Json& from, const char* key, int digits) {
      return fmt::format("{:.{}f}", from[key].get<double>(), digits);
    };
    const std::string method = row["method"];
    if (!last.empty() && method != last) table.add_rule();
    last = method;
    std::vector<std::string> cells{method,
                                   std::to_string(row["dim"].get<int>()),
                                   std::to_string(row["i2t_matched"].get<std::int64_t>()),
                                   std::to_string(row["t2i_matched"].get<std::int64_t>()),
                                   number(row, "r5", 3),
                                   number(row, "stress1", 4),
                                   number(row, "kendall_distance", 4)};
    double seconds = row["seconds"];
    if (split) {
      const Json& held = run.rows()[r + 2];
      cells.push_back(number(held, "i2t_top1", 3));
      cells.push_back(number(held, "t2i_top1", 3));
      seconds += held["seconds"].get<double>();
    }
    cells.push_back(fmt::format("{:.1f}", seconds));
    table.add(cells);
  }
  run.print(table.text());
  if (baseline_.all.i2t_ranks.size() > static_cast<std::size_t>(kMostRowsOrdered)) {
    run.print(fmt::format("Above {} pairs the Kendall distance is estimated, from {} quadruples.",
                          kMostRowsOrdered, kSampledOrders));
    run.result("kendall_distance_quadruples") = kSampledOrders;
  }

  const DimensionFindings found = findings();
  const std::string reason = cannot_be_safe(found);
  const Json smallest = smallest_dims(reason.empty());
  run.result("match") = json_of(found.match);
  run.result("no_dimension_is_safe") = reason.empty() ? Json() : Json(reason);
  if (!reason.empty()) run.print("Note: " + reason);
  run.print(fmt::format(
      "Smallest dimension whose 95 % interval of the change of top-1 stays above -{:g}:", margin_));
  Table dims(split ? std::vector<std::string>{"method", "i2t", "t2i", "new i2t", "new t2i"}
                   : std::vector<std::string>{"method", "i2t", "t2i"});
  for (const auto& [method, kinds] : smallest.items()) {
    std::vector<std::string> cells{method};
    for (const auto& [kind, ways] : kinds.items()) {
      cells.push_back(dim_text(ways["i2t"]));
      cells.push_back(dim_text(ways["t2i"]));
    }
    dims.add(cells);
  }
  run.print(dims.text());

  Json intervals = Json::array();
  for (const DimensionChange& change : changes_) {
    intervals.push_back({{"method", change.method},
                         {"dim", change.dim},
                         {"split", change.held_out ? "heldout" : "all"},
                         {"i2t", interval_of(change.i2t)},
                         {"t2i", interval_of(change.t2i)}});
  }
  run.result("smallest_dim") = smallest;
  run.result("margin") = margin_;
  run.result("intervals") = intervals;
  run.add_picture("quality.png", [&] { return to_png(figure()); });
}

}  // namespace clipk::study
