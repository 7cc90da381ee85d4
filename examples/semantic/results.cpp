#include "semantic/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "study/heatmap.hpp"
#include "study/table.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

constexpr std::size_t kPicturedFeatures = 24;
constexpr std::int64_t kPicturedComponents = 16;
constexpr std::size_t kPrintedAssociations = 10;
constexpr std::size_t kPrintedMeanings = 6;

Json number(double value) {
  return std::isnan(value) ? Json() : Json(value);
}

Json json_of(const Estimate& estimate) {
  return {{"estimate", number(estimate.value)},
          {"low", number(estimate.low)},
          {"high", number(estimate.high)}};
}
Json json_of(const Interval& interval) {
  return {{"estimate", interval.estimate}, {"low", interval.low}, {"high", interval.high}};
}

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

}  // namespace

// What could not be measured has nothing to show.
void SemanticReport::write() {
  if (!found_.table.texts.empty()) add_table();
  if (found_.paired && found_.gap) add_pairs();
  if (!found_.spaces.empty()) add_spaces();
  if (!found_.clusters.empty()) add_clusters();
  if (found_.classes) add_classes();
  add_left_out();
  if (!found_.table.texts.empty()) {
    run_.attempt("similarity.png", [&] { add_similarity_picture(); });
  }
  if (!found_.spaces.empty()) {
    run_.attempt("correlation.png", [&] { add_correlation_picture(); });
  }
}

// As the deck has it: texts down, images across, and which image is the best of all.
void SemanticReport::add_table() {
  const CosineExtract& table = found_.table;
  std::vector<std::string> head{"text"};
  for (const std::int64_t image : table.images) head.push_back(fmt::format("image {}", image));
  head.emplace_back("best of all");
  Table printed(head);
  std::size_t marked = 0;
  for (std::size_t t = 0; t < table.texts.size(); ++t) {
    const std::string caption = data_.caption(table.texts[t]);
    std::vector<std::string> cells{shortened(caption, 44)};
    Json row{{"text", table.texts[t]}, {"caption", caption}};
    for (std::size_t i = 0; i < table.images.size(); ++i) {
      const double cosine = table.cosines[t][i];
      cells.push_back(fmt::format("{:.4f}{}", cosine, i == table.best_column[t] ? "*" : " "));
      row[fmt::format("image_{}", table.images[i])] = cosine;
    }
    marked += table.best_column[t] < table.images.size();
    cells.push_back(fmt::format("image {} {:.4f}", table.best_image[t], table.best_cosine[t]));
    row["best_image"] = table.best_image[t];
    row["best_cosine"] = table.best_cosine[t];
    run_.add_row(std::move(row));
    printed.add(cells);
  }
  run_.print(printed.text());
  run_.print(fmt::format(
      "Cosine of texts and images; * marks a text's best image of all {}, which the table shows of "
      "{} of these {} texts.",
      found_.images, marked, table.texts.size()));
}

void SemanticReport::add_left_out() {
  if (!found_.rare.empty()) run_.result("rare_classes") = json_of(found_.rare);
  for (const RareClasses& rare : found_.rare) run_.print("Note: " + words_of(rare));
  if (found_.left_out.empty()) return;
  run_.result("left_out") = found_.left_out;
  for (const std::string& words : found_.left_out) run_.print("Left out, " + words);
}

