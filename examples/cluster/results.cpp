#include "cluster/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "cluster/pictures.hpp"
#include "study/table.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

constexpr std::size_t kColumns = 100;  // of a line for the terminal

Json number(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json json_of(const DecUpdate& update) {
  return {{"update", update.update},
          {"step", update.step},
          {"rate", update.rate},
          {"label_change", update.label_change},
          {"loss", update.loss},
          {"divergence", update.divergence},
          {"masses", update.masses},
          {"shares", update.shares},
          {"smallest_centre_distance", update.smallest_centre_distance},
          {"entropy", update.entropy},
          {"alarm", update.alarm},
          {"rolled_back", update.rolled_back}};
}

Json row_of(const ScoredFit& scored) {
  Json row{{"method", scored.method}, {"seed", scored.seed}};
  if (scored.fit == nullptr) {
    for (const char* key : {"ami", "ari", "fmi", "nmi", "acc", "inertia", "seconds", "steps",
                            "clusters", "smallest_cluster", "silhouette"}) {
      row[key] = nullptr;
    }
    row["failed"] = scored.failed;
    return row;
  }
  const std::optional<ClusteringScores>& scores = scored.scores;
  row["ami"] = scores ? Json(scores->ami) : Json();
  row["ari"] = scores ? Json(scores->ari) : Json();
  row["fmi"] = scores ? Json(scores->fmi) : Json();
  row["nmi"] = scores ? Json(scores->nmi) : Json();
  row["acc"] = scores ? Json(scores->acc) : Json();
  row["inertia"] = scored.fit->inertia;
  row["seconds"] = scored.fit->seconds;
  row["steps"] = scored.fit->steps;
  row["clusters"] = scored.clusters;
  row["smallest_cluster"] = scored.smallest_cluster;
  row["silhouette"] = number(scored.silhouette);
  if (!scores) return row;
  row["homogeneity"] = scores->homogeneity;
  row["completeness"] = scores->completeness;
  row["missing_labels"] = scores->missing;
  return row;
}

// A figure that the table has, under its heading and its key in results.json.
struct Column {
  const char *head, *key;
  Spread MethodFindings::*figure;
  int digits;
};

std::vector<Column> columns_of(const LabelledRows& data, std::int64_t rows) {
  std::vector<Column> columns;
  if (data.labelled()) {
    columns = {{"AMI", "ami", &MethodFindings::ami, 3},
               {"ARI", "ari", &MethodFindings::ari, 3},
               {"FMI", "fmi", &MethodFindings::fmi, 3},
               {"NMI", "nmi", &MethodFindings::nmi, 3},
               {"ACC", "acc", &MethodFindings::acc, 3}};
  } else {
    columns = {{"silhouette", "silhouette", &MethodFindings::silhouette, 3},
               {"smallest cluster", "smallest_cluster", &MethodFindings::smallest_cluster, 0}};
  }
  columns.push_back({"inertia", "inertia", &MethodFindings::inertia, rows > 1000 ? 0 : 1});
  columns.push_back({"s", "seconds", &MethodFindings::seconds, 1});
  return columns;
}

std::string text_of(const Spread& spread, int digits) {
  if (spread.count == 0) return "-";
  if (spread.count == 1) return fmt::format("{:.{}f}", spread.mean, digits);
  return fmt::format("{:.{}f} \u00b1 {:.{}f}", spread.mean, digits, spread.sd, digits);
}

void print_table(Run& run, const LabelledRows& data, const ClusterFindings& found) {
  const std::vector<Column> columns = columns_of(data, found.rows);
  std::vector<std::string> head{"method"};
  for (const Column& column : columns) head.emplace_back(column.head);
  head.emplace_back("stability");
  Table table(head);
  for (const MethodFindings& method : found.methods) {
    std::vector<std::string> cells{method.method};
    for (const Column& column : columns) {
      cells.push_back(text_of(method.*column.figure, column.digits));
    }
    cells.push_back(std::isnan(method.stability) ? "-" : fmt::format("{:.3f}", method.stability));
    table.add(cells);
  }
  for (const std::string& method : found.failed) {
    const bool others = std::any_of(found.methods.begin(), found.methods.end(),
                                    [&](const auto& of) { return of.method == method; });
    std::vector<std::string> cells(head.size(), "-");
    cells.front() = method + (others ? " (other seeds)" : "");
    cells.back() = "failed";
    table.add(cells);
  }
  run.print(table.text());
  const std::string left_out =
      found.missing_labels > 0 ? fmt::format("{} rows without a label are left out of the scores. ",
                                             found.missing_labels)
                               : "";
  run.print(wrapped(left_out +
                        "Stability: mean adjusted Rand index (ARI) between two seeds. Inertia: "
                        "squared distances of the rows to the means of their clusters.",
                    kColumns));
}

void add_fits(Run& run, const std::vector<ScoredFit>& fits) {
  Context host = Context::cpu();
  Json dec = Json::array();
  for (const ScoredFit& scored : fits) {
    run.add_row(row_of(scored));
    if (scored.fit == nullptr) continue;
    const ClusterFit& fit = *scored.fit;
    const std::string name = fmt::format("{}_{}.npy", scored.method, scored.seed);
    run.add_npy("assignments_" + name, fit.labels);
    if (!fit.embedding.empty()) {
      run.add_npy("embedding_" + name, Matrix<float>::copy_of(host, fit.embedding));
    }
    if (fit.updates.empty()) continue;
    Json updates = Json::array();
    for (const DecUpdate& update : fit.updates) updates.push_back(json_of(update));
    dec.push_back({{"method", scored.method},
                   {"seed", scored.seed},
                   {"ended", fit.ended},
                   {"updates", std::move(updates)}});
  }
  if (!dec.empty()) run.result("dec") = std::move(dec);
}

Json summary_of(const LabelledRows& data, const ClusterFindings& found) {
  Json summary = Json::object();
  for (const MethodFindings& method : found.methods) {
    Json& of_method = summary[method.method] = Json::object();
    for (const Column& column : columns_of(data, found.rows)) {
      const Spread& spread = method.*column.figure;
      of_method[column.key] = {{"mean", spread.count == 0 ? 0 : spread.mean}, {"sd", spread.sd}};
    }
    of_method["stability"] = std::isnan(method.stability) ? Json() : Json(method.stability);
  }
  return summary;
}

}  // namespace

