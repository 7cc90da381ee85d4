#include "semantic/pictures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace clipk::study {
namespace {

constexpr std::size_t kPicturedFeatures = 24;
constexpr std::int64_t kPicturedComponents = 16;

}  // namespace

Heatmap similarity_picture(const SemanticData& data, const SemanticFindings& found) {
  const CosineExtract& table = found.table;
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const auto& row : table.cosines) {
    low = std::min(low, *std::min_element(row.begin(), row.end()));
    high = std::max(high, *std::max_element(row.begin(), row.end()));
  }
  HeatmapPanel panel{.x_label = "image", .boxed = table.best_column};
  for (const std::int64_t image : table.images) panel.columns.push_back(std::to_string(image));
  for (std::size_t t = 0; t < table.texts.size(); ++t) {
    panel.rows.push_back(data.caption(table.texts[t]));
    std::vector<double>& values = panel.values.emplace_back();
    std::vector<std::string>& texts = panel.texts.emplace_back();
    for (const double cosine : table.cosines[t]) {
      values.push_back(high > low ? (cosine - low) / (high - low) : 0);
      texts.push_back(fmt::format("{:.3f}", cosine));
    }
  }
  return {.title = "Cosine of texts and images",
          .panels = {std::move(panel)},
          .low = fmt::format("{:.3f}", low),
          .high = fmt::format("{:.3f}", high),
          .cell = 56};
}

Heatmap correlation_picture(const SemanticSettings& settings, const SemanticFindings& found) {
  const SpaceFindings& space = found.spaces.back();
  const std::size_t rows = std::min(kPicturedFeatures, space.picture.features.size());
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
      texts.push_back(space.picture.q[f][at] <= settings.false_discovery ? fmt::format("{:.2f}", r)
                                                                         : std::string());
    }
  }
  return {.title = fmt::format("{} correlation; numbers where q is at most {:g}",
                               settings.by_rank ? "Spearman" : "Pearson", settings.false_discovery),
          .panels = {std::move(panel)},
          .low = "-1",
          .high = "1"};
}

}  // namespace clipk::study
