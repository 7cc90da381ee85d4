// Invertible flows, and factors that are read off their codes.
#include "clipk/models/factor_pairs.hpp"
#include "clipk/models/factor_sizes.hpp"
#include "clipk/models/flow.hpp"
#include "clipk/models/flow_diagnostics.hpp"
#include "clipk/models/iin.hpp"
#include "reproducibility/factors.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

template <class T>
void flow_step(Run& run, const FlowOptions& options) {
  constexpr std::int64_t kRows = 100, kDim = 9;
  BasicFlow<T> flow(run.context, kDim, options);
  const auto x = run.inputs.uniform<T>(kRows, kDim, -2, 2);
  flow.initialize(run.context, x);
  typename BasicFlow<T>::Workspace workspace(run.context, flow, kRows);
  Matrix<T> z(kRows, kDim), log_det(1, kRows), back(kRows, kDim), grad_x(kRows, kDim);
  flow.forward(run.context, x, workspace, z, log_det.flat());
  run.add(z, log_det);
  const auto grad_z = run.inputs.uniform<T>(kRows, kDim);
  const auto grad_log_det = run.inputs.uniform<T>(1, kRows);
  flow.backward(run.context, x, workspace, grad_z, grad_log_det.flat(), grad_x);
  run.add(grad_x, flow.parameters().gradients);
  flow.inverse(run.context, z, back);
  run.add(back, flow.log_density(run.context, x), flow.sample(run.context, 50, 2));
}

const Registered kFlowTanh = both("models/flow/tanh", [](Run& run, auto zero) {
  flow_step<decltype(zero)>(run, {.blocks = 2, .width = 33, .depth = 2, .zero_last = false});
});

const Registered kFlowAtanBent = both("models/flow/atan_bent", [](Run& run, auto zero) {
  flow_step<decltype(zero)>(run, {.blocks = 2,
                                  .width = 33,
                                  .depth = 1,
                                  .scale = CouplingScale::atan,
                                  .clamp = 1.9F,
                                  .slope = 0.9F,
                                  .zero_last = false});
});

const Registered kFactorPairsDraw = one("models/factor_pairs/draw", [](Run& run) {
  const auto rows = run.inputs.clustered(301, 8, 3);
  for (const PairMarks marks : {PairMarks::drawn, PairMarks::known}) {
    const FactorPairs pairs(factors_of(rows, 3), 301, {.marks = marks});
    const FactorPairs::Draw draw = pairs.draw(4, 2, 500);
    run.add(draw.first, draw.second, draw.shared);
  }
});

const Registered kFactorSizesSizes = one("models/factor_sizes/sizes", [](Run& run) {
  const auto rows = run.inputs.clustered(301, 8, 3);
  const FactorPairs pairs(factors_of(rows, 3), 301);
  for (const SizeRule rule : {SizeRule::softmax, SizeRule::correlations}) {
    const FactorSizes found = factor_sizes(run.context, rows, pairs, {.rule = rule, .pairs = 2000});
    run.add(found.sizes, found.scores, found.thresholds);
    for (const auto& values : found.correlations) run.add(values);
  }
});

IinOptions small() {
  IinOptions options;
  options.flow = {.blocks = 2, .width = 33, .depth = 1};
  options.sizing = {.pairs = 1000};
  options.epochs = 2;
  options.batch = 64;
  return options;
}

void interpreted(Run& run, const Iin& iin, const Matrix<float>& rows) {
  const auto others = rows.view().row_range(100, 50), these = rows.view().row_range(0, 50);
  run.add(iin.losses(), iin.transform(run.context, rows));
  run.add(iin.swap(run.context, these, others, 0), iin.set(run.context, these, 1, 0, 0.5F),
          iin.interpolate(run.context, these, others, 1, 0.3F));
  const IinTypicality typical = iin.typicality(run.context, these);
  run.add(typical.log_density, typical.share, typical.outside);
  for (const IinBlock& block : iin.blocks()) run.add(block.first, block.size, block.rho);
}

const Registered kIinFit = one("models/iin/fit", [](Run& run) {
  const auto rows = run.inputs.clustered(301, 8, 3);
  const Iin iin = Iin::fit(run.context, rows, factors_of(rows, 3), small());
  interpreted(run, iin, rows);
});

const Registered kIinFitToDistributions = one("models/iin/fit_to_distributions", [](Run& run) {
  const auto rows = run.inputs.clustered(301, 8, 3);
  const auto log_variance = run.inputs.uniform(301, 8, -6, -3);
  IinOptions options = small();
  options.sizes = {2, 3};
  options.estimate_rho = true;
  options.rho_warmup = 0.5;
  options.noise = 0.05;
  const Iin iin = Iin::fit(run.context, rows, log_variance, factors_of(rows, 3), options);
  interpreted(run, iin, rows);
});

const Registered kFlowDiagnosticsDiagnostics =
    one("models/flow_diagnostics/diagnostics", [](Run& run) {
      const auto rows = run.inputs.clustered(301, 8, 3), held_out = run.inputs.near(rows, 0.1);
      Flow flow(run.context, 8, {.blocks = 2, .width = 33, .depth = 1, .zero_last = false});
      flow.initialize(run.context, rows);
      const FlowDiagnostics found =
          flow_diagnostics(run.context, flow, rows, held_out.view().row_range(0, 100), 3);
      run.add(found.nll, found.nll_gaussian, found.round_trip_max, found.round_trip_max_double,
              found.logdet_error);
    });

const Registered kFlowDiagnosticsLeakage = one("models/flow_diagnostics/leakage", [](Run& run) {
  const auto rows = run.inputs.clustered(301, 8, 3);
  const std::vector<Factor> factors = factors_of(rows, 3);
  const Iin iin = Iin::fit(run.context, rows, factors, small());
  const Leakage found = leakage(run.context, iin, rows, factors, rows, factors,
                                {.hidden = {9}, .epochs = 2, .least_steps = 10, .batch = 64});
  for (const auto& scores : found.scores) run.add(scores);
  run.add(found.chance);
});

}  // namespace
}  // namespace clipk::golden
