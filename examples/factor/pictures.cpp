#include "factor/pictures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace clipk::study {
namespace {

constexpr std::array<float, 5> kSweep{-3, -1.5F, 0, 1.5F, 3};
constexpr std::int64_t kSweptRows = 8;
constexpr std::size_t kSweptComponents = 8;  // over all factors
constexpr std::int64_t kSwaps = 8;

}  // namespace

EditPicture sweep_picture(Context& context, const FactorModels& models) {
  EditPicture picture;
  const std::int64_t rows = std::min(kSweptRows, models.held_out_codes.rows());
  const MatrixView<const float> codes = models.held_out_codes.view().row_range(0, rows);
  std::vector<Matrix<float>>& decoded = picture.decoded;
  PictureGrid grid{.title = "One component of T(z) changed at a time, inverted and decoded",
                   .note = "",
                   .shape = models.data->shape,
                   .widest = 3000};
  PictureGrid::Column input{.group = "", .name = "input"}, again{.group = "", .name = "again"};
  decoded.push_back(models.stage->decode(context, codes));
  for (std::int64_t r = 0; r < rows; ++r) {
    input.pictures.push_back(
        models.data->rows.view().row(models.held_out[static_cast<std::size_t>(r)]));
    again.pictures.push_back(decoded.front().view().row(r));
  }
  grid.columns = {input, again};
  // The first component of every factor, then second ones while there is room.
  const std::size_t factors = models.data->factors.size();
  std::size_t shown = std::min(factors, kSweptComponents);
  std::int64_t flagged = 0, all = 0;
  for (std::size_t f = 0; f < std::min(factors, kSweptComponents); ++f) {
    const std::int64_t size = models.iin->blocks()[f].size;
    const std::int64_t second =
        size > 1 && shown < kSweptComponents ? 2 : std::min<std::int64_t>(size, 1);
    if (second == 2) ++shown;
    for (std::int64_t component = 0; component < second; ++component) {
      for (const float value : kSweep) {
        const Matrix<float> edited =
            models.iin->set(context, codes, static_cast<std::int64_t>(f), component, value)
                .to_host(context);
        for (const std::uint8_t outside : models.iin->typicality(context, edited).outside) {
          flagged += outside;
          ++all;
        }
        decoded.push_back(models.stage->decode(context, edited));
        PictureGrid::Column column{
            .group = second == 2 ? fmt::format("{} {}", models.iin->blocks()[f].name, component + 1)
                                 : models.iin->blocks()[f].name,
            .name = fmt::format("{:g}", value)};
        for (std::int64_t r = 0; r < rows; ++r) {
          column.pictures.push_back(decoded.back().view().row(r));
        }
        grid.columns.push_back(std::move(column));
      }
    }
  }
  grid.note =
      fmt::format("{} of {} edits leave the range of the training rows{}", flagged, all,
                  factors > kSweptComponents
                      ? fmt::format("; {} more factors are not shown", factors - kSweptComponents)
                      : "");
  picture.flagged =
      static_cast<double>(flagged) / static_cast<double>(std::max<std::int64_t>(all, 1));
  picture.grid = std::move(grid);
  return picture;
}

