#include "models/paired_axes/choose_setting.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "clipk/core/equal_rows.hpp"
#include "clipk/core/random.hpp"
#include "clipk/metrics/cross_validation.hpp"
#include "core/parallel.hpp"
#include "core/unit_rows.hpp"
#include "linalg/gemm.hpp"
#include "linalg/matrix_algebra.hpp"

namespace clipk {
namespace {

using cpu::Transpose;

constexpr std::int64_t kFewestPairs = 12;
constexpr std::int64_t kMostHeld = 2000;  // pairs of a fold; their similarities are a full table
constexpr std::int64_t kAllFolds = 6000;  // pairs up to which every fold is held out once

constexpr double kRidges[] = {1.5, 4, 12};
constexpr double kMixtures[] = {0.15, 0.3, 0.5, 0.75, 1};
constexpr double kImages[] = {0, 0.25, 0.5, 1};
// Places of the default setting in these.
constexpr std::int64_t kDefaultRidge = 1, kDefaultMixture = 1, kDefaultImages = 1;

struct Candidate {
  PairedAxesSetting setting;
  std::size_t ridge = 0;      // place in kRidges
  std::int64_t distance = 0;  // from the default, in steps of the grid
};

// By distance from the default.
std::vector<Candidate> all_candidates() {
  std::vector<Candidate> all;
  for (std::int64_t r = 0; r < std::ssize(kRidges); ++r) {
    for (std::int64_t m = 0; m < std::ssize(kMixtures); ++m) {
      for (std::int64_t i = 0; i < std::ssize(kImages); ++i) {
        if (kMixtures[m] == 1 && i != kDefaultImages) continue;  // has no effect
        all.push_back({{.ridge = kRidges[r], .mixture = kMixtures[m], .images = kImages[i]},
                       static_cast<std::size_t>(r),
                       std::abs(r - kDefaultRidge) + std::abs(m - kDefaultMixture) +
                           std::abs(i - kDefaultImages)});
      }
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Candidate& a, const Candidate& b) { return a.distance < b.distance; });
  return all;
}

// Rows of length one, in float32; a row of zeros stays.
Matrix<float> unit(MatrixView<const double> rows) {
  Matrix<float> result(rows.rows, rows.cols);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    scale_to_unit_length(rows.row(i), rows.cols, result.view().row(i));
  }
  return result;
}

// The mean of both directions' reciprocal ranks, for each pair. A tie counts against the partner.
void add_reciprocal_ranks(MatrixView<const double> images, MatrixView<const double> texts,
                          std::vector<double>& to) {
  const std::int64_t n = images.rows;
  const Matrix<float> x = unit(images), y = unit(texts);
  Matrix<float> similarity(n, n);
  cpu::gemm_serial(Transpose::no, Transpose::yes, n, n, x.cols(), 1.0F, x.data(), x.cols(),
                   y.data(), y.cols(), 0.0F, similarity.data(), n);
  std::vector<std::int64_t> of_images(static_cast<std::size_t>(n)), of_texts(of_images);
  std::vector<float> partner(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) partner[static_cast<std::size_t>(i)] = similarity(i, i);
  for (std::int64_t i = 0; i < n; ++i) {
    const float* const row = similarity.view().row(i);
    for (std::size_t j = 0; j < partner.size(); ++j) {
      of_images[static_cast<std::size_t>(i)] += row[j] >= partner[static_cast<std::size_t>(i)];
      of_texts[j] += row[j] >= partner[j];
    }
  }
  for (std::size_t i = 0; i < partner.size(); ++i) {  // the partner itself counts, so from 1
    to.push_back((1 / static_cast<double>(of_images[i]) + 1 / static_cast<double>(of_texts[i])) /
                 2);
  }
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Whether a is worse than the best by no more than the standard error of the difference.
bool nearly_best(const std::vector<double>& a, const std::vector<double>& best) {
  std::vector<double> lost(a.size());
  std::transform(best.begin(), best.end(), a.begin(), lost.begin(), std::minus<>());
  const double mean = mean_of(lost);
  double squares = 0;
  for (const double value : lost) squares += (value - mean) * (value - mean);
  const auto n = static_cast<double>(a.size());
  return mean <= std::sqrt(squares / (n - 1) / n);
}

// The dimensions whose ranks decide about one: half and twice as many agree with it about most, and
// the mean over them is a steadier guide than its own.
std::vector<std::int64_t> deciding(std::int64_t dim, std::int64_t most) {
  return {std::max<std::int64_t>(dim / 2, 1), dim, std::min(2 * dim, most)};
}

// Folds of the pairs, in which equal rows stay together; empty where they are too few.
std::vector<std::int32_t> folds_of(Context& context, const PairRows& pairs, std::int64_t folds) {
  const auto n = static_cast<std::size_t>(pairs.size());
  const std::vector<std::int64_t> groups =
      pair_groups(equal_row_groups(pairs.images), equal_row_groups(pairs.texts));
  if (group_count(groups) < kFewestPairs) return {};
  const std::vector<std::int64_t> order =
      Random(context.seed(), RandomStream::paired_folds).permutation(pairs.size());
  return stratified_folds(std::vector<std::int32_t>(n), order, {.folds = folds, .groups = groups});
}

}  // namespace

std::optional<std::vector<ChosenSetting>> choose_settings(Context& context, const PairRows& pairs,
                                                          std::span<const std::int64_t> dims,
                                                          std::int64_t folds) {
  const std::int64_t n = pairs.size();
  if (n < kFewestPairs) return {};
  folds = std::max(folds, n / kMostHeld);
  const std::vector<std::int32_t> fold_of_pair = folds_of(context, pairs, folds);
  if (fold_of_pair.empty()) return {};
  const std::vector<Candidate> candidates = all_candidates();
  // By dimension and candidate, of every pair held out.
  std::map<std::int64_t, std::vector<std::vector<double>>> ranks;
  for (const std::int64_t dim : dims) {
    for (const std::int64_t near : deciding(dim, pairs.images.cols)) {
      ranks[near].resize(candidates.size());
    }
  }
  for (std::int64_t fold = 0; fold < (n > kAllFolds ? 1 : folds); ++fold) {
    std::vector<std::int64_t> fitted, held;
    for (std::int64_t i = 0; i < n; ++i) {
      (fold_of_pair[static_cast<std::size_t>(i)] == fold ? held : fitted).push_back(i);
    }
    if (held.size() < 2) continue;
    const PairRows rest{pairs.images, pairs.texts, fitted}, out{pairs.images, pairs.texts, held};
    const PairedCovariances covariances = paired_covariances(context.threads(), rest);
    const Matrix<double> coordinates[2] = {covariances.coordinates_of(context.threads(), out, 0),
                                           covariances.coordinates_of(context.threads(), out, 1)};
    const std::int64_t most = std::min(ranks.rbegin()->first, covariances.coordinates());
    for (std::size_t r = 0; r < std::size(kRidges); ++r) {
      const WhitenedPairs whitened(context.threads(), covariances, kRidges[r]);
      Matrix<double> rows[2];
      for (int m = 0; m < 2; ++m) {
        rows[m] = cpu::product(context.threads(), Transpose::no, coordinates[m], Transpose::no,
                               whitened.root(m));
      }
      cpu::parallel_for(context.threads(), std::ssize(candidates), [&](std::int64_t task) {
        const auto c = static_cast<std::size_t>(task);
        if (candidates[c].ridge != r) return;
        const Matrix<double> rotation = whitened.rotation(candidates[c].setting, most);
        const Matrix<double> images =
            cpu::product(1, Transpose::no, rows[0], Transpose::yes, rotation);
        const Matrix<double> texts =
            cpu::product(1, Transpose::no, rows[1], Transpose::yes, rotation);
        for (auto& [dim, of_dim] : ranks) {
          const std::int64_t first = std::min(dim, most);
          add_reciprocal_ranks(images.view().col_range(0, first), texts.view().col_range(0, first),
                               of_dim[c]);
        }
      });
    }
  }
  if (ranks.begin()->second[0].size() < 2) return {};
  std::vector<ChosenSetting> chosen;
  chosen.reserve(dims.size());
  for (const std::int64_t dim : dims) {
    std::vector<std::vector<double>> sums(candidates.size());
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      sums[c].resize(ranks[dim][c].size());
      for (const std::int64_t near : deciding(dim, pairs.images.cols)) {
        std::transform(sums[c].begin(), sums[c].end(), ranks[near][c].begin(), sums[c].begin(),
                       std::plus<>());
      }
    }
    const auto best = std::max_element(sums.begin(), sums.end(), [](const auto& a, const auto& b) {
      return mean_of(a) < mean_of(b);
    });
    const auto nearest = std::find_if(sums.begin(), sums.end(), [&](const auto& candidate) {
      return nearly_best(candidate, *best);
    });
    const auto c = static_cast<std::size_t>(nearest - sums.begin());
    chosen.push_back({candidates[c].setting, mean_of(ranks[dim][c])});
  }
  return chosen;
}

}  // namespace clipk
