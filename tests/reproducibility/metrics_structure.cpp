// Metrics of maps and clusterings, and statistics.
#include <algorithm>

#include "clipk/core/random.hpp"
#include "clipk/metrics/clustering.hpp"
#include "clipk/metrics/correlation.hpp"
#include "clipk/metrics/cross_validation.hpp"
#include "clipk/metrics/factor_edits.hpp"
#include "clipk/metrics/false_discovery.hpp"
#include "clipk/metrics/geometry.hpp"
#include "clipk/metrics/hungarian.hpp"
#include "clipk/metrics/interval.hpp"
#include "clipk/metrics/jackknife.hpp"
#include "clipk/metrics/nearest_label.hpp"
#include "clipk/metrics/silhouette.hpp"
#include "clipk/metrics/stability.hpp"
#include "reproducibility/factors.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

const Registered kClusteringScores = one("metrics/clustering/scores", [](Run& run) {
  const auto a = run.inputs.below(1, 3001, 13);
  auto b = run.inputs.below(1, 3001, 9);
  for (std::int64_t i = 0; i < 3001; i += 2) b(0, i) = a(0, i) / 2;
  const Contingency table = contingency(a.flat(), b.flat());
  const ClusteringScores s = clustering_scores(table);
  run.add(s.ami, s.ari, s.fmi, s.nmi, s.homogeneity, s.completeness, s.v_measure, s.acc,
          v_measure(table, 2), mutual_info(table), expected_mutual_info(table),
          matched_classes(table));
  for (const Normalizer mean : {Normalizer::geometric, Normalizer::min, Normalizer::max}) {
    run.add(adjusted_mutual_info(table, mean), normalized_mutual_info(table, mean));
  }
});

void correlated(Run& run, Correlation kind) {
  const auto coordinates = run.inputs.clustered(1021, 37, 7);
  const auto features = run.inputs.uniform(1021, 5);
  const CorrelationTable table =
      correlations(run.context, coordinates, features,
                   {.kind = kind, .rule = FalseDiscovery::benjamini_yekutieli});
  run.add(table.r, table.p, table.q);
}

const Registered kCorrelationPearson =
    one("metrics/correlation/pearson", [](Run& run) { correlated(run, Correlation::pearson); });

const Registered kCorrelationSpearman =
    one("metrics/correlation/spearman", [](Run& run) { correlated(run, Correlation::spearman); });

const Registered kCorrelationPointBiserial =
    one("metrics/correlation/point_biserial", [](Run& run) {
      const auto coordinates = run.inputs.clustered(1021, 37, 7);
      const CorrelationTable table = point_biserial(run.context, coordinates, labels(1021, 7), 3);
      run.add(table.r, table.p, table.q);
    });

const Registered kCorrelationJudged = one("metrics/correlation/judged", [](Run& run) {
  for (const double r : {-0.9, -0.2, 0.01, 0.5}) {
    const Interval interval = correlation_interval(r, 40, 0.9, Correlation::spearman);
    run.add(correlation_p_value(r, 40), interval.low, interval.high);
  }
});

const Registered kFalseDiscoveryAdjusted = one("metrics/false_discovery/adjusted", [](Run& run) {
  const auto p = run.inputs.uniform<double>(1, 300, 0, 1);
  for (const FalseDiscovery rule :
       {FalseDiscovery::benjamini_hochberg, FalseDiscovery::benjamini_yekutieli}) {
    run.add(false_discovery_adjusted({p.data(), 300}, rule));
  }
});

