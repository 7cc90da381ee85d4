#include "models/quantization/pq_centroids.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "clipk/core/select_rows.hpp"
#include "clipk/ops/dense.hpp"
#include "clipk/ops/kmeans_step.hpp"
#include "clipk/ops/pairwise_distance.hpp"
#include "core/parallel.hpp"
#include "models/kmeans/kmeans_lloyd.hpp"
#include "models/kmeans/kmeans_start.hpp"
#include "models/quantization/pq_codes.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kStartRows = 16;  // for each centroid, that k-means++ chooses from
constexpr std::int64_t kGrain = 256;     // rows of a task

// Runs f(context, s) for the sub-vectors: on the CPU several at a time, on one thread each, where
// there are enough of them.
template <class F>
void for_subvectors(Context& context, std::int64_t m, F&& f) {
  if (context.device() != Device::cpu || m < context.threads()) {
    for (std::int64_t s = 0; s < m; ++s) f(context, s);
    return;
  }
  ContextOptions options = context.options();
  options.threads = 1;
  cpu::parallel_for(context.threads(), m, [&](std::int64_t s) {
    Context one = Context::cpu(options);
    f(one, s);
  });
}

// The columns of sub-vector s.
template <class T>
MatrixView<T> columns_of(MatrixView<T> rows, std::int64_t m, std::int64_t s) {
  const std::int64_t first = pq_first_column(rows.cols, m, s);
  return rows.col_range(first, pq_first_column(rows.cols, m, s + 1) - first);
}

void copy_rows(MatrixView<const float> from, MatrixView<float> to) {
  for (std::int64_t i = 0; i < from.rows; ++i) std::copy_n(from.row(i), from.cols, to.row(i));
}

// The first of each group of equal rows; stops at `most`.
std::vector<std::int64_t> different_rows(MatrixView<const float> rows, std::int64_t most) {
  std::vector<std::int64_t> found;
  found.reserve(static_cast<std::size_t>(most));
  for (std::int64_t i = 0; i < rows.rows && static_cast<std::int64_t>(found.size()) < most; ++i) {
    const float* row = rows.row(i);
    const bool known = std::any_of(found.begin(), found.end(), [&](std::int64_t other) {
      return std::equal(row, row + rows.cols, rows.row(other));
    });
    if (!known) found.push_back(i);
  }
  return found;
}

// What k-means of one sub-vector starts from: rows chosen by k-means++, or all different ones where
// these are no more than the centroids, the first of them repeated.
Matrix<float> start_of(Context& context, MatrixView<const float> host,
                       MatrixView<const float> device, std::int64_t centroids, std::int64_t step,
                       bool& final) {
  std::vector<std::int64_t> chosen = different_rows(host, centroids + 1);
  final = static_cast<std::int64_t>(chosen.size()) <= centroids;
  if (final) {
    chosen.resize(static_cast<std::size_t>(centroids), chosen[0]);
    return select_rows(host, chosen);
  }
  const std::int64_t rows = std::min(host.rows, kStartRows * centroids);
  return select_rows(host, kmeans_start(context, host.row_range(0, rows), device.row_range(0, rows),
                                        centroids, step, 1)[0]);
}

std::vector<std::int32_t> labels_of(Context& context, MatrixView<const float> rows,
                                    MatrixView<const float> centroids) {
  const std::int64_t k = centroids.rows;
  std::vector<std::int32_t> result(static_cast<std::size_t>(rows.rows), -1);
  const VectorView<std::int32_t> host(result.data(), rows.rows);
  Matrix<std::int32_t> labels(context, 1, rows.rows);
  Matrix<double> sums(context, k, rows.cols);
  Matrix<std::int64_t> counts(context, 1, k), changed(context, 1, 1);
  copy<std::int32_t>(context, host, labels.flat());
  kmeans_step(context, rows,
              {BatchView<const float>(centroids), labels, BatchView<double>(sums.view()), counts,
               changed.flat()});
  copy<std::int32_t>(context, labels.flat(), host);
  return result;
}

