#include "models/kmeans/kmeans_lloyd.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "clipk/ops/kmeans_step.hpp"
#include "core/host_rows.hpp"
#include "core/unit_rows.hpp"

namespace clipk {
namespace {

// The data of the steps for the sets that are still running: the first `active` of each array.
struct Arrays {
  Arrays(Context& context, std::int64_t sets, std::int64_t n, std::int64_t k, std::int64_t d)
      : centres(context, sets * k, d),
        labels(context, sets, n),
        sums(context, sets * k, d),
        counts(context, sets, k),
        changed(context, 1, sets) {
    if (context.device() != Device::cpu) return;  // the GPU would not use them
    upper = Matrix<float>(sets, n);
    lower = Matrix<float>(sets, n);
    moves = Matrix<double>(sets, k);
  }

  KMeansState state(std::int64_t active) {
    const std::int64_t k = counts.cols(), d = sums.cols();
    return {BatchView<const float>(centres.data(), active, k, d, centres.device()),
            labels.view().row_range(0, active),
            BatchView<double>(sums.data(), active, k, d, sums.device()),
            counts.view().row_range(0, active), changed.flat().slice(0, active)};
  }
  KMeansBounds bounds(std::int64_t active) {
    if (upper.empty()) return {};
    return {upper.view().row_range(0, active), lower.view().row_range(0, active),
            moves.view().row_range(0, active)};
  }
  MatrixView<double> sums_of(std::int64_t set) {
    return sums.view().row_range(set * counts.cols(), counts.cols());
  }
  // Set `to` becomes a copy of set `from`.
  void move(Context& context, std::int64_t from, std::int64_t to) {
    if (from == to) return;
    copy<std::int32_t>(context, labels.view().row_range(from, 1), labels.view().row_range(to, 1));
    copy<double>(context, sums_of(from), sums_of(to));
    copy<std::int64_t>(context, counts.view().row_range(from, 1), counts.view().row_range(to, 1));
    if (upper.empty()) return;
    copy<float>(context, upper.view().row_range(from, 1), upper.view().row_range(to, 1));
    copy<float>(context, lower.view().row_range(from, 1), lower.view().row_range(to, 1));
    copy<double>(context, moves.view().row_range(from, 1), moves.view().row_range(to, 1));
  }

  Matrix<float> centres;
  Matrix<std::int32_t> labels;
  Matrix<double> sums;
  Matrix<std::int64_t> counts, changed;
  Matrix<float> upper, lower;  // bounds, on the CPU only
  Matrix<double> moves;
};

// One running set of centres.
struct Set {
  std::size_t result;        // its place among the results
  bool last_labels = false;  // the centres are final: only their labels are wanted
};

class Lloyd {
 public:
  Lloyd(Context& context, MatrixView<const float> host, MatrixView<const float> rows,
        std::vector<Matrix<float>> starts, const LloydOptions& options)
      : context_(context),
        host_(host),
        rows_(rows),
        options_(options),
        k_(starts[0].rows()),
        d_(starts[0].cols()),
        arrays_(context, static_cast<std::int64_t>(starts.size()), host.rows, k_, d_) {
    const std::vector<std::int32_t> none(static_cast<std::size_t>(host.rows), -1);
    for (Matrix<float>& start : starts) {
      const auto set = static_cast<std::int64_t>(sets_.size());
      copy<std::int32_t>(context, VectorView<const std::int32_t>(none.data(), host.rows),
                         labels_of(set));
      sets_.push_back({sets_.size()});
      results_.emplace_back();
      results_.back().centres = std::move(start);
    }
  }

  std::vector<LloydResult> run() {
    while (!sets_.empty()) {
      step();
      std::int64_t kept = 0;
      for (std::size_t s = 0; s < sets_.size(); ++s) {
        const auto set = static_cast<std::int64_t>(s);
        if (ends(set)) {
          finish(set);
        } else {
          update(set);
          arrays_.move(context_, set, kept);
          sets_[static_cast<std::size_t>(kept++)] = sets_[s];
        }
      }
      sets_.resize(static_cast<std::size_t>(kept));
    }
    measure();
    return std::move(results_);
  }

 private:
  LloydResult& result(std::int64_t set) {
    return results_[sets_[static_cast<std::size_t>(set)].result];
  }
  VectorView<std::int32_t> labels_of(std::int64_t set) {
    return {arrays_.labels.view().row(set), host_.rows, arrays_.labels.device()};
  }

  void step() {
    const auto active = static_cast<std::int64_t>(sets_.size());
    for (std::int64_t set = 0; set < active; ++set) {
      copy<float>(context_, result(set).centres, arrays_.centres.view().row_range(set * k_, k_));
    }
    kmeans_step(context_, rows_, arrays_.state(active), arrays_.bounds(active));
    changed_ = arrays_.changed.to_host(context_);
    counts_ = arrays_.counts.to_host(context_);
  }

  std::int64_t empties(std::int64_t set) const {
    const std::int64_t* counts = counts_.view().row(set);
    return std::count(counts, counts + k_, 0);
  }

  bool ends(std::int64_t set) {
    KMeansRun& run = result(set).run;
    if (empties(set) == 0 &&
        (sets_[static_cast<std::size_t>(set)].last_labels || changed_(0, set) == 0)) {
      run.converged = true;
      return true;
    }
    return run.iterations == options_.max_iterations;
  }

  void finish(std::int64_t set) {
    LloydResult& done = result(set);
    done.labels.resize(static_cast<std::size_t>(host_.rows));
    copy<std::int32_t>(context_, labels_of(set),
                       VectorView<std::int32_t>(done.labels.data(), host_.rows));
  }

