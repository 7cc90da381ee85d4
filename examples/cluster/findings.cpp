#include "cluster/findings.hpp"

#include <algorithm>

#include "clipk/metrics/silhouette.hpp"
#include "clipk/metrics/stability.hpp"

namespace clipk::study {
namespace {

// Rows that the silhouette is the mean of; each is compared with all rows.
constexpr std::int64_t kSilhouetteRows = 2000;

std::vector<std::int64_t> sizes_of(const std::vector<std::int32_t>& labels) {
  std::vector<std::int64_t> sizes;
  for (const std::int32_t label : labels) {
    const auto cluster = static_cast<std::size_t>(label);
    if (cluster >= sizes.size()) sizes.resize(cluster + 1);
    ++sizes[cluster];
  }
  return sizes;
}

// Of the fits that have the figure.
template <class Figure>
Spread spread_of(const std::vector<const ScoredFit*>& fits, const Figure& figure) {
  std::vector<double> values;
  for (const ScoredFit* fit : fits) {
    if (const std::optional<double> value = figure(*fit)) values.push_back(*value);
  }
  Spread spread{.count = values.size()};
  if (values.empty()) return spread;
  spread.mean = 0;
  for (const double value : values) spread.mean += value / static_cast<double>(values.size());
  for (const double value : values) spread.sd += (value - spread.mean) * (value - spread.mean);
  spread.sd = values.size() > 1 ? std::sqrt(spread.sd / static_cast<double>(values.size() - 1)) : 0;
  return spread;
}

MethodFindings findings_of(const std::vector<const ScoredFit*>& fits) {
  MethodFindings found{.method = fits.front()->method, .labels = fits.front()->fit->labels};
  const auto score = [&](double ClusteringScores::*member) {
    return spread_of(fits, [&](const ScoredFit& fit) -> std::optional<double> {
      if (!fit.scores) return {};
      return (*fit.scores).*member;
    });
  };
  found.ami = score(&ClusteringScores::ami);
  found.ari = score(&ClusteringScores::ari);
  found.fmi = score(&ClusteringScores::fmi);
  found.nmi = score(&ClusteringScores::nmi);
  found.acc = score(&ClusteringScores::acc);
  const auto spread = [&](const auto& figure) { return spread_of(fits, figure); };
  found.silhouette = spread([](const ScoredFit& fit) { return fit.silhouette; });
  found.smallest_cluster = spread([](const ScoredFit& fit) {
    return std::optional(static_cast<double>(fit.smallest_cluster));
  });
  found.inertia = spread([](const ScoredFit& fit) { return std::optional(fit.fit->inertia); });
  found.seconds = spread([](const ScoredFit& fit) { return std::optional(fit.fit->seconds); });
  std::vector<std::vector<std::int32_t>> labelings;
  labelings.reserve(fits.size());
  for (const ScoredFit* fit : fits) labelings.push_back(fit->fit->labels);
  if (labelings.size() > 1) found.stability = stability(labelings).mean;
  found.sizes = sizes_of(found.labels);
  return found;
}

}  // namespace

ScoredFit scored_fit(Context& context, const LabelledRows& data, MatrixView<const float> rows,
                     const std::string& method, std::uint64_t seed, const ClusterFit& fit) {
  ScoredFit scored{.method = method, .seed = seed, .fit = &fit};
  const std::vector<std::int64_t> sizes = sizes_of(fit.labels);
  scored.clusters = std::count_if(sizes.begin(), sizes.end(), [](auto n) { return n > 0; });
  scored.smallest_cluster = *std::min_element(sizes.begin(), sizes.end());
  if (scored.clusters > 1 && scored.clusters < rows.rows) {
    scored.silhouette = silhouette(context, rows, view(fit.labels),
                                   {.sample = kSilhouetteRows, .seed = context.seed()});
  }
  if (data.labelled()) scored.scores = clustering_scores(view(data.classes), view(fit.labels));
  return scored;
}

void summarize(const std::vector<ScoredFit>& fits, ClusterFindings& found) {
  std::vector<std::vector<const ScoredFit*>> by_method;
  for (const ScoredFit& fit : fits) {
    if (fit.fit == nullptr) {
      if (std::find(found.failed.begin(), found.failed.end(), fit.method) == found.failed.end()) {
        found.failed.push_back(fit.method);
      }
      continue;
    }
    if (fit.scores) found.missing_labels = fit.scores->missing;
    if (by_method.empty() || by_method.back().front()->method != fit.method) {
      by_method.emplace_back();
    }
    by_method.back().push_back(&fit);
  }
  for (const auto& of_method : by_method) found.methods.push_back(findings_of(of_method));
}

}  // namespace clipk::study
