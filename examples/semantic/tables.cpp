#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "semantic/results.hpp"
#include "study/table.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

constexpr std::size_t kPrintedAssociations = 10;
constexpr std::size_t kPrintedMeanings = 6;

std::string text_of(const Estimate& estimate, int digits) {
  if (std::isnan(estimate.low)) return fmt::format("{:.{}f}", estimate.value, digits);
  return fmt::format("{:.{}f} [{:.{}f}, {:.{}f}]", estimate.value, digits, estimate.low, digits,
                     estimate.high, digits);
}
std::string text_of(const Interval& interval) {
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", interval.estimate, interval.low, interval.high);
}
std::string change_of(const Interval& interval) {
  return fmt::format("{:+.3f} [{:+.3f}, {:+.3f}]", interval.estimate, interval.low, interval.high);
}

std::string method_name(const std::string& method) {
  static const std::map<std::string, std::string> kNames{{"cosine", "cosine"},
                                                         {"csls", "CSLS"},
                                                         {"csls_bank", "CSLS, query bank"},
                                                         {"sinkhorn", "Sinkhorn"},
                                                         {"sinkhorn_bank", "Sinkhorn, query bank"}};
  return kNames.at(method);
}

// As the deck has it: texts down, images across, and which image is the best of all.
void print_table(Run& run, const SemanticData& data, const SemanticFindings& found) {
  const CosineExtract& table = found.table;
  std::vector<std::string> head{"text"};
  for (const std::int64_t image : table.images) head.push_back(fmt::format("image {}", image));
  head.emplace_back("best of all");
  Table printed(head);
  std::size_t marked = 0;
  for (std::size_t t = 0; t < table.texts.size(); ++t) {
    std::vector<std::string> cells{shortened(data.caption(table.texts[t]), 44)};
    for (std::size_t i = 0; i < table.images.size(); ++i) {
      cells.push_back(
          fmt::format("{:.4f}{}", table.cosines[t][i], i == table.best_column[t] ? "*" : " "));
    }
    marked += table.best_column[t] < table.images.size();
    cells.push_back(fmt::format("image {} {:.4f}", table.best_image[t], table.best_cosine[t]));
    printed.add(cells);
  }
  run.print(printed.text());
  run.print(
      fmt::format("Cosine of texts and images; * marks a text's best image of all {}, which the "
                  "table shows for {} of these {} texts.",
                  found.images, marked, table.texts.size()));
}

void print_pairs(Run& run, const SemanticSettings& settings, const SemanticFindings& found) {
  run.print(fmt::format(
      "\nModality gap {}: mean cosine of pairs {}, of all others {};\nimages among themselves "
      "{:.3f}, texts {:.3f}.",
      text_of(found.gap_distance, 3), text_of(found.paired_cosine, 3),
      text_of(found.other_cosine, 3), found.gap->image_image, found.gap->text_text));
  if (found.hubs) {
    const HubFindings& hubs = *found.hubs;
    run.print(fmt::format(
        "Hubs, skew of {}-occurrences: image to text {}, text to image {};\none text is among the "
        "nearest {} of {} images, one image of {} texts.",
        settings.neighbours, text_of(hubs.image_to_text, 2), text_of(hubs.text_to_image, 2),
        settings.neighbours, hubs.most_text, hubs.most_image));
  }
  Table table({"top-1", "image to text", "change", "text to image", "change"});
  for (const ScoredRetrieval& scored : found.retrieval) {
    const bool plain = &scored == &found.retrieval.front();
    table.add({method_name(scored.method), text_of(scored.i2t_top1),
               plain ? "" : change_of(scored.i2t_change), text_of(scored.t2i_top1),
               plain ? "" : change_of(scored.t2i_change)});
  }
  run.print("\n" + table.text());
  if (const std::string words = mismatch_words(found.match); !words.empty()) {
    run.print("Note: " + words);
  }
  run.print(
      "With 95 % intervals. CSLS and Sinkhorn use all queries together;\nwith a query bank they "
      "use other queries only.");
}

