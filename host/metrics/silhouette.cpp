#include "clipk/metrics/silhouette.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/ops/pairwise_distance.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/row_dot.hpp"
#include "metrics/labelled_rows.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "silhouette";
constexpr std::int64_t kBlockRows = 256;
constexpr std::int64_t kBlockCols = 4096;

// Clusters as ranges of the sorted rows: cluster c has rows starts[c] ... starts[c + 1] - 1.
std::vector<std::int64_t> cluster_starts(const std::vector<std::int32_t>& labels) {
  std::vector<std::int64_t> starts;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (i == 0 || labels[i] != labels[i - 1]) starts.push_back(static_cast<std::int64_t>(i));
  }
  starts.push_back(static_cast<std::int64_t>(labels.size()));
  return starts;
}

// The cluster of a sorted row.
std::size_t cluster_of(const std::vector<std::int64_t>& starts, std::int64_t row) {
  return static_cast<std::size_t>(std::upper_bound(starts.begin(), starts.end(), row) -
                                  starts.begin() - 1);
}

// Adds the distances from one row to the sorted rows left ... right - 1 to the sums of
// their clusters.
void add_sums(const std::vector<std::int64_t>& starts, std::int64_t left, std::int64_t right,
              const float* distances, double* sums) {
  for (std::size_t c = cluster_of(starts, left); c + 1 < starts.size() && starts[c] < right; ++c) {
    const std::int64_t from = std::max(starts[c], left);
    const std::int64_t to = std::min(starts[c + 1], right);
    sums[c] += row_sum(distances + from - left, to - from);
  }
}

// The silhouette of one row, from the sums of its distances to every cluster.
double value(const std::vector<std::int64_t>& starts, std::size_t own, const double* sums) {
  const auto size = [&](std::size_t c) { return static_cast<double>(starts[c + 1] - starts[c]); };
  if (size(own) == 1) return 0;
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c + 1 < starts.size(); ++c) {
    if (c != own) nearest = std::min(nearest, sums[c] / size(c));
  }
  const double inside = sums[own] / (size(own) - 1);
  const double larger = std::max(inside, nearest);
  return larger > 0 ? (nearest - inside) / larger : 0;
}

}  // namespace

double silhouette(Context& context, MatrixView<const float> rows,
                  VectorView<const std::int32_t> labels, const SilhouetteOptions& options) {
  if (options.sample < 0)
    check::fail(kName, "a sample of 0 or more", std::to_string(options.sample));
  const LabelledRows data = labelled_rows(context, kName, rows, labels, options.metric, true);
  const MatrixView<const float> x = data.rows.view();
  const std::vector<std::int64_t> starts = cluster_starts(data.labels);
  const auto clusters = static_cast<std::int64_t>(starts.size()) - 1;
  if (clusters < 2 || clusters >= x.rows) {
    check::fail(
        kName,
        "from 2 to n - 1 clusters of the n = " + std::to_string(x.rows) + " rows with a label",
        std::to_string(clusters));
  }
  std::vector<std::int64_t> chosen(static_cast<std::size_t>(x.rows));
  std::iota(chosen.begin(), chosen.end(), std::int64_t{0});
  if (options.sample > 0 && options.sample < x.rows) {
    chosen = Random(options.seed, RandomStream::silhouette_sample).permutation(x.rows);
    chosen.resize(static_cast<std::size_t>(options.sample));
    std::sort(chosen.begin(), chosen.end());
  }
  const auto count = static_cast<std::int64_t>(chosen.size());

  Context cpu = Context::cpu({.threads = context.threads()});
  const std::int64_t block_rows = std::min(kBlockRows, count);
  Matrix<float> tile(block_rows, std::min(kBlockCols, x.rows));
  Matrix<double> sums(block_rows, clusters);
  std::vector<double> values(chosen.size());
  for (std::int64_t first = 0; first < count; first += kBlockRows) {
    const std::int64_t size = std::min(kBlockRows, count - first);
    std::fill(sums.data(), sums.data() + size * clusters, 0.0);
    const Matrix<float> block =
        select_rows(x, std::span<const std::int64_t>(chosen).subspan(
                           static_cast<std::size_t>(first), static_cast<std::size_t>(size)));
    for (std::int64_t left = 0; left < x.rows; left += kBlockCols) {
      const std::int64_t right = std::min(left + kBlockCols, x.rows);
      pairwise_distance(cpu, block, x.row_range(left, right - left), options.metric,
                        tile.view().row_range(0, size).col_range(0, right - left));
      cpu::parallel_chunks(context.threads(), size, 32, [&](std::int64_t top, std::int64_t height) {
        for (std::int64_t r = top; r < top + height; ++r) {
          add_sums(starts, left, right, tile.view().row(r), sums.view().row(r));
        }
      });
    }
    for (std::int64_t r = 0; r < size; ++r) {
      const auto i = static_cast<std::size_t>(first + r);
      values[i] = value(starts, cluster_of(starts, chosen[i]), sums.view().row(r));
    }
  }
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(count);
}

}  // namespace clipk
