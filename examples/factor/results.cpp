#include "factor/results.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "factor/pictures.hpp"
#include "factor/shown_edits.hpp"
#include "study/table.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

constexpr std::size_t kColumns = 100;  // of a line for the terminal

std::string percent(double value) {
  return std::isnan(value) ? "-" : fmt::format("{:.1f} %", 100 * value);
}

void print_table(Run& run, const FlowDiagnostics& flow, const FactorFindings& found) {
  Table table({"factor", "block", "own block", "largest leak", "edits succeed", "others kept",
               "out of range"});
  for (const FactorFinding& factor : found.factors) {
    table.add({factor.name, std::to_string(factor.block_size),
               fmt::format("{} {:.3f}", factor.classes > 0 ? "acc" : "R\u00b2", factor.own_block),
               fmt::format("{:+.3f} ({})", factor.leak, factor.leaks_into), percent(factor.success),
               percent(factor.least_kept), factor.edits > 0 ? percent(factor.flagged) : "-"});
  }
  run.print(table.text());
  run.print(wrapped(
      "Own block: how well the factor is predicted from its own block; leak: above chance from any "
      "other block. Edits: a held-out row gets the block of another row; a separate network "
      "predicts the factors of the decoded result.",
      kColumns));
  run.print(wrapped(
      fmt::format("Held-out NLL {:.2f} nats per row (full-covariance Gaussian {:.2f}); round trip "
                  "{:.1e} (float64 {:.1e}); relative error of the log-determinant {:.1e} (float64)",
                  flow.nll, flow.nll_gaussian, flow.round_trip_max, flow.round_trip_max_double,
                  flow.logdet_error),
      kColumns));
}

void print_edits(Run& run, const std::vector<ShownEdit>& edits) {
  if (edits.empty()) return;
  Table table({"image", "edit", "nearest image", "nearest text before", "after"});
  const auto text_of = [](const ShownEdit::Nearest& nearest) {
    if (!nearest.text) return std::string("-");
    return nearest.caption ? shortened(*nearest.caption) : std::to_string(*nearest.text);
  };
  for (const ShownEdit& edit : edits) {
    table.add({std::to_string(edit.image),
               fmt::format("{} to {}{}", edit.from, edit.to, edit.outside ? " (out of range)" : ""),
               fmt::format("{} -> {}", edit.before.image, edit.after.image), text_of(edit.before),
               text_of(edit.after)});
  }
  run.print(table.text());
}

Json row_of(const FactorFinding& factor) {
  return {{"factor", factor.name},
          {"kind", factor.classes > 0 ? "classes" : "values"},
          {"block_size", factor.block_size},
          {"rho", factor.rho},
          {"own_block", number_or_null(factor.own_block)},
          {"chance", factor.chance},
          {"largest_leak", factor.leak},
          {"leaks_into", factor.leaks_into},
          {"judge", factor.judge},
          {"edits", factor.edits},
          {"edit_success", number_or_null(factor.success)},
          {"least_kept", number_or_null(factor.least_kept)},
          {"flagged", factor.flagged}};
}

// What every factor is read with from every block, and by chance.
Json json_of(const Leakage& leakage, const FactorModels& models) {
  const std::vector<Factor>& factors = models.data->factors;
  Json json = Json::object();
  for (std::size_t b = 0; b < models.iin->blocks().size(); ++b) {
    Json& row = json[models.iin->blocks()[b].name] = Json::object();
    for (std::size_t f = 0; f < factors.size(); ++f) {
      row[factors[f].name] = leakage.scores[b].empty() ? Json() : Json(leakage.scores[b][f]);
    }
  }
  Json& chance = json["chance"] = Json::object();
  for (std::size_t f = 0; f < factors.size(); ++f) chance[factors[f].name] = leakage.chance[f];
  return json;
}

Json drift_of(const FactorModels& models) {
  const std::vector<Factor>& factors = models.data->factors;
  Json json = Json::object();
  for (std::size_t f = 0; f < factors.size(); ++f) {
    Json& row = json[factors[f].name] = Json::object();
    for (std::size_t g = 0; g < factors.size(); ++g) {
      if (g == f) continue;
      row[factors[g].name] = {{"kept", number_or_null(models.edits[f].kept[g])},
                              {"mean", number_or_null(models.edits[f].drift[g])}};
    }
  }
  return json;
}

Json json_of(const std::vector<ShownEdit>& edits) {
  Json json = Json::array();
  for (const ShownEdit& edit : edits) {
    Json entry{{"image", edit.image},
               {"factor", edit.factor},
               {"from", edit.from},
               {"to", edit.to},
               {"image_before", edit.before.image},
               {"image_after", edit.after.image},
               {"outside", edit.outside}};
    const auto add = [&](const ShownEdit::Nearest& nearest, const char* when) {
      if (!nearest.text) return;
      entry[fmt::format("text_{}", when)] = *nearest.text;
      if (nearest.caption) entry[fmt::format("caption_{}", when)] = *nearest.caption;
    };
    add(edit.before, "before");
    add(edit.after, "after");
    json.push_back(std::move(entry));
  }
  return json;
}

void add_figures(Run& run, const FactorModels& models, const FactorFindings& found) {
  Json names = Json::array(), sizes = Json::object(), success = Json::object();
  for (const FactorFinding& factor : found.factors) {
    run.add_row(row_of(factor));
    names.push_back(factor.name);
    success[factor.name] = number_or_null(factor.success);
  }
  for (const IinBlock& block : models.iin->blocks()) sizes[block.name] = block.size;
  run.result("factors") = std::move(names);
  if (!models.data->rare.empty()) run.result("rare_classes") = json_of(models.data->rare);
  run.result("block_sizes") = std::move(sizes);
  run.result("nll") = models.diagnostics.nll;
  run.result("nll_gaussian") = models.diagnostics.nll_gaussian;
  run.result("round_trip_max") = models.diagnostics.round_trip_max;
  run.result("round_trip_max_double") = models.diagnostics.round_trip_max_double;
  run.result("logdet_error") = models.diagnostics.logdet_error;
  run.result("leakage") = json_of(models.leakage, models);
  run.result("edit_success") = std::move(success);
  run.result("off_target_drift") = drift_of(models);
  run.result("seconds") = models.seconds;
  run.result("held_out") = found.held_out;
}

}  // namespace

void write_results(Run& run, const FactorModels& models, const FactorFindings& found) {
  print_table(run, models.diagnostics, found);
  add_figures(run, models, found);
  Context& context = run.context();
  if (models.data->vectors) {
    run.attempt("edits_shown", [&] {
      const std::vector<ShownEdit> edits = shown_edits(context, models);
      run.result("edits_shown") = json_of(edits);
      print_edits(run, edits);
    });
  }
  if (models.data->shape.known()) {
    run.add_picture("edits.png", [&] {
      const EditPicture sweep = sweep_picture(context, models);
      run.result("sweep_flagged") = sweep.flagged;
      return to_png(sweep.grid);
    });
    run.add_picture("swaps.png", [&] { return to_png(swap_picture(context, models).grid); });
  }
  run.add_picture("leakage.png", [&] { return to_png(leakage_picture(models)); });
  run.attempt("training.png", [&] {
    const Figure figure = training_picture(models);
    if (!figure.panels.empty()) run.add_file("training.png", to_png(figure));
  });
}

}  // namespace clipk::study
