#include "models/tsne/tsne_affinities.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "clipk/core/memory.hpp"
#include "clipk/ops/nearest.hpp"
#include "clipk/ops/pairwise_distance.hpp"
#include "core/math/math.hpp"
#include "core/parallel.hpp"

namespace clipk::tsne {
namespace {

constexpr std::int64_t kGrain = 256;

// Finds long lists of neighbours by blocks of distances and a partial sort.
void find_many(Context& context, MatrixView<const float> queries, MatrixView<const float> database,
               bool within, Neighbors& found) {
  const std::int64_t n = database.rows, k = found.indices.cols();
  Matrix<float> on_device(context, std::min(kGrain, queries.rows), n);
  Matrix<float> block(on_device.rows(), n);
  for (std::int64_t first = 0; first < queries.rows; first += kGrain) {
    const std::int64_t count = std::min(kGrain, queries.rows - first);
    pairwise_distance(context, queries.row_range(first, count), database, Metric::squared_euclidean,
                      on_device.view().row_range(0, count));
    copy<float>(context, on_device.view().row_range(0, count), block.view().row_range(0, count));
    cpu::parallel_for(context.threads(), count, [&](std::int64_t r) {
      float* row = block.view().row(r);
      if (within) row[first + r] = std::numeric_limits<float>::infinity();
      std::vector<std::int32_t> order(static_cast<std::size_t>(n));
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k, order.end(),
                        [&](std::int32_t a, std::int32_t b) {
                          return row[a] < row[b] || (row[a] == row[b] && a < b);
                        });
      for (std::int64_t place = 0; place < k; ++place) {
        const std::int32_t j = order[static_cast<std::size_t>(place)];
        found.indices(first + r, place) = j;
        found.distances(first + r, place) = row[j];
      }
    });
  }
}

// Weights of one row, which sum to one, for ascending squared distances.
void match_perplexity(const float* distances, std::int64_t k, double perplexity, double* p) {
  const double wanted = math::log(perplexity);
  const double nearest = distances[0];
  double mean = 0;
  for (std::int64_t j = 0; j < k; ++j) mean += (distances[j] - nearest) / static_cast<double>(k);
  double low = 0, high = std::numeric_limits<double>::infinity();
  double beta = mean > 0 ? 1 / mean : 1;
  // Bisection reaches the last bit of a double. If more neighbours than the perplexity share one
  // distance, beta grows instead, to the same effect.
  for (int step = 0; step < 200; ++step) {
    double sum = 0, moment = 0;
    for (std::int64_t j = 0; j < k; ++j) {
      const double distance = distances[j] - nearest;
      p[j] = math::exp(-beta * distance);
      sum += p[j];
      moment += p[j] * distance;
    }
    for (std::int64_t j = 0; j < k; ++j) p[j] /= sum;
    const double entropy = math::log(sum) + beta * moment / sum;
    if (std::fabs(entropy - wanted) < 1e-9) return;
    (entropy > wanted ? low : high) = beta;
    beta = std::isinf(high) ? 2 * beta : (low + high) / 2;
  }
}

}  // namespace

Neighbors find_neighbors(Context& context, MatrixView<const float> queries,
                         MatrixView<const float> database, bool within, std::int64_t k) {
  Neighbors found{Matrix<std::int32_t>(queries.rows, k), Matrix<float>(queries.rows, k)};
  if (queries.rows == 0) return found;
  if (k > kMaxNeighbors) {
    find_many(context, queries, database, within, found);
    return found;
  }
  Matrix<std::int32_t> indices(context, queries.rows, k);
  Matrix<float> distances(context, queries.rows, k);
  nearest(context, queries, database, {.metric = Metric::squared_euclidean, .exclude_self = within},
          indices, distances);
  copy<std::int32_t>(context, indices, found.indices.view());
  copy<float>(context, distances, found.distances.view());
  return found;
}

