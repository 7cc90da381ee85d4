#include "clipk/models/kmeans.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/ops/kmeans_step.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "core/unit_rows.hpp"
#include "models/kmeans/kmeans_lloyd.hpp"
#include "models/kmeans/kmeans_start.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "kmeans";
constexpr const char* kKind = "kmeans model";
constexpr std::uint32_t kVersion = 1;  // of the archive
// Restarts run at the same time: about this many centres share one read of the rows.
constexpr std::int64_t kCentresTogether = 256;

void check_options(MatrixView<const float> rows, const KMeansOptions& options) {
  if (rows.cols < 1) check::fail(kName, "rows of dimension 1 or more", "0");
  if (options.k < 2) check::fail(kName, "k of at least 2", std::to_string(options.k));
  if (options.k > rows.rows) {
    check::fail(kName, "k of at most " + std::to_string(rows.rows) + ", the number of rows",
                std::to_string(options.k));
  }
  if (options.restarts < 1) {
    check::fail(kName, "at least 1 restart", std::to_string(options.restarts));
  }
  if (options.max_iterations < 1) {
    check::fail(kName, "at least 1 iteration", std::to_string(options.max_iterations));
  }
  if (!(options.tolerance >= 0)) {
    check::fail(kName, "a tolerance of at least 0", std::to_string(options.tolerance));
  }
  if (options.start.data != nullptr &&
      (options.start.rows != options.k || options.start.cols != rows.cols)) {
    check::fail(kName, "start of shape " + check::shape(options.k, rows.cols),
                check::shape(options.start.rows, options.start.cols));
  }
}

void check_distinct(MatrixView<const float> rows, std::int64_t k) {
  const std::int64_t distinct = distinct_rows(rows, k);
  if (distinct < k) {
    check::fail(kName, "at least " + std::to_string(k) + " distinct rows (k)",
                std::to_string(distinct));
  }
}

// Mean over the columns of their variance, summed over chunks of rows in order.
double mean_variance(int threads, MatrixView<const float> rows) {
  constexpr std::int64_t kGrain = 1024;
  const std::int64_t chunks = (rows.rows + kGrain - 1) / kGrain, d = rows.cols;
  // Squares of differences from the first row, so that a common offset costs no accuracy.
  Matrix<double> sums(chunks, d), squares(chunks, d);
  cpu::parallel_chunks(threads, rows.rows, kGrain, [&](std::int64_t first, std::int64_t count) {
    double* sum = sums.view().row(first / kGrain);
    double* square = squares.view().row(first / kGrain);
    for (std::int64_t i = first; i < first + count; ++i) {
      const float* row = rows.row(i);
      for (std::int64_t j = 0; j < d; ++j) {
        const double value = static_cast<double>(row[j]) - static_cast<double>(rows.data[j]);
        sum[j] += value;
        square[j] += value * value;
      }
    }
  });
  const auto n = static_cast<double>(rows.rows);
  double total = 0;
  for (std::int64_t j = 0; j < d; ++j) {
    double sum = 0, square = 0;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      sum += sums(chunk, j);
      square += squares(chunk, j);
    }
    total += std::max(square / n - sum / n * (sum / n), 0.0);
  }
  return total / static_cast<double>(d);
}

// Rows scaled to unit length, none of them 0.
Matrix<float> directions_of(MatrixView<const float> rows) {
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    if (is_zero_row(rows.row(i), rows.cols)) {
      check::fail(kName, "rows with a length above 0 (spherical)",
                  "length 0 in row " + std::to_string(i));
    }
  }
  return row_directions(rows);
}

// Rows on the host and on the context's device, scaled to unit length if wanted.
class Rows {
 public:
  Rows(Context& context, MatrixView<const float> rows, bool spherical)
      : fetched_(context, rows), host_(fetched_.view()), device_(rows) {
    check_finite(host_, std::string(kName) + " rows");
    if (spherical) {
      unit_ = directions_of(host_);
      host_ = std::as_const(unit_).view();
      device_ = host_;
    }
    if (device_.device != context.device()) {
      moved_ = Matrix<float>::copy_of(context, host_);
      device_ = std::as_const(moved_).view();
    }
  }
  MatrixView<const float> host() const { return host_; }
  MatrixView<const float> device() const { return device_; }

 private:
  HostRows<float> fetched_;
  Matrix<float> unit_, moved_;
  MatrixView<const float> host_, device_;
};

