#include "dimension/findings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "clipk/metrics/retrieval.hpp"

namespace clipk::study {
namespace {

constexpr double kRuleOfThree = 3;
constexpr double kLeastLevel = 5;  // margins

// The hits (rank 0) of every query in both directions. In a held-out split only some rows are
// queries; a row's value is its mean over the splits that hold it out.
struct Hits {
  std::vector<double> i2t, t2i;
  std::vector<std::int64_t> image_of_text;  // of each text that is a query
};

void add(SetFigures& sums, const Measured& set, double share) {
  const auto add_direction = [&](SetFigures::Direction& sum, std::vector<std::int32_t> ranks) {
    const RetrievalScores scores = retrieval_scores(std::move(ranks));
    sum.matched += share * static_cast<double>(scores.matched);
    sum.top1 += share * scores.top1;
    sum.r5 += share * scores.r5;
    sum.r10 += share * scores.r10;
  };
  add_direction(sums.i2t, set.i2t_ranks);
  add_direction(sums.t2i, set.t2i_ranks);
  sums.stress1 += share * set.stress1;
  sums.kendall_distance += share * set.kendall_distance;
  sums.map_stress1 += share * set.map_stress1;
  sums.map_kendall_distance += share * set.map_kendall_distance;
}

std::optional<SetFigures> mean_of(const std::vector<Measured>& sets) {
  if (sets.empty()) return {};
  SetFigures mean{.sets = sets.size()};
  for (const Measured& set : sets) add(mean, set, 1 / static_cast<double>(sets.size()));
  return mean;
}

bool is_network(const Result& result) {
  return result.method == "isometric" || result.method == "isotonic";
}

DimensionFigures figures_of(const Result& result) {
  DimensionFigures figures{.method = result.method,
                           .dim = result.dim,
                           .all = {.sets = 1},
                           .train = mean_of(result.train),
                           .held = mean_of(result.held),
                           .all_seconds = result.all_seconds,
                           .split_seconds = result.split_seconds,
                           .all_epochs = {},
                           .split_epochs = {}};
  if (is_network(result)) {
    figures.all_epochs = result.all_epochs;
    figures.split_epochs = result.split_epochs;
  }
  add(figures.all, result.all, 1);
  return figures;
}

// @param queries of all pairs
Hits hits_of(const Result& result, const std::vector<Split>& splits, const PairQueries& queries,
             std::int64_t images, bool held_out) {
  Hits sums{.i2t = std::vector<double>(queries.images.size()),
            .t2i = std::vector<double>(queries.texts.size()),
            .image_of_text = queries.image_of};
  if (!held_out) {
    for (std::size_t i = 0; i < sums.i2t.size(); ++i) sums.i2t[i] = result.all.i2t_ranks[i] == 0;
    for (std::size_t i = 0; i < sums.t2i.size(); ++i) sums.t2i[i] = result.all.t2i_ranks[i] == 0;
    return sums;
  }
  // Of the images with all their texts: a set's queries come in the order of all.
  std::vector<int> times(static_cast<std::size_t>(images));
  for (std::size_t s = 0; s < splits.size(); ++s) {
    std::vector<bool> held(times.size());
    for (const std::int64_t row : splits[s].held) {
      held[static_cast<std::size_t>(row)] = true;
      ++times[static_cast<std::size_t>(row)];
    }
    const auto add = [&](std::vector<double>& hits, const std::vector<std::int64_t>& image_of,
                         const std::vector<std::int32_t>& ranks) {
      for (std::size_t q = 0, rank = 0; q < hits.size(); ++q) {
        if (held[static_cast<std::size_t>(image_of[q])]) hits[q] += ranks[rank++] == 0;
      }
    };
    add(sums.i2t, queries.images, result.held[s].i2t_ranks);
    add(sums.t2i, queries.image_of, result.held[s].t2i_ranks);
  }
  Hits means;
  for (std::size_t q = 0; q < sums.i2t.size(); ++q) {
    const int n = times[static_cast<std::size_t>(queries.images[q])];
    if (n > 0) means.i2t.push_back(sums.i2t[q] / n);  // else never held out
  }
  for (std::size_t q = 0; q < sums.t2i.size(); ++q) {
    const int n = times[static_cast<std::size_t>(queries.image_of[q])];
    if (n == 0) continue;
    means.t2i.push_back(sums.t2i[q] / n);
    means.image_of_text.push_back(queries.image_of[q]);
  }
  return means;
}

double mean_of(const std::vector<double>& hits) {
  double sum = 0;
  for (const double hit : hits) sum += hit;
  return sum / static_cast<double>(hits.size());
}

}  // namespace

DimensionFindings dimension_findings(Context& context, const Result& baseline,
                                     const std::vector<Result>& results,
                                     const std::vector<Split>& splits, double margin,
                                     std::uint64_t seed, std::int64_t images,
                                     std::span<const std::int32_t> image_of_text) {
  const PairQueries queries = pair_queries(images, image_of_text);
  DimensionFindings found{
      .pairs = static_cast<std::int64_t>(baseline.all.i2t_ranks.size()),
      .images = images,
      .dim = baseline.dim,
      .splits = static_cast<int>(splits.size()),
      .margin = margin,
      .match = match_of(baseline.all.i2t_ranks, baseline.all.t2i_ranks, images, image_of_text),
      .figures = {figures_of(baseline)}};
  std::vector<Hits> before{hits_of(baseline, splits, queries, images, /*held_out=*/false)};
  found.i2t_top1 = mean_of(before[0].i2t);
  found.t2i_top1 = mean_of(before[0].t2i);
  if (!splits.empty()) {
    before.push_back(hits_of(baseline, splits, queries, images, /*held_out=*/true));
    found.held_i2t_top1 = mean_of(before[1].i2t);
    found.held_t2i_top1 = mean_of(before[1].t2i);
  }
  const auto changes_of = [&](const Result& result, std::size_t kind) {
    const Hits now = hits_of(result, splits, queries, images, /*held_out=*/kind == 1);
    return std::pair(paired_bootstrap(context, now.i2t, before[kind].i2t, {.seed = seed}),
                     image_of_text.empty()
                         ? paired_bootstrap(context, now.t2i, before[kind].t2i, {.seed = seed})
                         : paired_bootstrap(context, now.t2i, before[kind].t2i, now.image_of_text,
                                            {.seed = seed}));
  };
  for (const Result& result : results) {
    if (result.failed) continue;
    found.figures.push_back(figures_of(result));
    for (std::size_t kind = 0; kind < before.size(); ++kind) {
      const bool held_out = kind == 1;
      const auto [i2t, t2i] = changes_of(result, kind);
      found.changes.push_back(
          {result.method, result.dim, held_out, i2t, t2i,
           !is_network(result) || (held_out ? result.split_epochs : result.all_epochs) > 0});
    }
    for (const Result& stored : result.stored) {
      const DimensionFigures figures = figures_of(stored);
      for (std::size_t kind = 0; kind < before.size(); ++kind) {
        const SetFigures& set = kind == 1 ? *figures.held : figures.all;
        const auto [i2t, t2i] = changes_of(stored, kind);
        found.sizes.push_back({.method = stored.method,
                               .dim = stored.dim,
                               .storage = stored.storage,
                               .bytes = stored.bytes,
                               .held_out = kind == 1,
                               .i2t_top1 = set.i2t.top1,
                               .t2i_top1 = set.t2i.top1,
                               .r10 = (set.i2t.r10 + set.t2i.r10) / 2,
                               .i2t = i2t,
                               .t2i = t2i});
      }
    }
  }
  return found;
}

std::vector<std::string> methods_of(const DimensionFindings& found) {
  std::vector<std::string> methods;
  for (const DimensionChange& change : found.changes) {
    if (std::find(methods.begin(), methods.end(), change.method) == methods.end()) {
      methods.push_back(change.method);
    }
  }
  return methods;
}

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
        "Even with all dimensions only {:.1f} % find their partner, so a loss of {} would not be "
        "small, and no dimension is called safe.",
        100 * level, points(found.margin));
  }
  return "";
}