  // Computes new centres from the sums.
  void update(std::int64_t set) {
    if (empties(set) > 0) reseed(set);
    const HostRows<double> sums(context_, arrays_.sums_of(set));
    Matrix<double> means(k_, d_);
    Matrix<float> centres(k_, d_);
    const Matrix<float>& old = result(set).centres;
    for (std::int64_t c = 0; c < k_; ++c) {
      const double* sum = sums.view().row(c);
      const auto count = static_cast<double>(counts_(set, c));
      for (std::int64_t j = 0; j < d_; ++j) {
        means(c, j) = sum[j] / count;
        centres(c, j) = static_cast<float>(means(c, j));
      }
    }
    for (std::int64_t c = 0; c < k_ && options_.spherical; ++c) {
      scale_to_unit_length(means.view().row(c), d_, centres.view().row(c));
    }
    double moved = 0;
    for (std::int64_t c = 0; c < k_; ++c) {
      double square = 0;
      for (std::int64_t j = 0; j < d_; ++j) square += centres(c, j) * centres(c, j);
      // Directions that cancel have no mean, so the centre stays.
      if (options_.spherical && square == 0)
        std::copy_n(old.view().row(c), d_, centres.view().row(c));
      double move = 0;
      for (std::int64_t j = 0; j < d_; ++j) {
        const double by = static_cast<double>(centres(c, j)) - static_cast<double>(old(c, j));
        move += by * by;
      }
      if (!arrays_.moves.empty()) arrays_.moves(set, c) = std::sqrt(move);
      moved += move;
    }
    LloydResult& mine = result(set);
    mine.centres = std::move(centres);
    ++mine.run.iterations;
    sets_[static_cast<std::size_t>(set)].last_labels = moved <= options_.tolerance;
  }

  // Every empty cluster gets the point farthest from its centre, among points that are not alone
  // in their cluster; the next empty cluster gets the next farthest. Among ties the lower row
  // goes first.
  void reseed(std::int64_t set) {
    Matrix<double> squared(context_, 1, host_.rows), inertia(context_, 1, 1);
    kmeans_inertia(context_, rows_,
                   BatchView<const float>(arrays_.centres.data() + set * k_ * d_, 1, k_, d_,
                                          arrays_.centres.device()),
                   arrays_.labels.view().row_range(set, 1), squared, inertia.flat());
    const HostRows<double> distances(context_, squared);
    Matrix<std::int32_t> labels(1, host_.rows);
    copy<std::int32_t>(context_, labels_of(set), labels.flat());
    std::vector<std::int64_t> order(static_cast<std::size_t>(host_.rows));
    std::iota(order.begin(), order.end(), 0);
    const double* far = distances.view().row(0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t a, std::int64_t b) { return far[a] > far[b]; });
    Matrix<double> sums(k_, d_);
    copy<double>(context_, arrays_.sums_of(set), sums.view());
    auto next = order.begin();
    for (std::int64_t c = 0; c < k_; ++c) {
      if (counts_(set, c) > 0) continue;
      while (counts_(set, labels(0, *next)) < 2) ++next;
      const std::int32_t from = labels(0, *next), to = static_cast<std::int32_t>(c);
      const float* row = host_.row(*next);
      for (std::int64_t j = 0; j < d_; ++j) {
        sums(from, j) -= row[j];
        sums(c, j) = row[j];
      }
      --counts_(set, from);
      counts_(set, c) = 1;
      copy<std::int32_t>(context_, VectorView<const std::int32_t>(&to, 1),
                         labels_of(set).slice(*next, 1));
      if (!arrays_.lower.empty()) arrays_.lower(set, *next) = 0;
      ++result(set).run.reseeded;
      ++next;
    }
    copy<double>(context_, sums, arrays_.sums_of(set));
    copy<std::int64_t>(context_, counts_.view().row_range(set, 1),
                       arrays_.counts.view().row_range(set, 1));
  }

  // Computes the inertia of all results.
  void measure() {
    const auto sets = static_cast<std::int64_t>(results_.size());
    for (std::int64_t set = 0; set < sets; ++set) {
      const LloydResult& done = results_[static_cast<std::size_t>(set)];
      copy<float>(context_, done.centres, arrays_.centres.view().row_range(set * k_, k_));
      copy<std::int32_t>(context_, VectorView<const std::int32_t>(done.labels.data(), host_.rows),
                         labels_of(set));
    }
    Matrix<double> inertia(context_, 1, sets);
    kmeans_inertia(
        context_, rows_,
        BatchView<const float>(arrays_.centres.data(), sets, k_, d_, arrays_.centres.device()),
        arrays_.labels, {}, inertia.flat());
    const HostRows<double> found(context_, inertia);
    for (std::int64_t set = 0; set < sets; ++set) {
      results_[static_cast<std::size_t>(set)].run.inertia = found.view()(0, set);
    }
  }

  Context& context_;
  MatrixView<const float> host_, rows_;
  LloydOptions options_;
  std::int64_t k_, d_;
  Arrays arrays_;
  std::vector<Set> sets_;
  std::vector<LloydResult> results_;
  Matrix<std::int64_t> changed_, counts_;  // of the last step, on the host
};

}  // namespace

Matrix<float> row_directions(MatrixView<const float> rows) {
  Matrix<float> result(rows.rows, rows.cols);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    scale_to_unit_length(rows.row(i), rows.cols, result.view().row(i));
  }
  return result;
}

std::vector<LloydResult> run_lloyd(Context& context, MatrixView<const float> host,
                                   MatrixView<const float> rows, std::vector<Matrix<float>> starts,
                                   const LloydOptions& options) {
  return Lloyd(context, host, rows, std::move(starts), options).run();
}

}  // namespace clipk