// k-means of all sub-vectors. start(context, s, host, device, final) gives the first centroids of
// one of them, and sets `final` where they are to stay.
template <class Start>
PqClusters cluster(Context& context, const PqRows& rows, std::int64_t m, std::int64_t centroids,
                   std::int64_t iterations, Start&& start) {
  const MatrixView<const float> host = rows.host().view(), device = rows.device().view();
  PqClusters result{Matrix<float>(centroids, host.cols), Matrix<std::int32_t>(m, host.rows), 0};
  std::vector<double> errors(static_cast<std::size_t>(m));
  for_subvectors(context, m, [&](Context& one, std::int64_t s) {
    const MatrixView<const float> host_part = columns_of(host, m, s);
    const MatrixView<const float> device_part = columns_of(device, m, s);
    bool final = false;
    Matrix<float> first = start(one, s, host_part, device_part, final);
    if (final) {
      const Matrix<float> on_device = first.to_device(one);
      const auto labels = labels_of(one, device_part, on_device);
      std::copy(labels.begin(), labels.end(), result.labels.view().row(s));
      copy_rows(first, columns_of(result.codebook.view(), m, s));
      return;
    }
    std::vector<Matrix<float>> starts;
    starts.push_back(std::move(first));
    const LloydResult found =
        std::move(run_lloyd(one, host_part, device_part, std::move(starts), {iterations})[0]);
    std::copy(found.labels.begin(), found.labels.end(), result.labels.view().row(s));
    copy_rows(found.centres, columns_of(result.codebook.view(), m, s));
    errors[static_cast<std::size_t>(s)] = found.run.inertia;
  });
  result.error = std::accumulate(errors.begin(), errors.end(), 0.0);
  return result;
}

// Calls f(row of out, centroid, columns) for each sub-vector of each row.
template <class F>
void for_centroids(int threads, const Matrix<float>& codebook, const Matrix<std::int32_t>& labels,
                   MatrixView<float> out, F&& f) {
  const std::int64_t m = labels.rows();
  cpu::parallel_chunks(threads, out.rows, kGrain, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t s = 0; s < m; ++s) {
      const MatrixView<const float> centroids = columns_of(codebook.view(), m, s);
      const MatrixView<float> part = columns_of(out, m, s);
      for (std::int64_t i = first; i < first + count; ++i) {
        f(part.row(i), centroids.row(labels(s, i)), part.cols);
      }
    }
  });
}

}  // namespace

PqClusters pq_cluster(Context& context, const PqRows& rows, std::int64_t m, std::int64_t centroids,
                      std::int64_t iterations, std::int64_t first_step) {
  return cluster(context, rows, m, centroids, iterations,
                 [&](Context& one, std::int64_t s, MatrixView<const float> host,
                     MatrixView<const float> device, bool& final) {
                   return start_of(one, host, device, centroids, first_step + s, final);
                 });
}

PqClusters pq_recluster(Context& context, const PqRows& rows, std::int64_t m,
                        const Matrix<float>& codebook, std::int64_t iterations) {
  const std::int64_t centroids = codebook.rows();
  return cluster(
      context, rows, m, centroids, iterations,
      [&](Context&, std::int64_t s, MatrixView<const float>, MatrixView<const float>, bool&) {
        const MatrixView<const float> from = columns_of(codebook.view(), m, s);
        Matrix<float> start(centroids, from.cols);
        copy_rows(from, start.view());
        return start;
      });
}

Matrix<std::int32_t> pq_labels(Context& context, MatrixView<const float> rows, std::int64_t m,
                               MatrixView<const float> codebook) {
  Matrix<std::int32_t> result(m, rows.rows);
  for_subvectors(context, m, [&](Context& one, std::int64_t s) {
    const auto labels = labels_of(one, columns_of(rows, m, s), columns_of(codebook, m, s));
    std::copy(labels.begin(), labels.end(), result.view().row(s));
  });
  return result;
}

void pq_tables(Context& context, MatrixView<const float> queries, std::int64_t m,
               MatrixView<const float> codebook, PqMetric metric, MatrixView<float> out) {
  for_subvectors(context, m, [&](Context& one, std::int64_t s) {
    const MatrixView<const float> part = columns_of(queries, m, s);
    const MatrixView<const float> centroids = columns_of(codebook, m, s);
    const MatrixView<float> to = out.col_range(s * codebook.rows, codebook.rows);
    if (metric == PqMetric::inner_product) {
      dense(one, part, centroids, {}, Activation::identity, to);
    } else {
      pairwise_distance(one, part, centroids, Metric::squared_euclidean, to);
    }
  });
}

void pq_reconstruct(int threads, const Matrix<float>& codebook, const Matrix<std::int32_t>& labels,
                    MatrixView<float> out) {
  for_centroids(threads, codebook, labels, out,
                [](float* to, const float* centroid, std::int64_t columns) {
                  std::copy_n(centroid, columns, to);
                });
}

void pq_subtract(int threads, const Matrix<float>& codebook, const Matrix<std::int32_t>& labels,
                 MatrixView<float> rows) {
  for_centroids(threads, codebook, labels, rows,
                [](float* to, const float* centroid, std::int64_t columns) {
                  for (std::int64_t j = 0; j < columns; ++j) to[j] -= centroid[j];
                });
}

}  // namespace clipk
