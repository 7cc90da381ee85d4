#include "factor/findings.hpp"

#include <algorithm>

namespace clipk::study {
namespace {

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

// Of those that are numbers; NaN of none.
double least(const std::vector<double>& values) {
  double smallest = NAN;
  for (const double value : values) smallest = std::fmin(smallest, value);
  return smallest;
}

// Rows that the factor is known of.
std::int64_t known_rows(const Factor& factor) {
  if (!factor.categorical()) return factor.rows();
  return std::count_if(factor.classes.begin(), factor.classes.end(),
                       [](std::int32_t c) { return c >= 0; });
}

}  // namespace

FactorFindings factor_findings(Context& context, const FactorModels& models) {
  FactorFindings found{.rows = models.data->rows.rows(),
                       .held_out = static_cast<std::int64_t>(models.held_out.size()),
                       .latent = models.stage->latent()};
  const Leakage& leakage = models.leakage;
  for (std::size_t f = 0; f < models.data->factors.size(); ++f) {
    const Factor& held_out = models.held_out_factors[f];
    const IinBlock& block = models.iin->blocks()[f];
    const EditScores& edits = models.edits[f];
    const Leak leak = largest_leak(leakage, f);
    found.factors.push_back({.name = models.data->factors[f].name,
                             .classes = static_cast<std::int64_t>(held_out.class_names.size()),
                             .first = block.first,
                             .block_size = block.size,
                             .rho = block.rho,
                             .tested = known_rows(held_out),
                             .own_block = leakage.scores[f].empty() ? NAN : leakage.scores[f][f],
                             .chance = leakage.chance[f],
                             .leak = leak.above_chance,
                             .leaks_into = models.iin->blocks()[leak.block].name,
                             .judge = models.judge_scores[f],
                             .edits = edits.edits,
                             .success = edits.success,
                             .flagged = edits.flagged,
                             .least_kept = least(edits.kept)});
  }
  found.residual_size = models.iin->blocks().back().size;
  if (!leakage.scores.back().empty()) found.residual = leakage.scores.back().front();
  found.interpreted = models.iin->transform(context, models.codes).to_host(context);
  return found;
}

}  // namespace clipk::study
