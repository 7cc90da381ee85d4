#include "cluster/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "clipk/metrics/clustering.hpp"
#include "clipk/metrics/silhouette.hpp"
#include "clipk/metrics/stability.hpp"
#include "cluster/pictures.hpp"

namespace clipk::study {
namespace {

VectorView<const std::int32_t> view(const std::vector<std::int32_t>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

std::int64_t clusters_of(const std::vector<std::int32_t>& labels) {
  return static_cast<std::int64_t>(*std::max_element(labels.begin(), labels.end())) + 1;
}

std::vector<std::int64_t> sizes_of(const std::vector<std::int32_t>& labels) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(clusters_of(labels)));
  for (const std::int32_t label : labels) ++sizes[static_cast<std::size_t>(label)];
  return sizes;
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

// Rows that the silhouette is the mean of; each is compared with all rows.
constexpr std::int64_t kSilhouetteRows = 2000;

struct Spread {
  double mean = 0, sd = 0;
  std::size_t count = 0;
};

// Over the rows of a method whose value is a number; sd with n - 1.
Spread spread_of(const Json& rows, const std::string& method, const char* key) {
  std::vector<double> values;
  for (const Json& row : rows) {
    if (row["method"] == method && row[key].is_number()) values.push_back(row[key]);
  }
  Spread spread{.count = values.size()};
  for (const double value : values) spread.mean += value / static_cast<double>(values.size());
  for (const double value : values) spread.sd += (value - spread.mean) * (value - spread.mean);
  spread.sd = values.size() > 1 ? std::sqrt(spread.sd / static_cast<double>(values.size() - 1)) : 0;
  return spread;
}

std::string text_of(const Spread& spread, int digits) {
  if (spread.count == 0) return "-";
  if (spread.count == 1) return fmt::format("{:.{}f}", spread.mean, digits);
  return fmt::format("{:.{}f} \u00b1 {:.{}f}", spread.mean, digits, spread.sd, digits);
}

}  // namespace

std::vector<std::string> ClusterReport::methods() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_) {
    if (std::find(names.begin(), names.end(), entry.method) == names.end()) {
      names.push_back(entry.method);
    }
  }
  return names;
}

const ClusterFit& ClusterReport::first(const std::string& method) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.method == method; });
  return *found->fit;
}

void ClusterReport::add(const std::string& method, std::uint64_t seed, const ClusterFit& fit) {
  entries_.push_back({method, seed, &fit});
  const std::vector<std::int64_t> sizes = sizes_of(fit.labels);
  const std::int64_t used = std::count_if(sizes.begin(), sizes.end(), [](auto n) { return n > 0; });
  Json row{{"method", method}, {"seed", seed}};
  for (const char* key : {"ami", "ari", "fmi", "nmi", "acc"}) row[key] = nullptr;
  row["inertia"] = fit.inertia;
  row["seconds"] = fit.seconds;
  row["steps"] = fit.steps;
  row["clusters"] = used;
  row["smallest_cluster"] = *std::min_element(sizes.begin(), sizes.end());
  row["silhouette"] = nullptr;
  if (used > 1 && used < rows_.rows) {
    row["silhouette"] = silhouette(run_.context(), rows_, view(fit.labels),
                                   {.sample = kSilhouetteRows, .seed = run_.options().seed});
  }
  if (data_.labelled()) {
    const ClusteringScores scores = clustering_scores(view(data_.classes), view(fit.labels));
    row["ami"] = scores.ami;
    row["ari"] = scores.ari;
    row["fmi"] = scores.fmi;
    row["nmi"] = scores.nmi;
    row["acc"] = scores.acc;
    row["homogeneity"] = scores.homogeneity;
    row["completeness"] = scores.completeness;
    row["missing_labels"] = missing_labels_ = scores.missing;
  }
  run_.add_row(std::move(row));
  const std::string name = fmt::format("{}_{}.npy", method, seed);
  run_.add_npy("assignments_" + name, fit.labels);
  if (!fit.embedding.empty()) {
    Context host = Context::cpu();
    run_.add_npy("embedding_" + name, Matrix<float>::copy_of(host, fit.embedding));
  }
  if (!fit.updates.empty()) {
    Json updates = Json::array();
    for (const DecUpdate& update : fit.updates) updates.push_back(json_of(update));
    run_.result("dec").push_back(
        {{"method", method}, {"seed", seed}, {"ended", fit.ended}, {"updates", updates}});
  }
}

void ClusterReport::add_failed(const std::string& method, std::uint64_t seed,
                               const std::string& reason) {
  Json row{{"method", method}, {"seed", seed}};
  for (const char* key : {"ami", "ari", "fmi", "nmi", "acc", "inertia", "seconds", "steps",
                          "clusters", "smallest_cluster", "silhouette"}) {
    row[key] = nullptr;
  }
  row["failed"] = reason;
  run_.add_row(std::move(row));
  if (std::find(failed_.begin(), failed_.end(), method) == failed_.end()) {
    failed_.push_back(method);
  }
}

