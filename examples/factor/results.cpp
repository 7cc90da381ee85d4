#include "factor/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "study/chart.hpp"
#include "study/heatmap.hpp"
#include "study/picture_grid.hpp"
#include "study/table.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

constexpr std::array<float, 5> kSweep{-3, -1.5F, 0, 1.5F, 3};
constexpr std::int64_t kSweptRows = 8;
constexpr std::size_t kSweptComponents = 8;  // over all factors
constexpr std::int64_t kSwaps = 8;

// The largest of the others: how far a factor can be read where it should not be.
struct Leak {
  double above_chance = 0;
  std::size_t block = 0;
};

Leak largest_leak(const Leakage& leakage, std::size_t factor) {
  Leak leak{.above_chance = -1};
  for (std::size_t b = 0; b < leakage.scores.size(); ++b) {
    if (leakage.scores[b].empty()) continue;  // a block without columns
    const double above = leakage.scores[b][factor] - leakage.chance[factor];
    if (b != factor && above > leak.above_chance) leak = {above, b};
  }
  return leak;
}

// The row of the largest cosine with a vector; rows have length one. `except` is left out.
std::int64_t nearest_row(const float* vector, MatrixView<const float> rows, std::int64_t except) {
  std::int64_t best = -1;
  double largest = -HUGE_VAL;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    double dot = 0;
    for (std::int64_t j = 0; j < rows.cols; ++j) dot += double{vector[j]} * double{rows(i, j)};
    if (i != except && dot > largest) {
      largest = dot;
      best = i;
    }
  }
  return best;
}

// Of those that are numbers; NaN of none.
double least(const std::vector<double>& values) {
  double smallest = NAN;
  for (const double value : values) smallest = std::fmin(smallest, value);
  return smallest;
}

Json json_of(double value) {
  return std::isnan(value) ? Json() : Json(value);
}

std::string percent(double value) {
  return std::isnan(value) ? "-" : fmt::format("{:.1f} %", 100 * value);
}

}  // namespace

std::string FactorReport::factor_name(std::size_t factor) const {
  return factor < found_.data->factors.size() ? found_.data->factors[factor].name : "residual";
}

void FactorReport::write() {
  add_rows();
  print_table();
  add_results();
  if (found_.data->vectors) run_.attempt("edits_shown", [&] { add_neighbours(); });
  if (found_.data->shape.known()) {
    run_.attempt("edits.png", [&] { add_edit_picture(); });
    run_.attempt("swaps.png", [&] { add_swap_picture(); });
  }
  run_.attempt("leakage.png", [&] { add_leakage_picture(); });
  run_.attempt("training.png", [&] { add_training_picture(); });
}

FactorFindings FactorReport::findings() const {
  FactorFindings found{.rows = found_.data->rows.rows(),
                       .held_out = static_cast<std::int64_t>(found_.held_out.size()),
                       .latent = found_.stage->latent()};
  for (std::size_t f = 0; f < found_.data->factors.size(); ++f) {
    const Factor& held_out = found_.held_out_factors[f];
    const Leak leak = largest_leak(found_.leakage, f);
    found.factors.push_back(
        {.name = factor_name(f),
         .classes = static_cast<std::int64_t>(held_out.class_names.size()),
         .first = found_.iin->blocks()[f].first,
         .block_size = found_.iin->blocks()[f].size,
         .tested = held_out.categorical()
                       ? std::count_if(held_out.classes.begin(), held_out.classes.end(),
                                       [](std::int32_t c) { return c >= 0; })
                       : held_out.rows(),
         .own_block = found_.leakage.scores[f].empty() ? NAN : found_.leakage.scores[f][f],
         .chance = found_.leakage.chance[f],
         .leak = leak.above_chance,
         .leaks_into = factor_name(leak.block),
         .edits = found_.edits[f].edits,
         .success = found_.edits[f].success,
         .flagged = found_.edits[f].flagged});
  }
  found.residual_size = found_.iin->blocks().back().size;
  if (!found_.leakage.scores.back().empty()) found.residual = found_.leakage.scores.back().front();
  found.interpreted = found_.iin->transform(run_.context(), found_.codes).to_host(run_.context());
  return found;
}

void FactorReport::add_rows() {
  for (std::size_t f = 0; f < found_.data->factors.size(); ++f) {
    const Leak leak = largest_leak(found_.leakage, f);
    const EditScores& edits = found_.edits[f];
    run_.add_row({{"factor", factor_name(f)},
                  {"kind", found_.data->factors[f].categorical() ? "classes" : "values"},
                  {"block_size", found_.iin->blocks()[f].size},
                  {"rho", found_.iin->blocks()[f].rho},
                  {"own_block", found_.leakage.scores[f][f]},
                  {"chance", found_.leakage.chance[f]},
                  {"largest_leak", leak.above_chance},
                  {"leaks_into", factor_name(leak.block)},
                  {"judge", found_.judge_scores[f]},
                  {"edits", edits.edits},
                  {"edit_success", json_of(edits.success)},
                  {"least_kept", json_of(least(edits.kept))},
                  {"flagged", edits.flagged}});
  }
}