const Registered kGeometryOfOneSet = one("metrics/geometry/of_one_set", [](Run& run) {
  const auto high = run.inputs.clustered(301, 37, 7), low = run.inputs.uniform(301, 3);
  run.add(stress1(run.context, {high}, {low}), kendall_distance(run.context, {high}, {low}),
          trustworthiness(run.context, high, low, 10));
  const SampledKendallDistance sampled =
      sampled_kendall_distance(run.context, {high}, {low}, 20'000, 5);
  run.add(sampled.distance, sampled.standard_error);
});

const Registered kGeometryBetweenSets = one("metrics/geometry/between_sets", [](Run& run) {
  const auto x = run.inputs.directions(301, 37), y = run.inputs.directions(203, 37);
  const DistanceBlock high{.x = x, .y = y, .metric = Metric::cosine};
  const DistanceBlock low{.x = x.view().col_range(0, 5), .y = y.view().col_range(0, 5)};
  run.add(stress1(run.context, high, low), kendall_distance(run.context, high, low));
});

const Registered kHungarianAssignment = one("metrics/hungarian/assignment", [](Run& run) {
  const auto drawn = run.inputs.below(40, 30, 1000);
  Matrix<std::int64_t> weights(40, 30);
  std::ranges::copy(drawn.flat(), weights.flat().begin());
  const Assignment found = hungarian(weights);
  run.add(found.col_of_row, found.row_of_col, found.total);
});

const Registered kNearestLabelAccuracy = one("metrics/nearest_label/accuracy", [](Run& run) {
  const auto rows = run.inputs.clustered(517, 37, 7);
  const auto of = run.inputs.below(1, 517, 7);
  run.add(nearest_label_accuracy(run.context, rows, of.flat()));
});

const Registered kSilhouette = one("metrics/silhouette/silhouette", [](Run& run) {
  const auto rows = run.inputs.clustered(1021, 37, 7);
  const auto of = labels(1021, 7);
  const VectorView<const std::int32_t> view(of.data(), 1021);
  for (const Metric metric : {Metric::euclidean, Metric::cosine}) {
    run.add(silhouette(run.context, rows, view, {.metric = metric}));
  }
  run.add(silhouette(run.context, rows, view, {.sample = 100}));
});

const Registered kStability = one("metrics/stability/stability", [](Run& run) {
  std::vector<std::vector<std::int32_t>> runs;
  for (int r = 0; r < 4; ++r) {
    runs.push_back(labels(1021, 7));
    const auto drawn = run.inputs.below(1, 400, 7);
    std::ranges::copy(drawn.flat(), runs.back().begin());
  }
  const Stability found = stability(runs);
  run.add(found.mean, found.standard_deviation, found.pairs);
});

const Registered kIntervalWilson = one("metrics/interval/wilson", [](Run& run) {
  for (const double share : {0., 0.125, 0.87, 1.}) {
    for (const double confidence : {0.5, 0.95, 0.9999}) {
      const Interval interval = wilson_interval(share, 54, confidence);
      run.add(interval.estimate, interval.low, interval.high);
    }
  }
});

// The largest of the rows' values times their mean.
const Registered kJackknife = one("metrics/jackknife/standard_error", [](Run& run) {
  const auto values = run.inputs.uniform<double>(1, 301, 0, 1);
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < 301; ++i) groups.push_back(i / 3);
  const auto statistic = [&](const std::vector<std::int64_t>& rows) {
    double sum = 0, most = 0;
    for (const std::int64_t row : rows) {
      sum += values(0, row);
      most = std::max(most, values(0, row));
    }
    return most * sum / static_cast<double>(rows.size());
  };
  run.add(jackknife_standard_error(groups, statistic),
          jackknife_standard_error(groups, statistic, 7));
});

const Registered kFactorEdits = one("metrics/factor_edits/scores", [](Run& run) {
  const auto rows = run.inputs.clustered(301, 8, 3);
  const std::vector<Factor> factors = factors_of(rows, 3);
  std::vector<std::int64_t> sources, donors;
  for (std::int64_t i = 0; i < 150; ++i) {
    sources.push_back(i);
    donors.push_back(300 - i);
  }
  const std::vector<Factor> read =
      factors_of(run.inputs.near(rows.view().row_range(0, 150), 0.4), 3);
  for (const std::int64_t edited : {0, 1}) {
    const FactorEditScores scores =
        factor_edit_scores(edited, read, factors, sources, donors, 0.15);
    const auto other = static_cast<std::size_t>(1 - edited);
    run.add(scores.success, scores.kept[other], scores.drift[other]);
  }
});

const Registered kCrossValidation = one("metrics/cross_validation/folds", [](Run& run) {
  const std::vector<std::int32_t> classes = labels(301, 4);
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < 301; ++i) groups.push_back(i / 2);
  const std::vector<std::int64_t> order = Random(7, RandomStream::class_folds).permutation(301);
  const std::vector<std::int32_t> folds =
      stratified_folds(classes, order, {.folds = 5, .groups = groups, .begin = FoldBegin::first});
  run.add(folds, cross_validated_predictions(
                     classes, folds, [](const auto&, const auto& known, const auto& test) {
                       std::vector<std::int32_t> told;
                       for (const std::int64_t row : test) {
                         told.push_back(known[static_cast<std::size_t>(row) % known.size()]);
                       }
                       return told;
                     }));
});

}  // namespace
}  // namespace clipk::golden