void SemanticReport::add_pairs() {
  run_.result("gap") = {{"distance", json_of(found_.gap_distance)},
                        {"paired_cosine", json_of(found_.paired_cosine)},
                        {"other_cosine", json_of(found_.other_cosine)},
                        {"image_image_cosine", found_.gap->image_image},
                        {"text_text_cosine", found_.gap->text_text}};
  run_.print(fmt::format(
      "\nModality gap {}: mean cosine of pairs {}, of all others {};\nimages among themselves "
      "{:.3f}, texts {:.3f}.",
      text_of(found_.gap_distance, 3), text_of(found_.paired_cosine, 3),
      text_of(found_.other_cosine, 3), found_.gap->image_image, found_.gap->text_text));
  if (found_.hubs) {
    const HubFindings& hubs = *found_.hubs;
    run_.result("hubs") = {{"neighbours", settings_.neighbours},
                           {"image_to_text_skew", json_of(hubs.image_to_text)},
                           {"text_to_image_skew", json_of(hubs.text_to_image)},
                           {"largest_text", hubs.most_text},
                           {"largest_image", hubs.most_image},
                           {"texts_never_found", hubs.never_text},
                           {"images_never_found", hubs.never_image}};
    run_.print(fmt::format(
        "Hubs, skew of {}-occurrences: image to text {}, text to image {};\none text is among the "
        "nearest {} of {} images, one image of {} texts.",
        settings_.neighbours, text_of(hubs.image_to_text, 2), text_of(hubs.text_to_image, 2),
        settings_.neighbours, hubs.most_text, hubs.most_image));
  }
  Table table({"top-1", "image to text", "change", "text to image", "change"});
  Json all = Json::object();
  for (const ScoredRetrieval& scored : found_.retrieval) {
    const bool plain = &scored == &found_.retrieval.front();
    table.add({method_name(scored.method), text_of(scored.i2t_top1),
               plain ? "" : change_of(scored.i2t_change), text_of(scored.t2i_top1),
               plain ? "" : change_of(scored.t2i_change)});
    Json& entry = all[scored.method];
    const auto direction = [&](const RetrievalScores& scores, const Interval& top1,
                               const Interval& change) {
      Json json{{"top1", json_of(top1)},
                {"matched", scores.matched},
                {"r5", scores.r5},
                {"r10", scores.r10},
                {"median_rank", scores.median_rank},
                {"mean_rank", scores.mean_rank}};
      if (!plain) json["change"] = json_of(change);
      return json;
    };
    entry["image_to_text"] = direction(scored.image_to_text, scored.i2t_top1, scored.i2t_change);
    entry["text_to_image"] = direction(scored.text_to_image, scored.t2i_top1, scored.t2i_change);
  }
  run_.result("retrieval") = all;
  run_.result("match") = json_of(found_.match);
  if (found_.repeated.any()) run_.result("repeated_rows") = found_.repeated.json();
  run_.print("\n" + table.text());
  if (const std::string words = mismatch_words(found_.match); !words.empty()) {
    run_.print("Note: " + words);
  }
  run_.print(
      "With 95 % intervals. CSLS and Sinkhorn look at all queries together; with a query bank they "
      "look\nat other queries alone.");
}

void SemanticReport::add_spaces() {
  Json spaces = Json::object();
  for (const SpaceFindings& space : found_.spaces) {
    Json strongest = Json::array();
    for (const Association& a : space.strongest) {
      strongest.push_back({{"feature", a.feature},
                           {"kind", a.text ? "text" : "label"},
                           {"component", a.component},
                           {"r", number(a.r)},
                           {"low", number(a.low)},
                           {"high", number(a.high)},
                           {"p", a.p},
                           {"q", a.q}});
    }
    Json meanings = Json::array();
    for (const Component& component : space.meanings) {
      meanings.push_back({{"low", component.low_text},
                          {"low_r", component.low_r},
                          {"high", component.high_text},
                          {"high_r", component.high_r}});
    }
    spaces[space.name] = {{"components", space.components},
                          {"features", space.features},
                          {"rows", space.rows},
                          {"correlations", space.tested},
                          {"significant", space.significant},
                          {"with_labels", space.labels_tested},
                          {"with_labels_significant", space.labels_significant},
                          {"strongest", strongest},
                          {"meanings", meanings}};
    run_.print(fmt::format(
        "\n{}: {} of {} correlations with {} features are significant (q at most {:g})", space.name,
        space.significant, space.tested, space.features, settings_.false_discovery));
  }
  run_.result("correlation") = settings_.by_rank ? "spearman" : "pearson";
  run_.result("false_discovery") = settings_.false_discovery;
  run_.result("spaces") = spaces;
  const SpaceFindings& last = found_.spaces.back();
  Table table({"feature", last.name, "r", "95 %", "q"});
  std::size_t printed = 0;
  for (const Association& a : last.strongest) {
    if (printed++ == kPrintedAssociations) break;
    table.add({shortened(a.feature, 44), std::to_string(a.component), fmt::format("{:+.3f}", a.r),
               fmt::format("[{:+.3f}, {:+.3f}]", a.low, a.high), fmt::format("{:.1e}", a.q)});
  }
  run_.print(table.text());
  Table meanings({last.name, "from", "to"});
  for (std::size_t c = 0; c < std::min(kPrintedMeanings, last.meanings.size()); ++c) {
    const Component& m = last.meanings[c];
    meanings.add({std::to_string(c), fmt::format("{:+.2f} {}", m.low_r, shortened(m.low_text, 40)),
                  fmt::format("{:+.2f} {}", m.high_r, shortened(m.high_text, 40))});
  }
  run_.print(meanings.text());
}