void ClusterReport::print_table() {
  const bool labelled = data_.labelled();
  struct Column {
    const char *head, *key;
    int digits;
  };
  std::vector<Column> columns;
  if (labelled) {
    columns = {{"AMI", "ami", 3},
               {"ARI", "ari", 3},
               {"FMI", "fmi", 3},
               {"NMI", "nmi", 3},
               {"ACC", "acc", 3}};
  } else {
    columns = {{"silhouette", "silhouette", 3}, {"smallest cluster", "smallest_cluster", 0}};
  }
  columns.push_back({"inertia", "inertia", rows_.rows > 1000 ? 0 : 1});
  columns.push_back({"s", "seconds", 1});
  std::vector<std::string> head{"method"};
  for (const Column& column : columns) head.emplace_back(column.head);
  head.emplace_back("stability");
  Table table(head);
  for (const std::string& method : methods()) {
    std::vector<std::string> cells{method};
    Json& of_method = summary_[method] = Json::object();
    for (const Column& column : columns) {
      const Spread spread = spread_of(run_.rows(), method, column.key);
      cells.push_back(text_of(spread, column.digits));
      of_method[column.key] = {{"mean", spread.mean}, {"sd", spread.sd}};
    }
    std::vector<std::vector<std::int32_t>> labelings;
    for (const Entry& entry : entries_) {
      if (entry.method == method) labelings.push_back(entry.fit->labels);
    }
    of_method["stability"] = nullptr;
    cells.emplace_back("-");
    if (labelings.size() > 1) {
      const Stability found = stability(labelings);
      of_method["stability"] = found.mean;
      cells.back() = fmt::format("{:.3f}", found.mean);
    }
    table.add(cells);
  }
  for (const std::string& method : failed_) {
    std::vector<std::string> cells(head.size(), "-");
    cells.front() = method + (summary_.contains(method) ? " (other seeds)" : "");
    cells.back() = "failed";
    table.add(cells);
  }
  run_.print(table.text());
  run_.print(fmt::format(
      "{}Stability: mean ARI between two seeds. Inertia: about the means of the rows' clusters.",
      missing_labels_ > 0
          ? fmt::format("{} rows without a label are left out of the scores. ", missing_labels_)
          : ""));
  run_.result("summary") = summary_;
}

std::vector<MethodFindings> ClusterReport::findings() const {
  std::vector<MethodFindings> found;
  for (const std::string& method : methods()) {
    MethodFindings& of = found.emplace_back();
    of.method = method;
    const auto mean = [&](const char* key) {
      const Spread spread = spread_of(run_.rows(), method, key);
      return spread.count == 0 ? NAN : spread.mean;
    };
    of.silhouette = mean("silhouette");
    of.ami = mean("ami");
    of.acc = mean("acc");
    const Json& stability = summary_.at(method).at("stability");
    if (stability.is_number()) of.stability = stability;
    of.labels = first(method).labels;
    of.sizes = sizes_of(of.labels);
  }
  return found;
}

void ClusterReport::add_confusion() {
  std::vector<std::pair<std::string, Contingency>> tables;
  for (const std::string& method : methods()) {
    tables.emplace_back(method, contingency(view(data_.classes), view(first(method).labels)));
  }
  run_.add_picture("confusion.png", [&] { return to_png(confusion_picture(tables, data_.names)); });
}

void ClusterReport::add_pictures(const std::optional<ClusterMap>& map) {
  if (data_.labelled()) add_confusion();
  if (!map) return;
  const auto chosen = [&](const std::vector<std::int32_t>& all) {
    std::vector<std::int32_t> values;
    values.reserve(map->chosen.size());
    for (const std::int64_t row : map->chosen) values.push_back(all[static_cast<std::size_t>(row)]);
    return values;
  };
  Scatter scatter{.title = fmt::format("t-SNE of {} rows, perplexity {:g}", map->points.rows(),
                                       map->perplexity),
                  .points = map->points};
  std::vector<std::string> shown = methods();
  if (data_.labelled()) {
    scatter.panels.push_back(
        {.title = "by class", .category = chosen(data_.classes), .names = data_.names});
    if (shown.size() > 1) shown = {shown.back()};  // class and clusters side by side
  }
  for (const std::string& method : shown) {
    const std::vector<std::int32_t>& labels = first(method).labels;
    ScatterPanel panel{.title = "by cluster: " + method, .category = chosen(labels)};
    const std::vector<std::int64_t> sizes = sizes_of(labels);
    if (!data_.labelled()) {
      for (std::size_t c = 0; c < sizes.size(); ++c) {
        panel.names.push_back(fmt::format("{} ({} rows)", c, sizes[c]));
      }
    } else {
      name_clusters(contingency(view(data_.classes), view(labels)), data_.names, sizes.size(),
                    panel);
    }
    scatter.panels.push_back(std::move(panel));
  }
  run_.add_picture("tsne.png", [&] { return to_png(scatter); });
}

void ClusterReport::finish(const std::optional<ClusterMap>& map) {
  print_table();
  if (map) {
    run_.print(fmt::format(
        "t-SNE of {} rows: KL {:.3f}{}, {} iterations, {:.1f} s", map->points.rows(), map->kl,
        std::isnan(map->one_nn) ? "" : fmt::format(", 1-NN in the map {:.3f}", map->one_nn),
        map->iterations, map->seconds));
    run_.result("tsne") = {{"kl", map->kl},
                           {"perplexity", map->perplexity},
                           {"one_nn", std::isnan(map->one_nn) ? Json() : Json(map->one_nn)},
                           {"iterations", map->iterations},
                           {"seconds", map->seconds},
                           {"rows", map->points.rows()}};
    Context host = Context::cpu();
    run_.add_npy("tsne.npy", Matrix<float>::copy_of(host, map->points));
  }
  add_pictures(map);
}

}  // namespace clipk::study