EditPicture swap_picture(Context& context, const FactorModels& models) {
  EditPicture picture;
  const std::int64_t pairs = std::min(kSwaps, models.held_out_codes.rows() / 2);
  const MatrixView<const float> sources = models.held_out_codes.view().row_range(0, pairs);
  const MatrixView<const float> donors = models.held_out_codes.view().row_range(pairs, pairs);
  std::vector<Matrix<float>>& decoded = picture.decoded;
  std::int64_t flagged = 0;
  PictureGrid grid{.title = "a with one block of b", .note = "", .shape = models.data->shape};
  const auto add = [&](const std::string& group, const std::string& name,
                       MatrixView<const float> pictures) {
    PictureGrid::Column column{.group = group, .name = name};
    for (std::int64_t r = 0; r < pairs; ++r) column.pictures.push_back(pictures.row(r));
    grid.columns.push_back(std::move(column));
  };
  decoded.push_back(models.stage->decode(context, sources));
  decoded.push_back(models.stage->decode(context, donors));
  add("decoded", "a", decoded[0]);
  add("decoded", "b", decoded[1]);
  for (std::size_t f = 0; f < models.iin->blocks().size(); ++f) {
    if (models.iin->blocks()[f].size == 0) continue;
    const Matrix<float> edited =
        models.iin->swap(context, sources, donors, static_cast<std::int64_t>(f)).to_host(context);
    for (const std::uint8_t outside : models.iin->typicality(context, edited).outside) {
      flagged += outside;
    }
    decoded.push_back(models.stage->decode(context, edited));
    add("a with b's", models.iin->blocks()[f].name, decoded.back());
  }
  const std::int64_t all = pairs * (static_cast<std::int64_t>(grid.columns.size()) - 2);
  grid.note = fmt::format("{} of {} swaps leave the range of the training rows", flagged, all);
  picture.flagged =
      static_cast<double>(flagged) / static_cast<double>(std::max<std::int64_t>(all, 1));
  picture.grid = std::move(grid);
  return picture;
}

Heatmap leakage_picture(const FactorModels& models) {
  HeatmapPanel panel{.title = "", .x_label = "factor", .y_label = "predicted from block"};
  const std::size_t factors = models.data->factors.size();
  const std::size_t shown = std::min(factors, kHeatmapLines - 2);  // the residual, and chance
  for (std::size_t f = 0; f < shown; ++f) panel.columns.push_back(models.iin->blocks()[f].name);
  const auto add_row = [&](const std::string& name, const std::vector<double>& scores) {
    panel.rows.push_back(name);
    std::vector<double>& values = panel.values.emplace_back();
    std::vector<std::string>& texts = panel.texts.emplace_back();
    for (std::size_t f = 0; f < shown; ++f) {
      const double chance = models.leakage.chance[f];
      values.push_back(std::clamp((scores[f] - chance) / std::max(1 - chance, 1e-9), 0.0, 1.0));
      texts.push_back(fmt::format("{:.2f}", scores[f]));
    }
  };
  for (std::size_t b = 0; b < models.leakage.scores.size(); ++b) {
    if (models.leakage.scores[b].empty() || (b >= shown && b < factors)) continue;
    add_row(fmt::format("{} ({})", models.iin->blocks()[b].name, models.iin->blocks()[b].size),
            models.leakage.scores[b]);
  }
  add_row("chance", models.leakage.chance);
  Heatmap heatmap{.title = "R\u00b2 or accuracy",
                  .panels = {std::move(panel)},
                  .low = "chance",
                  .high = "1",
                  .cell = 64};
  if (shown < factors) heatmap.note = fmt::format("the first {} of {} factors", shown, factors);
  return heatmap;
}

Figure training_picture(const FactorModels& models) {
  const auto curve = [](const std::string& label, const std::vector<double>& values) {
    Series series{.label = label};
    for (std::size_t e = 0; e < values.size(); ++e) {
      series.x.push_back(static_cast<double>(e + 1));
      series.y.push_back(values[e]);
    }
    return series;
  };
  Figure figure{.title = "Training: loss in nats", .own_scales = true};
  if (const std::vector<double> losses = models.stage->losses(); losses.size() > 1) {
    figure.panels.push_back({.title = "first stage",
                             .x_label = "epoch",
                             .y_label = "per row",
                             .series = {curve("first stage", losses)}});
  }
  if (models.iin->losses().size() > 1) {
    figure.panels.push_back({.title = "interpretation",
                             .x_label = "epoch",
                             .y_label = "per two rows",
                             .series = {curve("interpretation", models.iin->losses())}});
  }
  return figure;
}

}  // namespace clipk::study