void print_spaces(Run& run, const SemanticSettings& settings, const SemanticFindings& found) {
  for (const SpaceFindings& space : found.spaces) {
    run.print(fmt::format(
        "\n{}: {} of {} correlations with {} features are significant (q at most {:g})", space.name,
        space.significant, space.tested, space.features, settings.false_discovery));
  }
  const SpaceFindings& last = found.spaces.back();
  Table table({"feature", last.name, "r", "95 %", "q"});
  std::size_t printed = 0;
  for (const Association& a : last.strongest) {
    if (printed++ == kPrintedAssociations) break;
    table.add({shortened(a.feature, 44), std::to_string(a.component), fmt::format("{:+.3f}", a.r),
               fmt::format("[{:+.3f}, {:+.3f}]", a.low, a.high), fmt::format("{:.1e}", a.q)});
  }
  run.print(table.text());
  Table meanings({last.name, "from", "to"});
  for (std::size_t c = 0; c < std::min(kPrintedMeanings, last.meanings.size()); ++c) {
    const Component& m = last.meanings[c];
    meanings.add({std::to_string(c), fmt::format("{:+.2f} {}", m.low_r, shortened(m.low_text, 40)),
                  fmt::format("{:+.2f} {}", m.high_r, shortened(m.high_text, 40))});
  }
  run.print(meanings.text());
}

void print_clusters(Run& run, const SemanticFindings& found) {
  Table table({"cluster", "images", "named by", "cosine", "margin", "p"});
  for (std::size_t c = 0; c < found.clusters.size(); ++c) {
    const ClusterFinding& cluster = found.clusters[c];
    table.add({std::to_string(c), std::to_string(cluster.size), shortened(cluster.names[0], 44),
               fmt::format("{:.3f}", cluster.cosine), fmt::format("{:+.3f}", cluster.margin),
               fmt::format("{:.3f}", cluster.p)});
  }
  run.print(table.text());
  run.print(
      "Named by the text nearest to the centre, after subtracting each modality's mean.\nMargin: "
      "lead over the text's cosine with any other cluster; p: share of random groups of that size "
      "with a text as near.");
}

void print_classes(Run& run, const SemanticSettings& settings, const ClassFindings& classes) {
  Table table({fmt::format("{} of {} classes", classes.factor, classes.classes), "accuracy"});
  table.add({"commonest class", fmt::format("{:.3f}", classes.chance)});
  if (classes.prompts) table.add({"zero-shot by prompts", text_of(*classes.prompts)});
  if (classes.texts) table.add({"nearest class mean of texts", text_of(*classes.texts)});
  if (classes.probe) table.add({"logistic regression", text_of(*classes.probe)});
  run.print("\n" + table.text());
  run.print(fmt::format("Over {} images of these classes{}; 95 % intervals.", classes.rows,
                        classes.probe ? fmt::format(", in {} folds", settings.folds) : ""));
  if (classes.texts_are_prompts) {
    run.print(
        "Note: one text for many images: the nearest class mean of texts is zero-shot "
        "classification by those texts.");
  }
}

}  // namespace

// What could not be measured has nothing to show.
void print_results(Run& run, const SemanticData& data, const SemanticSettings& settings,
                   const SemanticFindings& found) {
  if (!found.table.texts.empty()) print_table(run, data, found);
  if (found.paired && found.gap) print_pairs(run, settings, found);
  if (!found.spaces.empty()) print_spaces(run, settings, found);
  if (!found.clusters.empty()) print_clusters(run, found);
  if (found.classes) print_classes(run, settings, *found.classes);
  for (const RareClasses& rare : found.rare) run.print("Note: " + words_of(rare));
  for (const std::string& words : found.left_out) run.print("Left out, " + words);
}

}  // namespace clipk::study
