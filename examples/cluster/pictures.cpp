#include "cluster/pictures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <span>

#include "study/pictures/largest.hpp"

namespace clipk::study {
namespace {

// The columns of a table that are drawn beside these rows: those matched to them in their order,
// then the others, of too many those with most points of these rows.
std::vector<std::size_t> columns_beside(const std::vector<std::size_t>& rows,
                                        const Contingency& table) {
  constexpr std::size_t kNone = SIZE_MAX;
  std::vector<std::size_t> place(table.classes.size(), kNone);
  for (std::size_t r = 0; r < rows.size(); ++r) place[rows[r]] = r;
  const std::vector<std::int32_t> matched = matched_classes(table);
  std::vector<std::size_t> columns, others;
  for (std::size_t c = 0; c < matched.size(); ++c) {
    const bool shown = matched[c] >= 0 && place[static_cast<std::size_t>(matched[c])] != kNone;
    (shown ? columns : others).push_back(c);
  }
  std::sort(columns.begin(), columns.end(),
            [&](std::size_t a, std::size_t b) { return matched[a] < matched[b]; });
  std::vector<std::int64_t> points(matched.size());
  for (const Contingency::Cell& cell : table.cells) {
    if (place[static_cast<std::size_t>(cell.row)] == kNone) continue;
    points[static_cast<std::size_t>(cell.col)] += cell.count;
  }
  std::vector<std::int64_t> sizes;
  sizes.reserve(others.size());
  for (const std::size_t c : others) sizes.push_back(points[c]);
  for (const std::size_t o : largest(sizes, kHeatmapLines - columns.size())) {
    columns.push_back(others[o]);
  }
  return columns;
}

HeatmapPanel confusion_panel(const std::string& method, const Contingency& table,
                             const std::vector<std::string>& names) {
  HeatmapPanel panel{.title = method, .x_label = "cluster", .y_label = "class"};
  const std::vector<std::size_t> rows = largest(table.row_sums, kHeatmapLines);
  const std::vector<std::size_t> columns = columns_beside(rows, table);
  std::vector<std::int64_t> row_place(table.classes.size(), -1);
  std::vector<std::int64_t> column_place(table.clusters.size(), -1);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    row_place[rows[r]] = static_cast<std::int64_t>(r);
    panel.rows.push_back(names[static_cast<std::size_t>(table.classes[rows[r]])]);
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    column_place[columns[c]] = static_cast<std::int64_t>(c);
    panel.columns.push_back(std::to_string(table.clusters[columns[c]]));
  }
  panel.values.assign(rows.size(), std::vector<double>(columns.size()));
  panel.texts.assign(rows.size(), std::vector<std::string>(columns.size()));
  for (const Contingency::Cell& cell : table.cells) {
    const std::int64_t r = row_place[static_cast<std::size_t>(cell.row)];
    const std::int64_t c = column_place[static_cast<std::size_t>(cell.col)];
    if (r < 0 || c < 0) continue;
    const double share = static_cast<double>(cell.count) /
                         static_cast<double>(table.row_sums[static_cast<std::size_t>(cell.row)]);
    panel.values[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)] = share;
    if (share < .005) continue;
    panel.texts[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)] =
        fmt::format("{:.0f}", 100 * share);
  }
  return panel;
}

}  // namespace

Heatmap confusion_picture(const std::vector<std::pair<std::string, Contingency>>& tables,
                          const std::vector<std::string>& names) {
  Heatmap heatmap{
      .title = "Share of every class in each cluster, %", .low = "0 %", .high = "100 %"};
  std::size_t classes = 0, clusters = 0;
  for (const auto& [method, table] : tables) {
    heatmap.panels.push_back(confusion_panel(method, table, names));
    classes = std::max(classes, table.classes.size());
    clusters = std::max(clusters, table.clusters.size());
  }
  if (classes > kHeatmapLines) {
    heatmap.note = fmt::format("the {} largest of {} classes", kHeatmapLines, classes);
  }
  if (clusters > kHeatmapLines) {
    heatmap.note += fmt::format("{}{} of {} clusters, those matched to these classes first",
                                heatmap.note.empty() ? "" : "; ", kHeatmapLines, clusters);
  }
  return heatmap;
}

void name_clusters(const Contingency& table, const std::vector<std::string>& classes,
                   std::size_t clusters, ScatterPanel& panel) {
  std::vector<std::int32_t> largest_class(clusters, -1);
  std::vector<std::int64_t> most(clusters);
  for (const Contingency::Cell& cell : table.cells) {
    const auto cluster =
        static_cast<std::size_t>(table.clusters[static_cast<std::size_t>(cell.col)]);
    if (cell.count <= most[cluster]) continue;
    most[cluster] = cell.count;
    largest_class[cluster] = table.classes[static_cast<std::size_t>(cell.row)];
  }
  std::vector<std::int32_t> matched(clusters, -1);
  const std::vector<std::int32_t> rows = matched_classes(table);
  for (std::size_t c = 0; c < rows.size(); ++c) {
    if (rows[c] < 0) continue;
    matched[static_cast<std::size_t>(table.clusters[c])] =
        table.classes[static_cast<std::size_t>(rows[c])];
  }
  auto own = static_cast<std::int32_t>(classes.size());
  for (std::size_t c = 0; c < clusters; ++c) {
    const bool same = largest_class[c] >= 0 && largest_class[c] == matched[c];
    panel.colour.push_back(same ? largest_class[c] : own++);
    panel.names.push_back(
        largest_class[c] < 0
            ? std::to_string(c)
            : fmt::format("{} ({})", c, classes[static_cast<std::size_t>(largest_class[c])]));
  }
}

Heatmap confusion_picture(const LabelledRows& data, const ClusterFindings& found) {
  std::vector<std::pair<std::string, Contingency>> tables;
  for (const MethodFindings& method : found.methods) {
    tables.emplace_back(method.method, contingency(view(data.classes), view(method.labels)));
  }
  return confusion_picture(tables, data.names);
}

Scatter map_picture(const LabelledRows& data, const ClusterFindings& found, const ClusterMap& map) {
  const auto on_map = [&](const std::vector<std::int32_t>& all) {
    std::vector<std::int32_t> values;
    values.reserve(map.chosen.size());
    for (const std::int64_t row : map.chosen) values.push_back(all[static_cast<std::size_t>(row)]);
    return values;
  };
  Scatter scatter{
      .title = fmt::format("t-SNE of {} rows, perplexity {:g}", map.points.rows(), map.perplexity),
      .points = map.points};
  std::span<const MethodFindings> shown = found.methods;
  if (data.labelled()) {
    scatter.panels.push_back(
        {.title = "by class", .category = on_map(data.classes), .names = data.names});
    shown = shown.last(1);  // class and clusters side by side
  }
  for (const MethodFindings& method : shown) {
    ScatterPanel panel{.title = "by cluster: " + method.method, .category = on_map(method.labels)};
    if (data.labelled()) {
      name_clusters(contingency(view(data.classes), view(method.labels)), data.names,
                    method.sizes.size(), panel);
    } else {
      for (std::size_t c = 0; c < method.sizes.size(); ++c) {
        panel.names.push_back(fmt::format("{} ({} rows)", c, method.sizes[c]));
      }
    }
    scatter.panels.push_back(std::move(panel));
  }
  return scatter;
}

}  // namespace clipk::study