void FactorReport::print_table() {
  Table table({"factor", "block", "own block", "largest leak", "edits succeed", "others kept",
               "out of range"});
  for (std::size_t f = 0; f < found_.data->factors.size(); ++f) {
    const Leak leak = largest_leak(found_.leakage, f);
    const EditScores& edits = found_.edits[f];
    table.add({factor_name(f), std::to_string(found_.iin->blocks()[f].size),
               fmt::format("{} {:.3f}", found_.data->factors[f].categorical() ? "acc" : "R\u00b2",
                           found_.leakage.scores[f][f]),
               fmt::format("{:+.3f} ({})", leak.above_chance, factor_name(leak.block)),
               percent(edits.success), percent(least(edits.kept)),
               edits.edits > 0 ? percent(edits.flagged) : "-"});
  }
  run_.print(table.text());
  const FlowDiagnostics& d = found_.diagnostics;
  run_.print(fmt::format(
      "Own block, leak: how well the factor is read from its block, and above chance from any "
      "other."
      "\nEdits: the block of a held-out row is taken from another one; a judge reads the decoded "
      "result.\nHeld-out NLL {:.2f} nats a row (full-covariance Gaussian {:.2f}); round trip "
      "{:.1e} "
      "(double {:.1e}); log-determinant off by {:.1e} relative (double)",
      d.nll, d.nll_gaussian, d.round_trip_max, d.round_trip_max_double, d.logdet_error));
}

void FactorReport::add_results() {
  const std::vector<Factor>& factors = found_.data->factors;
  Json names = Json::array(), sizes = Json::object(), leakage = Json::object();
  Json success = Json::object(), drift = Json::object();
  for (std::size_t f = 0; f < factors.size(); ++f) names.push_back(factors[f].name);
  for (std::size_t b = 0; b < found_.iin->blocks().size(); ++b) {
    sizes[factor_name(b)] = found_.iin->blocks()[b].size;
    Json& row = leakage[factor_name(b)] = Json::object();
    for (std::size_t f = 0; f < factors.size(); ++f) {
      row[factors[f].name] =
          found_.leakage.scores[b].empty() ? Json() : Json(found_.leakage.scores[b][f]);
    }
  }
  Json& chance = leakage["chance"] = Json::object();
  for (std::size_t f = 0; f < factors.size(); ++f) {
    chance[factors[f].name] = found_.leakage.chance[f];
    success[factors[f].name] = json_of(found_.edits[f].success);
    Json& row = drift[factors[f].name] = Json::object();
    for (std::size_t g = 0; g < factors.size(); ++g) {
      if (g == f) continue;
      row[factors[g].name] = {{"kept", json_of(found_.edits[f].kept[g])},
                              {"mean", json_of(found_.edits[f].drift[g])}};
    }
  }
  const FlowDiagnostics& d = found_.diagnostics;
  run_.result("factors") = names;
  if (!found_.data->rare.empty()) run_.result("rare_classes") = json_of(found_.data->rare);
  run_.result("block_sizes") = sizes;
  run_.result("nll") = d.nll;
  run_.result("nll_gaussian") = d.nll_gaussian;
  run_.result("round_trip_max") = d.round_trip_max;
  run_.result("round_trip_max_double") = d.round_trip_max_double;
  run_.result("logdet_error") = d.logdet_error;
  run_.result("leakage") = leakage;
  run_.result("edit_success") = success;
  run_.result("off_target_drift") = drift;
  run_.result("seconds") = found_.seconds;
  run_.result("held_out") = found_.held_out.size();
}