double Affinities::mass() const {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

double Affinities::sum_p_log_p(int threads) const {
  const auto n = static_cast<std::int64_t>(values.size());
  constexpr std::int64_t kTerms = 1 << 16;
  std::vector<double> parts(static_cast<std::size_t>((n + kTerms - 1) / kTerms));
  cpu::parallel_chunks(threads, n, kTerms, [&](std::int64_t first, std::int64_t count) {
    double sum = 0;
    for (std::int64_t e = first; e < first + count; ++e) {
      const double p = values[static_cast<std::size_t>(e)];
      if (p > 0) sum += p * math::log(p);
    }
    parts[static_cast<std::size_t>(first / kTerms)] = sum;
  });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

Affinities conditional_affinities(int threads, const Neighbors& neighbors, double perplexity) {
  const std::int64_t m = neighbors.indices.rows(), k = neighbors.indices.cols();
  Affinities result;
  result.starts.resize(static_cast<std::size_t>(m + 1));
  for (std::int64_t i = 0; i <= m; ++i) result.starts[static_cast<std::size_t>(i)] = i * k;
  result.columns.assign(neighbors.indices.data(), neighbors.indices.data() + m * k);
  result.values.resize(static_cast<std::size_t>(m * k));
  cpu::parallel_chunks(threads, m, kGrain, [&](std::int64_t first, std::int64_t count) {
    std::vector<double> p(static_cast<std::size_t>(k));
    for (std::int64_t i = first; i < first + count; ++i) {
      match_perplexity(neighbors.distances.view().row(i), k, perplexity, p.data());
      std::transform(p.begin(), p.end(), result.values.begin() + i * k,
                     [](double value) { return static_cast<float>(value); });
    }
  });
  return result;
}

Affinities joint_affinities(int threads, const Affinities& conditional) {
  const auto n = static_cast<std::int64_t>(conditional.starts.size()) - 1;
  const std::size_t entries = conditional.columns.size();
  using Entry = std::pair<std::int32_t, float>;

  // The transpose; the columns of its rows ascend because rows are processed in order.
  std::vector<std::int64_t> starts(static_cast<std::size_t>(n + 1));
  for (const std::int32_t j : conditional.columns) ++starts[static_cast<std::size_t>(j) + 1];
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  std::vector<Entry> transposed(entries);
  std::vector<std::int64_t> next(starts.begin(), starts.end() - 1);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t e = conditional.starts[static_cast<std::size_t>(i)];
         e < conditional.starts[static_cast<std::size_t>(i) + 1]; ++e) {
      const auto at = static_cast<std::size_t>(e);
      const auto place = next[static_cast<std::size_t>(conditional.columns[at])]++;
      transposed[static_cast<std::size_t>(place)] = {static_cast<std::int32_t>(i),
                                                     conditional.values[at]};
    }
  }

  // Merges both rows, once to count and once to write.
  const auto merge = [&](std::int64_t i, std::vector<Entry>& own, auto&& take) {
    const auto row = static_cast<std::size_t>(i);
    own.clear();
    for (std::int64_t e = conditional.starts[row]; e < conditional.starts[row + 1]; ++e) {
      const auto at = static_cast<std::size_t>(e);
      own.emplace_back(conditional.columns[at], conditional.values[at]);
    }
    std::sort(own.begin(), own.end());
    auto a = own.begin();
    auto b = transposed.begin() + starts[row];
    const auto end = transposed.begin() + starts[row + 1];
    while (a != own.end() || b != end) {
      const std::int32_t column =
          b == end || (a != own.end() && a->first < b->first) ? a->first : b->first;
      double sum = 0;
      if (a != own.end() && a->first == column) sum += (a++)->second;
      if (b != end && b->first == column) sum += (b++)->second;
      take(column, static_cast<float>(sum / (2.0 * static_cast<double>(n))));
    }
  };
  Affinities joint;
  joint.starts.assign(static_cast<std::size_t>(n + 1), 0);
  cpu::parallel_chunks(threads, n, kGrain, [&](std::int64_t first, std::int64_t count) {
    std::vector<Entry> own;
    for (std::int64_t i = first; i < first + count; ++i) {
      std::int64_t& length = joint.starts[static_cast<std::size_t>(i) + 1];
      merge(i, own, [&](std::int32_t, float) { ++length; });
    }
  });
  std::partial_sum(joint.starts.begin(), joint.starts.end(), joint.starts.begin());
  joint.columns.resize(static_cast<std::size_t>(joint.starts.back()));
  joint.values.resize(joint.columns.size());
  cpu::parallel_chunks(threads, n, kGrain, [&](std::int64_t first, std::int64_t count) {
    std::vector<Entry> own;
    for (std::int64_t i = first; i < first + count; ++i) {
      auto at = static_cast<std::size_t>(joint.starts[static_cast<std::size_t>(i)]);
      merge(i, own, [&](std::int32_t column, float value) {
        joint.columns[at] = column;
        joint.values[at++] = value;
      });
    }
  });
  return joint;
}

}  // namespace clipk::tsne