std::vector<Matrix<float>> starts_of(Context& context, const Rows& rows,
                                     const KMeansOptions& options, std::int64_t first,
                                     std::int64_t count) {
  std::vector<Matrix<float>> starts;
  if (options.start.data != nullptr) {
    const Rows start(context, options.start, options.spherical);
    starts.emplace_back(options.k, options.start.cols);
    copy<float>(context, start.host(), starts[0].view());
    return starts;
  }
  for (const auto& chosen :
       kmeans_start(context, rows.host(), rows.device(), options.k, first, count)) {
    starts.push_back(select_rows(rows.host(), chosen));
  }
  return starts;
}

// Orders clusters by descending size, ties by their first row.
void renumber(Matrix<float>& centres, std::vector<std::int32_t>& labels) {
  const auto k = static_cast<std::size_t>(centres.rows());
  std::vector<std::int64_t> size(k), first(k, static_cast<std::int64_t>(labels.size()));
  for (std::size_t i = labels.size(); i-- > 0;) {
    const auto label = static_cast<std::size_t>(labels[i]);
    ++size[label];
    first[label] = static_cast<std::int64_t>(i);
  }
  std::vector<std::int64_t> order(k);
  std::iota(order.begin(), order.end(), 0);
  const auto rank = [&](std::int64_t c) {
    const auto at = static_cast<std::size_t>(c);
    return std::pair(-size[at], first[at]);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return rank(a) < rank(b); });
  std::vector<std::int32_t> place(k);
  for (std::size_t p = 0; p < k; ++p) {
    place[static_cast<std::size_t>(order[p])] = static_cast<std::int32_t>(p);
  }
  centres = select_rows(centres, order);
  for (std::int32_t& label : labels) label = place[static_cast<std::size_t>(label)];
}

}  // namespace

std::int64_t distinct_rows(MatrixView<const float> rows, std::int64_t most) {
  std::unordered_multimap<std::size_t, std::int64_t> seen;
  std::vector<float> row(static_cast<std::size_t>(rows.cols));
  for (std::int64_t i = 0; i < rows.rows && static_cast<std::int64_t>(seen.size()) < most; ++i) {
    // Adding zero turns -0 into 0, which compares equal.
    std::transform(rows.row(i), rows.row(i) + rows.cols, row.begin(),
                   [](float value) { return value + 0.0F; });
    const std::size_t hash = std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float)});
    const auto [first, last] = seen.equal_range(hash);
    const bool is_new = std::none_of(first, last, [&](const auto& other) {
      return std::equal(row.begin(), row.end(), rows.row(other.second));
    });
    if (is_new) seen.emplace(hash, i);
  }
  return static_cast<std::int64_t>(seen.size());
}

Matrix<double> means_by_label(MatrixView<const float> rows, std::span<const std::int32_t> labels,
                              std::int64_t k) {
  if (static_cast<std::int64_t>(labels.size()) != rows.rows) {
    check::fail("means_by_label", std::to_string(rows.rows) + " labels, one a row",
                std::to_string(labels.size()));
  }
  Matrix<double> means(k, rows.cols);
  std::vector<double> counts(static_cast<std::size_t>(k));
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const std::int32_t label = labels[static_cast<std::size_t>(i)];
    if (label < 0 || label >= k) {
      check::fail("means_by_label", "labels from 0, below " + std::to_string(k),
                  std::to_string(label) + " in row " + std::to_string(i));
    }
    ++counts[static_cast<std::size_t>(label)];
    for (std::int64_t j = 0; j < rows.cols; ++j) means(label, j) += rows(i, j);
  }
  for (std::int64_t c = 0; c < k; ++c) {
    const double count = std::max(counts[static_cast<std::size_t>(c)], 1.0);
    for (std::int64_t j = 0; j < rows.cols; ++j) means(c, j) /= count;
  }
  return means;
}

