#include "clipk/models/choose_clusters.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "clipk/core/matrix.hpp"
#include "clipk/core/random.hpp"
#include "clipk/models/kmeans.hpp"
#include "clipk/ops/gather_rows.hpp"
#include "clipk/ops/random_permutation.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "models/kmeans/kmeans_lloyd.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "choose_clusters";

void check_options(const ChooseClustersOptions& options) {
  if (options.candidates.empty()) check::fail(kName, "at least 1 candidate", "0");
  if (options.runs < 2) check::fail(kName, "at least 2 runs", std::to_string(options.runs));
  if (!(options.share > 0 && options.share <= 1)) {
    check::fail(kName, "a share above 0, at most 1", std::to_string(options.share));
  }
  if (!(options.slack >= 0)) check::fail(kName, "a slack from 0", std::to_string(options.slack));
}

// A context on the same device with the seed of a run.
Context seeded(const Context& context, std::int64_t run) {
  ContextOptions options = context.options();
  const auto block =
      random_block(context.seed(), RandomStream::cluster_seeds, 0, static_cast<std::uint64_t>(run));
  options.seed = std::uint64_t{block[0]} << 32 | block[1];
  return context.device() == Device::cuda ? Context::cuda(options) : Context::cpu(options);
}

// How many rows are distinct for k-means, counted up to `most`: by direction if it is spherical.
std::int64_t distinct_of(Context& context, MatrixView<const float> rows, bool spherical,
                         std::int64_t most) {
  const HostRows<float> host(context, rows);
  if (!spherical) return distinct_rows(host.view(), most);
  return distinct_rows(row_directions(host.view()), most);
}

// Clusters all rows by one sample of them. If fewer than k rows are distinct, each is a cluster.
std::vector<std::int32_t> clusters_by(Context& context, const Matrix<float>& sample,
                                      const Matrix<float>& all, KMeansOptions kmeans,
                                      std::int64_t distinct, double& inertia) {
  if (kmeans.k >= 2 && kmeans.k <= sample.rows()) {
    if (distinct < 2) return std::vector<std::int32_t>(static_cast<std::size_t>(all.rows()));
    kmeans.k = std::min(kmeans.k, distinct);
  }
  const KMeans model = KMeans::fit(context, sample, kmeans);
  inertia += model.inertia();
  return model.predict(context, all);
}

}  // namespace

ClusterChoice choose_clusters(Context& context, MatrixView<const float> rows,
                              const ChooseClustersOptions& options) {
  check_options(options);
  const std::int64_t n = rows.rows;
  const auto sample_rows =
      static_cast<std::int64_t>(std::ceil(options.share * static_cast<double>(n)));
  const Matrix<float> all = Matrix<float>::copy_of(context, rows);
  context.synchronize();  // the runs have their own streams
  const std::int64_t largest =
      *std::max_element(options.candidates.begin(), options.candidates.end());
  const std::int64_t distinct = distinct_of(context, rows, options.spherical, largest);
  std::vector<std::vector<std::vector<std::int32_t>>> labelings(options.candidates.size());
  ClusterChoice choice;
  for (const std::int64_t k : options.candidates) {
    choice.candidates.push_back({});
    choice.candidates.back().k = k;
  }
  for (std::int64_t run = 0; run < options.runs; ++run) {
    Context own = seeded(context, run);
    Matrix<std::int32_t> order(own, 1, n);
    random_permutation(own, own.seed(), RandomStream::cluster_samples, 0, order.flat());
    Matrix<float> sample(own, sample_rows, rows.cols);
    gather_rows(own, all, order.flat().slice(0, sample_rows), sample);
    const std::int64_t seen = distinct_of(own, sample, options.spherical, largest);
    for (std::size_t c = 0; c < choice.candidates.size(); ++c) {
      KMeansOptions kmeans;
      kmeans.k = choice.candidates[c].k;
      kmeans.restarts = options.restarts;
      kmeans.spherical = options.spherical;
      double inertia = 0;
      labelings[c].push_back(clusters_by(own, sample, all, kmeans, seen, inertia));
      choice.candidates[c].inertia += inertia / static_cast<double>(sample_rows * options.runs);
    }
  }
  double best = -1;  // of the numbers of clusters that the rows allow
  for (std::size_t c = 0; c < choice.candidates.size(); ++c) {
    choice.candidates[c].stability = stability(labelings[c]);
    if (choice.candidates[c].k > distinct) continue;
    best = std::max(best, choice.candidates[c].stability.mean);
  }
  for (const ClusterCandidate& candidate : choice.candidates) {
    if (candidate.k <= distinct && candidate.stability.mean >= best - options.slack)
      choice.k = std::max(choice.k, candidate.k);
  }
  if (choice.k == 0) {
    check::fail(kName, "a candidate of at most " + std::to_string(distinct) + ", the distinct rows",
                std::to_string(largest));
  }
  return choice;
}

}  // namespace clipk
