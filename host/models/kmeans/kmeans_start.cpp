#include "models/kmeans/kmeans_start.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/ops/pairwise_distance.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/math/math.hpp"
#include "core/parallel.hpp"

namespace clipk {
namespace {

// One running restart.
struct Start {
  Random random;
  std::vector<std::int64_t> chosen;
  std::vector<std::int64_t> candidates;
  std::vector<float> closest;  // [n] squared distance to the nearest chosen row
  double potential = 0;        // their sum
};

double uniform53(Random& random) {
  const std::uint64_t high = random.bits() >> 5, low = random.bits() >> 6;
  return static_cast<double>(high << 26 | low) * 0x1p-53;
}

// Draws rows in proportion to their squared distance from the chosen ones, which is 0 for a chosen
// row and its duplicates.
void draw(Start& start, std::int64_t count) {
  std::vector<std::pair<double, std::size_t>> targets;
  for (std::size_t c = 0; c < static_cast<std::size_t>(count); ++c) {
    targets.emplace_back(uniform53(start.random) * start.potential, c);
  }
  std::sort(targets.begin(), targets.end());
  start.candidates.assign(static_cast<std::size_t>(count), 0);
  double sum = 0;
  auto next = targets.begin();
  std::int64_t last = 0;
  for (std::size_t i = 0; i < start.closest.size() && next != targets.end(); ++i) {
    if (start.closest[i] == 0) continue;
    last = static_cast<std::int64_t>(i);
    sum += static_cast<double>(start.closest[i]);
    for (; next != targets.end() && next->first < sum; ++next) {
      start.candidates[next->second] = last;
    }
  }
  for (; next != targets.end(); ++next) start.candidates[next->second] = last;
}

double potential_with(const std::vector<float>& closest, const float* distances) {
  double sum = 0;
  for (std::size_t i = 0; i < closest.size(); ++i) {
    sum += static_cast<double>(std::min(closest[i], distances[i]));
  }
  return sum;
}

}  // namespace

std::vector<std::vector<std::int64_t>> kmeans_start(Context& context, MatrixView<const float> host,
                                                    MatrixView<const float> rows, std::int64_t k,
                                                    std::int64_t first_restart,
                                                    std::int64_t restarts) {
  const std::int64_t n = host.rows;
  const auto trials = static_cast<std::int64_t>(2 + math::log(static_cast<double>(k)));
  std::vector<Start> starts;
  for (std::int64_t r = 0; r < restarts; ++r) {
    Start start{Random(context.seed(), RandomStream::clusters,
                       static_cast<std::uint32_t>(first_restart + r)),
                {},
                {},
                std::vector<float>(static_cast<std::size_t>(n), INFINITY)};
    start.candidates = {
        static_cast<std::int64_t>(start.random.below(static_cast<std::uint64_t>(n)))};
    starts.push_back(std::move(start));
  }
  Matrix<float> distances(context, restarts * trials, n);
  std::vector<double> potentials(static_cast<std::size_t>(restarts * trials));
  for (std::int64_t step = 0; step < k; ++step) {
    const std::int64_t each = step == 0 ? 1 : trials;
    const std::int64_t count = restarts * each;
    std::vector<std::int64_t> candidates;
    for (const Start& start : starts) {
      candidates.insert(candidates.end(), start.candidates.begin(), start.candidates.end());
    }
    const Matrix<float> on_device = select_rows(host, candidates).to_device(context);
    pairwise_distance(context, on_device, rows, Metric::squared_euclidean,
                      distances.view().row_range(0, count));
    const HostRows<float> found(context, distances.view().row_range(0, count));
    cpu::parallel_for(context.threads(), count, [&](std::int64_t row) {
      potentials[static_cast<std::size_t>(row)] = potential_with(
          starts[static_cast<std::size_t>(row / each)].closest, found.view().row(row));
    });
    cpu::parallel_for(context.threads(), restarts, [&](std::int64_t r) {
      Start& start = starts[static_cast<std::size_t>(r)];
      const auto* first = potentials.data() + r * each;
      const std::int64_t best = std::min_element(first, first + each) - first;
      start.potential = first[best];
      if (!std::isfinite(start.potential)) {
        check::fail("kmeans", "squared distances within the range of float32", "overflow");
      }
      start.chosen.push_back(start.candidates[static_cast<std::size_t>(best)]);
      const float* nearest = found.view().row(r * each + best);
      for (std::size_t i = 0; i < start.closest.size(); ++i) {
        start.closest[i] = std::min(start.closest[i], nearest[i]);
      }
      if (step + 1 < k) draw(start, trials);
    });
  }
  std::vector<std::vector<std::int64_t>> chosen;
  chosen.reserve(starts.size());
  for (Start& start : starts) chosen.push_back(std::move(start.chosen));
  return chosen;
}

}  // namespace clipk