void print_results(Run& run, const LabelledRows& data, const ClusterFindings& found,
                   const std::optional<ClusterMap>& map) {
  print_table(run, data, found);
  if (!map) return;
  run.print(fmt::format(
      "t-SNE of {} rows: KL {:.3f}{}, {} iterations, {:.1f} s", map->points.rows(), map->kl,
      std::isnan(map->one_nn) ? "" : fmt::format(", 1-NN in the map {:.3f}", map->one_nn),
      map->iterations, map->seconds));
}

void write_results(Run& run, const LabelledRows& data, const std::vector<ScoredFit>& fits,
                   const ClusterFindings& found, const std::optional<ClusterMap>& map) {
  if (!found.candidates.empty()) {
    Json tried = Json::array();
    for (const auto& [k, stability] : found.candidates) {
      tried.push_back({{"k", k}, {"stability", stability}});
    }
    run.result("k_choice") = std::move(tried);
  }
  run.result("k") = found.k;
  add_fits(run, fits);
  run.result("summary") = summary_of(data, found);
  if (map) {
    run.result("tsne") = {{"kl", map->kl},
                          {"perplexity", map->perplexity},
                          {"one_nn", std::isnan(map->one_nn) ? Json() : Json(map->one_nn)},
                          {"iterations", map->iterations},
                          {"seconds", map->seconds},
                          {"rows", map->points.rows()}};
    Context host = Context::cpu();
    run.add_npy("tsne.npy", Matrix<float>::copy_of(host, map->points));
  }
  if (data.labelled()) {
    run.add_picture("confusion.png", [&] { return to_png(confusion_picture(data, found)); });
  }
  if (map) run.add_picture("tsne.png", [&] { return to_png(map_picture(data, found, *map)); });
}

}  // namespace clipk::study