void FactorReport::add_edit_picture() {
  Context& context = run_.context();
  const std::int64_t rows = std::min(kSweptRows, found_.held_out_codes.rows());
  const MatrixView<const float> codes = found_.held_out_codes.view().row_range(0, rows);
  std::vector<Matrix<float>> decoded;  // keeps what the grid shows
  PictureGrid grid{.title = "One component of T(z) at a time, turned back and decoded",
                   .note = "",
                   .shape = found_.data->shape,
                   .widest = 3000};
  PictureGrid::Column input{.group = "", .name = "input"}, again{.group = "", .name = "again"};
  decoded.push_back(found_.stage->decode(context, codes));
  for (std::int64_t r = 0; r < rows; ++r) {
    input.pictures.push_back(
        found_.data->rows.view().row(found_.held_out[static_cast<std::size_t>(r)]));
    again.pictures.push_back(decoded.front().view().row(r));
  }
  grid.columns = {input, again};
  // The first component of every factor, then second ones while there is room.
  const std::size_t factors = found_.data->factors.size();
  std::size_t shown = std::min(factors, kSweptComponents);
  std::int64_t flagged = 0, all = 0;
  for (std::size_t f = 0; f < std::min(factors, kSweptComponents); ++f) {
    const std::int64_t size = found_.iin->blocks()[f].size;
    const std::int64_t second =
        size > 1 && shown < kSweptComponents ? 2 : std::min<std::int64_t>(size, 1);
    if (second == 2) ++shown;
    for (std::int64_t component = 0; component < second; ++component) {
      for (const float value : kSweep) {
        const Matrix<float> edited =
            found_.iin->set(context, codes, static_cast<std::int64_t>(f), component, value)
                .to_host(context);
        for (const std::uint8_t outside : found_.iin->typicality(context, edited).outside) {
          flagged += outside;
          ++all;
        }
        decoded.push_back(found_.stage->decode(context, edited));
        PictureGrid::Column column{
            .group =
                second == 2 ? fmt::format("{} {}", factor_name(f), component + 1) : factor_name(f),
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
  run_.result("sweep_flagged") =
      static_cast<double>(flagged) / static_cast<double>(std::max<std::int64_t>(all, 1));
  run_.add_file("edits.png", to_png(grid));
}

void FactorReport::add_swap_picture() {
  Context& context = run_.context();
  const std::int64_t pairs = std::min(kSwaps, found_.held_out_codes.rows() / 2);
  const MatrixView<const float> sources = found_.held_out_codes.view().row_range(0, pairs);
  const MatrixView<const float> donors = found_.held_out_codes.view().row_range(pairs, pairs);
  std::vector<Matrix<float>> decoded;
  std::int64_t flagged = 0;
  PictureGrid grid{.title = "a with one block of b", .note = "", .shape = found_.data->shape};
  const auto add = [&](const std::string& group, const std::string& name,
                       MatrixView<const float> pictures) {
    PictureGrid::Column column{.group = group, .name = name};
    for (std::int64_t r = 0; r < pairs; ++r) column.pictures.push_back(pictures.row(r));
    grid.columns.push_back(std::move(column));
  };
  decoded.push_back(found_.stage->decode(context, sources));
  decoded.push_back(found_.stage->decode(context, donors));
  add("decoded", "a", decoded[0]);
  add("decoded", "b", decoded[1]);
  for (std::size_t f = 0; f < found_.iin->blocks().size(); ++f) {
    if (found_.iin->blocks()[f].size == 0) continue;
    const Matrix<float> edited =
        found_.iin->swap(context, sources, donors, static_cast<std::int64_t>(f)).to_host(context);
    for (const std::uint8_t outside : found_.iin->typicality(context, edited).outside) {
      flagged += outside;
    }
    decoded.push_back(found_.stage->decode(context, edited));
    add("a with b's", factor_name(f), decoded.back());
  }
  grid.note = fmt::format("{} of {} swaps leave the range of the training rows", flagged,
                          pairs * (static_cast<std::int64_t>(grid.columns.size()) - 2));
  run_.add_file("swaps.png", to_png(grid));
}

// An edit of vectors, shown by what lies nearest before and after.
void FactorReport::add_neighbours() {
  Context& context = run_.context();
  const MatrixView<const float> codes = found_.held_out_codes;
  Json shown = Json::array();
  Table table({"image", "edit", "nearest image", "nearest text before", "after"});
  for (std::size_t f = 0; f < found_.data->factors.size(); ++f) {
    const Factor& factor = found_.held_out_factors[f];
    if (!factor.categorical()) continue;
    std::vector<std::int64_t> sources, donors;
    for (std::int64_t i = 0; i < factor.rows() && sources.size() < 6; ++i) {
      for (std::int64_t j = 0; j < factor.rows(); ++j) {
        const std::int64_t donor = (i + 1 + j) % factor.rows();
        const std::int32_t from = factor.classes[static_cast<std::size_t>(i)];
        const std::int32_t to = factor.classes[static_cast<std::size_t>(donor)];
        if (from < 0 || to < 0 || from == to) continue;
        sources.push_back(i);
        donors.push_back(donor);
        break;
      }
    }
    if (sources.empty()) continue;
    const Matrix<float> from = rows_of(codes, sources);
    const Matrix<float> edited =
        found_.iin->swap(context, from, rows_of(codes, donors), static_cast<std::int64_t>(f))
            .to_host(context);
    const Matrix<float> before = found_.stage->decode(context, from);
    const Matrix<float> after = found_.stage->decode(context, edited);
    const std::vector<std::uint8_t> outside = found_.iin->typicality(context, edited).outside;
    const auto near = [&](const Matrix<float>& vectors, std::size_t row, std::int64_t except) {
      return nearest_row(vectors.view().row(static_cast<std::int64_t>(row)), found_.data->rows,
                         except);
    };
    for (std::size_t e = 0; e < sources.size(); ++e) {
      const std::int64_t image = found_.held_out[static_cast<std::size_t>(sources[e])];
      const auto class_of = [&](std::int64_t row) {
        return factor
            .class_names[static_cast<std::size_t>(factor.classes[static_cast<std::size_t>(row)])];
      };
      Json entry{{"image", image},
                 {"factor", factor.name},
                 {"from", class_of(sources[e])},
                 {"to", class_of(donors[e])},
                 {"image_before", near(before, e, image)},
                 {"image_after", near(after, e, image)},
                 {"outside", outside[e] != 0}};
      std::vector<std::string> cells{
          std::to_string(image),
          fmt::format("{} to {}{}", class_of(sources[e]), class_of(donors[e]),
                      outside[e] != 0 ? " (out of range)" : ""),
          fmt::format("{} -> {}", entry["image_before"].get<std::int64_t>(),
                      entry["image_after"].get<std::int64_t>())};
      for (const char* when : {"before", "after"}) {
        std::string& cell = cells.emplace_back("-");
        if (found_.data->texts.empty()) continue;
        const Matrix<float>& vectors = when[0] == 'b' ? before : after;
        const std::int64_t text =
            nearest_row(vectors.view().row(static_cast<std::int64_t>(e)), found_.data->texts, -1);
        entry[fmt::format("text_{}", when)] = text;
        cell = std::to_string(text);
        if (found_.data->captions.empty()) continue;
        const std::string& caption = found_.data->captions[static_cast<std::size_t>(text)];
        entry[fmt::format("caption_{}", when)] = caption;
        cell = shortened(caption);
      }
      table.add(cells);
      shown.push_back(std::move(entry));
    }
  }
  run_.result("edits_shown") = shown;
  if (!shown.empty()) run_.print(table.text());
}

void FactorReport::add_leakage_picture() {
  HeatmapPanel panel{.title = "", .x_label = "factor", .y_label = "read from block"};
  const std::size_t factors = found_.data->factors.size();
  const std::size_t shown = std::min(factors, kHeatmapLines - 2);  // the residual, and chance
  for (std::size_t f = 0; f < shown; ++f) panel.columns.push_back(factor_name(f));
  const auto add_row = [&](const std::string& name, const std::vector<double>& scores) {
    panel.rows.push_back(name);
    std::vector<double>& values = panel.values.emplace_back();
    std::vector<std::string>& texts = panel.texts.emplace_back();
    for (std::size_t f = 0; f < shown; ++f) {
      const double chance = found_.leakage.chance[f];
      values.push_back(std::clamp((scores[f] - chance) / std::max(1 - chance, 1e-9), 0.0, 1.0));
      texts.push_back(fmt::format("{:.2f}", scores[f]));
    }
  };
  for (std::size_t b = 0; b < found_.leakage.scores.size(); ++b) {
    if (found_.leakage.scores[b].empty() || (b >= shown && b < factors)) continue;
    add_row(fmt::format("{} ({})", factor_name(b), found_.iin->blocks()[b].size),
            found_.leakage.scores[b]);
  }
  add_row("chance", found_.leakage.chance);
  Heatmap heatmap{.title = "R\u00b2 or accuracy",
                  .panels = {std::move(panel)},
                  .low = "chance",
                  .high = "1",
                  .cell = 64};
  if (shown < factors) heatmap.note = fmt::format("the first {} of {} factors", shown, factors);
  run_.add_file("leakage.png", to_png(heatmap));
}

void FactorReport::add_training_picture() {
  const auto curve = [](const std::string& label, const std::vector<double>& values) {
    Series series{.label = label};
    for (std::size_t e = 0; e < values.size(); ++e) {
      series.x.push_back(static_cast<double>(e + 1));
      series.y.push_back(values[e]);
    }
    return series;
  };
  Figure figure{.title = "Training: loss in nats", .own_scales = true};
  if (const std::vector<double> losses = found_.stage->losses(); losses.size() > 1) {
    figure.panels.push_back({.title = "first stage",
                             .x_label = "epoch",
                             .y_label = "a row",
                             .series = {curve("first stage", losses)}});
  }
  if (found_.iin->losses().size() > 1) {
    figure.panels.push_back({.title = "interpretation",
                             .x_label = "epoch",
                             .y_label = "a pair",
                             .series = {curve("interpretation", found_.iin->losses())}});
  }
  if (!figure.panels.empty()) run_.add_file("training.png", to_png(figure));
}

}  // namespace clipk::study