SmallestDimension smallest_dimension(const DimensionFindings& found, const std::string& method,
                                     bool held_out) {
  SmallestDimension smallest;
  if (!cannot_be_safe(found).empty()) return smallest;
  for (const DimensionChange& change : found.changes) {
    if (change.method != method || change.held_out != held_out) continue;
    const auto take = [&](const Interval& interval, std::optional<int>& best) {
      if (interval.low <= -found.margin) return;
      best = std::min(best.value_or(change.dim), change.dim);
    };
    take(change.i2t, smallest.i2t);
    take(change.t2i, smallest.t2i);
  }
  return smallest;
}

const SizeChange* smallest_size(const DimensionFindings& found, const std::string& method,
                                bool held_out) {
  if (!cannot_be_safe(found).empty()) return nullptr;
  const auto worst = [](const SizeChange& size) { return std::min(size.i2t.low, size.t2i.low); };
  const SizeChange* best = nullptr;
  for (const SizeChange& size : found.sizes) {
    if (size.held_out != held_out || (!method.empty() && size.method != method)) continue;
    if (worst(size) <= -found.margin) continue;
    if (best == nullptr || size.bytes < best->bytes ||
        (size.bytes == best->bytes && worst(size) > worst(*best))) {
      best = &size;
    }
  }
  return best;
}

}  // namespace clipk::study
