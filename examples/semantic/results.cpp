#include "semantic/results.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "semantic/pictures.hpp"

namespace clipk::study {
namespace {

Json json_of(const Estimate& estimate) {
  return {{"estimate", number_or_null(estimate.value)},
          {"low", number_or_null(estimate.low)},
          {"high", number_or_null(estimate.high)}};
}

Json json_of(const Interval& interval) {
  return {{"estimate", interval.estimate}, {"low", interval.low}, {"high", interval.high}};
}

void add_table(Run& run, const SemanticData& data, const CosineExtract& table) {
  for (std::size_t t = 0; t < table.texts.size(); ++t) {
    Json row{{"text", table.texts[t]}, {"caption", data.caption(table.texts[t])}};
    for (std::size_t i = 0; i < table.images.size(); ++i) {
      row[fmt::format("image_{}", table.images[i])] = table.cosines[t][i];
    }
    row["best_image"] = table.best_image[t];
    row["best_cosine"] = table.best_cosine[t];
    run.add_row(std::move(row));
  }
}

Json json_of(const HubFindings& hubs, std::int64_t neighbours) {
  return {{"neighbours", neighbours},
          {"image_to_text_skew", json_of(hubs.image_to_text)},
          {"text_to_image_skew", json_of(hubs.text_to_image)},
          {"largest_text", hubs.most_text},
          {"largest_image", hubs.most_image},
          {"texts_never_found", hubs.never_text},
          {"images_never_found", hubs.never_image}};
}

Json json_of(const RetrievalScores& scores, const Interval& top1, const Interval* change) {
  Json json{{"top1", json_of(top1)},
            {"matched", scores.matched},
            {"r5", scores.r5},
            {"r10", scores.r10},
            {"median_rank", scores.median_rank},
            {"mean_rank", scores.mean_rank}};
  if (change != nullptr) json["change"] = json_of(*change);
  return json;
}

void add_pairs(Run& run, const SemanticSettings& settings, const SemanticFindings& found) {
  run.result("gap") = {{"distance", json_of(found.gap_distance)},
                       {"paired_cosine", json_of(found.paired_cosine)},
                       {"other_cosine", json_of(found.other_cosine)},
                       {"image_image_cosine", found.gap->image_image},
                       {"text_text_cosine", found.gap->text_text}};
  if (found.hubs) run.result("hubs") = json_of(*found.hubs, settings.neighbours);
  Json all = Json::object();
  for (const ScoredRetrieval& scored : found.retrieval) {
    const bool plain = &scored == &found.retrieval.front();
    all[scored.method] = {{"image_to_text", json_of(scored.image_to_text, scored.i2t_top1,
                                                    plain ? nullptr : &scored.i2t_change)},
                          {"text_to_image", json_of(scored.text_to_image, scored.t2i_top1,
                                                    plain ? nullptr : &scored.t2i_change)}};
  }
  run.result("retrieval") = std::move(all);
  run.result("match") = json_of(found.match);
  if (found.repeated.any()) run.result("repeated_rows") = json_of(found.repeated);
}

Json json_of(const SpaceFindings& space) {
  Json strongest = Json::array();
  for (const Association& a : space.strongest) {
    strongest.push_back({{"feature", a.feature},
                         {"kind", a.text ? "text" : "label"},
                         {"component", a.component},
                         {"r", number_or_null(a.r)},
                         {"low", number_or_null(a.low)},
                         {"high", number_or_null(a.high)},
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
  return {{"components", space.components},
          {"features", space.features},
          {"rows", space.rows},
          {"correlations", space.tested},
          {"significant", space.significant},
          {"with_labels", space.labels_tested},
          {"with_labels_significant", space.labels_significant},
          {"strongest", std::move(strongest)},
          {"meanings", std::move(meanings)}};
}

void add_spaces(Run& run, const SemanticSettings& settings, const SemanticFindings& found) {
  run.result("correlation") = settings.by_rank ? "spearman" : "pearson";
  run.result("false_discovery") = settings.false_discovery;
  Json spaces = Json::object();
  for (const SpaceFindings& space : found.spaces) spaces[space.name] = json_of(space);
  run.result("spaces") = std::move(spaces);
}

void add_clusters(Run& run, const SemanticFindings& found) {
  Json clusters = Json::array();
  for (const ClusterFinding& cluster : found.clusters) {
    clusters.push_back({{"size", cluster.size},
                        {"names", cluster.names},
                        {"cosine", cluster.cosine},
                        {"margin", cluster.margin},
                        {"p", cluster.p},
                        {"q", cluster.q}});
  }
  run.result("clusters") = std::move(clusters);
  run.result("stability") = number_or_null(found.stability);
}

Json json_of(const ClassFindings& classes) {
  Json json{{"factor", classes.factor},
            {"classes", classes.classes},
            {"rows", classes.rows},
            {"chance", classes.chance}};
  if (classes.probe) json["probe"] = json_of(*classes.probe);
  if (classes.prompts) json["prompts"] = json_of(*classes.prompts);
  if (classes.texts) {
    json["texts"] = json_of(*classes.texts);
    json["texts_are_prompts"] = classes.texts_are_prompts;
  }
  return json;
}

}  // namespace

void write_results(Run& run, const SemanticData& data, const SemanticSettings& settings,
                   const SemanticFindings& found) {
  const bool tabled = !found.table.texts.empty();
  if (tabled) add_table(run, data, found.table);
  if (!data.image_of_text.empty()) {
    run.result("pairs_index") = json_of_index(data.images.rows(), data.image_of_text);
  }
  if (found.paired && found.gap) add_pairs(run, settings, found);
  if (!found.spaces.empty()) add_spaces(run, settings, found);
  if (!found.clusters.empty()) add_clusters(run, found);
  if (found.classes) run.result("classes") = json_of(*found.classes);
  if (!found.rare.empty()) run.result("rare_classes") = json_of(found.rare);
  if (!found.left_out.empty()) run.result("left_out") = found.left_out;
  if (tabled) {
    run.add_picture("similarity.png", [&] { return to_png(similarity_picture(data, found)); });
  }
  if (!found.spaces.empty() && !found.spaces.back().picture.features.empty()) {
    run.add_picture("correlation.png",
                    [&] { return to_png(correlation_picture(settings, found)); });
  }
}

}  // namespace clipk::study