KMeans KMeans::fit(Context& context, MatrixView<const float> rows, const KMeansOptions& options) {
  check_options(rows, options);
  const Rows data(context, rows, options.spherical);
  check_distinct(data.host(), options.k);

  const LloydOptions lloyd{options.max_iterations,
                           options.tolerance * mean_variance(context.threads(), data.host()),
                           options.spherical};
  const std::int64_t restarts = options.start.data != nullptr ? 1 : options.restarts;
  const std::int64_t together = std::clamp<std::int64_t>(kCentresTogether / options.k, 1, restarts);
  KMeans model;
  model.spherical_ = options.spherical;
  for (std::int64_t first = 0; first < restarts; first += together) {
    const std::int64_t count = std::min(together, restarts - first);
    std::vector<LloydResult> results =
        run_lloyd(context, data.host(), data.device(),
                  starts_of(context, data, options, first, count), lloyd);
    for (LloydResult& result : results) {
      if (model.runs_.empty() || result.run.inertia < model.inertia()) {
        model.best_ = model.runs_.size();
        model.centres_ = std::move(result.centres);
        model.labels_ = std::move(result.labels);
      }
      model.runs_.push_back(result.run);
    }
  }
  renumber(model.centres_, model.labels_);
  return model;
}

std::vector<std::int32_t> KMeans::predict(Context& context, MatrixView<const float> rows) const {
  if (rows.cols != dim()) {
    check::fail(kName, "rows of shape " + check::shape(rows.rows, dim()),
                check::shape(rows.rows, rows.cols));
  }
  const Rows data(context, rows, spherical_);
  Matrix<std::int32_t> labels(context, 1, rows.rows);
  Matrix<double> sums(context, k(), dim());
  Matrix<std::int64_t> counts(context, 1, k()), changed(context, 1, 1);
  const Matrix<float> centres = centres_.to_device(context);
  kmeans_step(context, data.device(),
              {BatchView<const float>(centres.view()), labels, BatchView<double>(sums.view()),
               counts, changed.flat()});
  std::vector<std::int32_t> result(static_cast<std::size_t>(rows.rows));
  copy<std::int32_t>(context, labels.flat(), VectorView<std::int32_t>(result.data(), rows.rows));
  return result;
}

void KMeans::save(const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("spherical", static_cast<std::int32_t>(spherical_));
  archive.add("centres", centres_);
  archive.add("labels", labels_);
  archive.add("best_run", static_cast<std::int64_t>(best_));
  std::vector<double> inertia;
  std::vector<std::int64_t> iterations, reseeded, converged;
  for (const KMeansRun& run : runs_) {
    inertia.push_back(run.inertia);
    iterations.push_back(run.iterations);
    reseeded.push_back(run.reseeded);
    converged.push_back(run.converged);
  }
  archive.add("inertia", inertia);
  archive.add("iterations", iterations);
  archive.add("reseeded", reseeded);
  archive.add("converged", converged);
  archive.write(path);
}

KMeans KMeans::load(const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  KMeans model;
  model.spherical_ = archive.number<std::int32_t>("spherical", 0, 1) != 0;
  model.centres_ = archive.matrix<float>("centres");
  const std::int64_t k = model.centres_.rows();
  if (k < 1 || model.dim() < 1) {
    archive.fail("at least 1 centre of at least 1 column", check::shape(k, model.dim()));
  }
  model.labels_ = archive.vector<std::int32_t>("labels");
  if (static_cast<std::int64_t>(model.labels_.size()) < k) {
    archive.fail("labels of at least " + std::to_string(k) + " rows",
                 std::to_string(model.labels_.size()));
  }
  archive.expect_within("labels", model.labels_, 0, static_cast<std::int32_t>(k - 1));
  constexpr double kInfinite = std::numeric_limits<double>::max();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const auto inertia = archive.vector<double>("inertia");
  const auto runs = static_cast<std::int64_t>(inertia.size());
  if (runs < 1) archive.fail("at least 1 run", "none");
  const auto best = archive.number<std::int64_t>("best_run", 0, runs - 1);
  const auto iterations = archive.vector<std::int64_t>("iterations", runs);
  const auto reseeded = archive.vector<std::int64_t>("reseeded", runs);
  const auto converged = archive.vector<std::int64_t>("converged", runs);
  archive.expect_within("inertia", inertia, 0, kInfinite);
  archive.expect_within("iterations", iterations, 0, kMost);
  archive.expect_within("reseeded", reseeded, 0, kMost);
  archive.expect_within("converged", converged, 0, 1);
  model.best_ = static_cast<std::size_t>(best);
  for (std::size_t r = 0; r < inertia.size(); ++r) {
    model.runs_.push_back({inertia[r], iterations[r], reseeded[r], converged[r] != 0});
  }
  return model;
}

}  // namespace clipk