void SemanticReport::add_clusters() {
  Table table({"cluster", "images", "named by", "cosine", "margin", "p"});
  Json clusters = Json::array();
  for (std::size_t c = 0; c < found_.clusters.size(); ++c) {
    const ClusterFinding& cluster = found_.clusters[c];
    table.add({std::to_string(c), std::to_string(cluster.size), shortened(cluster.names[0], 44),
               fmt::format("{:.3f}", cluster.cosine), fmt::format("{:+.3f}", cluster.margin),
               fmt::format("{:.3f}", cluster.p)});
    clusters.push_back({{"size", cluster.size},
                        {"names", cluster.names},
                        {"cosine", cluster.cosine},
                        {"margin", cluster.margin},
                        {"p", cluster.p},
                        {"q", cluster.q}});
  }
  run_.result("clusters") = clusters;
  run_.result("stability") = number(found_.stability);
  run_.print(table.text());
  run_.print(
      "Named by the text nearest to the centre, each modality less its mean. Margin: over the "
      "text's\ncosine with any other cluster; p: a random group of that size is named as well.");
}

void SemanticReport::add_classes() {
  const ClassFindings& classes = *found_.classes;
  Table table({fmt::format("{} of {} classes", classes.factor, classes.classes), "accuracy"});
  table.add({"commonest class", fmt::format("{:.3f}", classes.chance)});
  Json json{{"factor", classes.factor},
            {"classes", classes.classes},
            {"rows", classes.rows},
            {"chance", classes.chance}};
  if (classes.probe) json["probe"] = json_of(*classes.probe);
  if (classes.prompts) {
    table.add({"zero-shot by prompts", text_of(*classes.prompts)});
    json["prompts"] = json_of(*classes.prompts);
  }
  if (classes.texts) {
    table.add({"nearest class of texts", text_of(*classes.texts)});
    json["texts"] = json_of(*classes.texts);
    json["texts_are_prompts"] = classes.texts_are_prompts;
  }
  if (classes.probe) table.add({"logistic regression", text_of(*classes.probe)});
  run_.result("classes") = json;
  run_.print("\n" + table.text());
  run_.print(fmt::format("Over {} images of these classes{}; 95 % intervals.", classes.rows,
                         classes.probe ? fmt::format(", in {} folds", settings_.folds) : ""));
  if (classes.texts_are_prompts) {
    run_.print(
        "Note: one text for many images: the nearest class of texts is zero-shot classification by "
        "those texts.");
  }
}

void SemanticReport::add_similarity_picture() {
  const CosineExtract& table = found_.table;
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const auto& row : table.cosines) {
    low = std::min(low, *std::min_element(row.begin(), row.end()));
    high = std::max(high, *std::max_element(row.begin(), row.end()));
  }
  HeatmapPanel panel{.x_label = "image", .boxed = table.best_column};
  for (const std::int64_t image : table.images) panel.columns.push_back(std::to_string(image));
  for (std::size_t t = 0; t < table.texts.size(); ++t) {
    panel.rows.push_back(data_.caption(table.texts[t]));
    std::vector<double>& values = panel.values.emplace_back();
    std::vector<std::string>& texts = panel.texts.emplace_back();
    for (const double cosine : table.cosines[t]) {
      values.push_back(high > low ? (cosine - low) / (high - low) : 0);
      texts.push_back(fmt::format("{:.3f}", cosine));
    }
  }
  run_.add_file("similarity.png", to_png(Heatmap{.title = "Cosine of texts and images",
                                                 .panels = {std::move(panel)},
                                                 .low = fmt::format("{:.3f}", low),
                                                 .high = fmt::format("{:.3f}", high),
                                                 .cell = 56}));
}

// The strongest features of the last space, against its first components.
void SemanticReport::add_correlation_picture() {
  const SpaceFindings& space = found_.spaces.back();
  const std::size_t rows = std::min(kPicturedFeatures, space.picture.features.size());
  if (rows == 0) return;
  HeatmapPanel panel{.x_label = "component of " + space.name, .diverging = true};
  const std::int64_t columns = std::min(kPicturedComponents, space.components);
  for (std::int64_t c = 0; c < columns; ++c) panel.columns.push_back(std::to_string(c));
  for (std::size_t f = 0; f < rows; ++f) {
    panel.rows.push_back(space.picture.features[f]);
    std::vector<double>& values = panel.values.emplace_back();
    std::vector<std::string>& texts = panel.texts.emplace_back();
    for (std::int64_t c = 0; c < columns; ++c) {
      const auto at = static_cast<std::size_t>(c);
      const double r = space.picture.r[f][at];
      values.push_back(std::isnan(r) ? 0 : r);
      // A number where the correlation is there.
      texts.push_back(space.picture.q[f][at] <= settings_.false_discovery ? fmt::format("{:.2f}", r)
                                                                          : std::string());
    }
  }
  run_.add_file(
      "correlation.png",
      to_png(Heatmap{.title = fmt::format("{} correlation; numbers where q is at most {:g}",
                                          settings_.by_rank ? "Spearman" : "Pearson",
                                          settings_.false_discovery),
                     .panels = {std::move(panel)},
                     .low = "-1",
                     .high = "1"}));
}

}  // namespace clipk::study
