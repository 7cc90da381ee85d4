#include "clipk/models/cluster_names.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/random.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "core/unit_rows.hpp"
#include "linalg/gemm.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "cluster_names";
// A mean of unit vectors that is shorter than this is zero up to rounding.
constexpr double kZero = 1e-6;
// Cosines of permutations are float32: one that is this close below the observed one counts as
// a hit.
constexpr float kClose = 4e-6F;

// The mean in the options, or the mean of the rows of `unit`.
std::vector<double> mean_of(const Matrix<float>& unit, const std::vector<std::int64_t>& rows,
                            VectorView<const float> given, const char* name) {
  std::vector<double> mean(static_cast<std::size_t>(unit.cols()));
  if (!given.empty()) {
    if (given.size != unit.cols()) {
      check::fail(kName, std::string(name) + " of size " + std::to_string(unit.cols()),
                  std::to_string(given.size));
    }
    check::same_device(kName, name, Device::cpu, given.device);
    check_finite(MatrixView<const float>(given.data, 1, given.size),
                 std::string(kName) + " " + name);
    std::copy(given.begin(), given.end(), mean.begin());
    return mean;
  }
  for (const std::int64_t i : rows) {
    const float* row = unit.view().row(i);
    for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += static_cast<double>(row[j]);
  }
  for (double& value : mean) value /= static_cast<double>(rows.size());
  return mean;
}

double scale_to_unit(double* row, std::int64_t d) {
  double square = 0;
  for (std::int64_t j = 0; j < d; ++j) square += row[j] * row[j];
  const double length = std::sqrt(square);
  for (std::int64_t j = 0; j < d; ++j) row[j] = length > 0 ? row[j] / length : 0;
  return length;
}

// Texts centred and scaled to length one.
Matrix<double> centred_texts(const Matrix<float>& unit, VectorView<const float> given) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(unit.rows()));
  std::iota(all.begin(), all.end(), std::int64_t{0});
  const std::vector<double> mean = mean_of(unit, all, given, "text_mean");
  Matrix<double> texts(unit.rows(), unit.cols());
  for (std::int64_t i = 0; i < unit.rows(); ++i) {
    for (std::int64_t j = 0; j < unit.cols(); ++j) {
      texts(i, j) = static_cast<double>(unit(i, j)) - mean[static_cast<std::size_t>(j)];
    }
    if (scale_to_unit(texts.view().row(i), unit.cols()) < kZero) {
      check::fail(kName, "texts that differ from their mean",
                  "text " + std::to_string(i) + ", which does not");
    }
  }
  return texts;
}

// Centres of clusters of unit rows: their mean minus that of the images, scaled to length one.
class Centres {
 public:
  Centres(const Matrix<float>& images, std::vector<double> mean, std::vector<std::int64_t> rows,
          std::vector<std::int64_t> sizes)
      : images_(images), mean_(std::move(mean)), rows_(std::move(rows)), sizes_(std::move(sizes)) {}

  std::int64_t clusters() const { return static_cast<std::int64_t>(sizes_.size()); }
  std::int64_t dim() const { return images_.cols(); }

  // clusters [rows]: which cluster each labelled row is in; out [k, d]. Returns the shortest
  // centre's cluster and length.
  std::pair<std::int64_t, double> compute(const std::vector<std::int32_t>& clusters,
                                          double* out) const {
    const std::int64_t d = dim();
    std::fill_n(out, this->clusters() * d, 0.0);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const float* row = images_.view().row(rows_[i]);
      double* sum = out + clusters[i] * d;
      for (std::int64_t j = 0; j < d; ++j) sum[j] += static_cast<double>(row[j]);
    }
    std::pair<std::int64_t, double> shortest{0, 2};
    for (std::int64_t c = 0; c < this->clusters(); ++c) {
      double* sum = out + c * d;
      const auto size = static_cast<double>(sizes_[static_cast<std::size_t>(c)]);
      for (std::int64_t j = 0; j < d; ++j) {
        sum[j] = sum[j] / size - mean_[static_cast<std::size_t>(j)];
      }
      const double length = scale_to_unit(sum, d);
      if (length < shortest.second) shortest = {c, length};
    }
    return shortest;
  }

 private:
  const Matrix<float>& images_;
  std::vector<double> mean_;
  std::vector<std::int64_t> rows_;   // of the images that have a label
  std::vector<std::int64_t> sizes_;  // of the clusters
};

// The highest cosine of each centre to any text, in float32, for several labelings at once.
std::vector<float> best_cosines(const std::vector<float>& centres, std::int64_t count,
                                const Matrix<float>& texts) {
  constexpr std::int64_t kTexts = 4096;
  std::vector<float> best(static_cast<std::size_t>(count), -2.0F);
  std::vector<float> tile(static_cast<std::size_t>(count * std::min(kTexts, texts.rows())));
  for (std::int64_t first = 0; first < texts.rows(); first += kTexts) {
    const std::int64_t cols = std::min(kTexts, texts.rows() - first);
    cpu::gemm_serial(cpu::Transpose::no, cpu::Transpose::yes, count, cols, texts.cols(), 1.0F,
                     centres.data(), texts.cols(), texts.view().row(first), texts.cols(), 0.0F,
                     tile.data(), cols);
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = tile.data() + i * cols;
      float& value = best[static_cast<std::size_t>(i)];
      value = std::max(value, *std::max_element(row, row + cols));
    }
  }
  return best;
}

// For each cluster, the number of label permutations that find a text as near.
std::vector<std::int64_t> permutation_hits(Context& context, const Centres& centres,
                                           const std::vector<std::int32_t>& clusters,
                                           const Matrix<double>& texts, std::int64_t permutations) {
  constexpr std::int64_t kBatch = 8;  // permutations per product
  const std::int64_t k = centres.clusters(), d = centres.dim();
  Matrix<float> narrow(texts.rows(), d);
  std::copy_n(texts.data(), texts.rows() * d, narrow.data());
  const auto best_of = [&](std::int64_t first, std::int64_t count, bool permuted) {
    std::vector<double> wide(static_cast<std::size_t>(k * d));
    std::vector<float> stacked;
    for (std::int64_t r = first; r < first + count; ++r) {
      std::vector<std::int32_t> drawn = clusters;
      if (permuted) {
        Random random(context.seed(), RandomStream::label_permutations,
                      static_cast<std::uint32_t>(r));
        const auto order = random.permutation(static_cast<std::int64_t>(clusters.size()));
        for (std::size_t i = 0; i < drawn.size(); ++i) {
          drawn[i] = clusters[static_cast<std::size_t>(order[i])];
        }
      }
      centres.compute(drawn, wide.data());
      stacked.insert(stacked.end(), wide.begin(), wide.end());
    }
    return best_cosines(stacked, count * k, narrow);
  };
  const std::vector<float> observed = best_of(0, 1, false);
  const std::int64_t tasks = (permutations + kBatch - 1) / kBatch;
  std::vector<std::int64_t> partial(static_cast<std::size_t>(tasks * k));
  cpu::parallel_for(context.threads(), tasks, [&](std::int64_t task) {
    const std::int64_t first = task * kBatch;
    const std::int64_t count = std::min(kBatch, permutations - first);
    const std::vector<float> best = best_of(first, count, true);
    for (std::int64_t i = 0; i < count * k; ++i) {
      partial[static_cast<std::size_t>(task * k + i % k)] +=
          best[static_cast<std::size_t>(i)] >= observed[static_cast<std::size_t>(i % k)] - kClose;
    }
  });
  std::vector<std::int64_t> hits(static_cast<std::size_t>(k));
  for (std::size_t i = 0; i < partial.size(); ++i) hits[i % hits.size()] += partial[i];
  return hits;
}

void check_options(MatrixView<const float> images, std::span<const std::int32_t> labels,
                   MatrixView<const float> texts, const ClusterNamesOptions& options) {
  if (static_cast<std::int64_t>(labels.size()) != images.rows) {
    check::fail(kName, "labels of size " + std::to_string(images.rows),
                std::to_string(labels.size()));
  }
  if (texts.cols != images.cols) {
    check::fail(kName, "texts of dimension " + std::to_string(images.cols),
                std::to_string(texts.cols));
  }
  if (texts.rows < 1) check::fail(kName, "at least 1 text", "0");
  if (options.names < 1) check::fail(kName, "names of 1 or more", std::to_string(options.names));
  if (options.permutations < 0 || options.permutations > 0xFFFFFFFF) {
    check::fail(kName, "from 0 to 4294967295 permutations", std::to_string(options.permutations));
  }
}

}  // namespace

std::vector<NamedCluster> cluster_names(Context& context, MatrixView<const float> images,
                                        std::span<const std::int32_t> labels,
                                        MatrixView<const float> texts,
                                        const ClusterNamesOptions& options) {
  check_options(images, labels, texts, options);
  const HostRows<float> host_images(context, images), host_texts(context, texts);
  const Matrix<float> unit =
      unit_rows(context.threads(), host_images.view(), "cluster_names images");
  const Matrix<double> words = centred_texts(
      unit_rows(context.threads(), host_texts.view(), "cluster_names texts"), options.text_mean);

  std::map<std::int32_t, std::int64_t> sizes;
  for (const std::int32_t label : labels) {
    if (label >= 0) ++sizes[label];
  }
  if (sizes.size() < 2) {
    check::fail(kName, "labels of 2 or more clusters", std::to_string(sizes.size()));
  }
  std::vector<NamedCluster> named;
  std::map<std::int32_t, std::int32_t> place;
  std::vector<std::int64_t> counts;
  for (const auto& [label, size] : sizes) {
    place[label] = static_cast<std::int32_t>(named.size());
    named.emplace_back();
    named.back().label = label;
    named.back().size = size;
    counts.push_back(size);
  }
  std::vector<std::int64_t> rows;
  std::vector<std::int32_t> clusters;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0) continue;
    rows.push_back(static_cast<std::int64_t>(i));
    clusters.push_back(place[labels[i]]);
  }

  const std::int64_t k = static_cast<std::int64_t>(named.size()), m = texts.rows, d = images.cols;
  std::vector<double> mean = mean_of(unit, rows, options.image_mean, "image_mean");
  const Centres centres(unit, std::move(mean), std::move(rows), std::move(counts));
  std::vector<double> centre(static_cast<std::size_t>(k * d));
  const auto [shortest, length] = centres.compute(clusters, centre.data());
  if (length < kZero) {
    check::fail(kName, "clusters whose centre differs from the mean of the images",
                "cluster " + std::to_string(named[static_cast<std::size_t>(shortest)].label) +
                    ", whose centre does not");
  }
  Matrix<double> cosines(k, m);
  cpu::gemm(context.threads(), cpu::Transpose::no, cpu::Transpose::yes, k, m, d, 1.0, centre.data(),
            d, words.data(), d, 0.0, cosines.data(), m);

  std::vector<std::int64_t> order(static_cast<std::size_t>(m));
  const std::int64_t kept = std::min(options.names, m);
  for (std::int64_t c = 0; c < k; ++c) {
    NamedCluster& cluster = named[static_cast<std::size_t>(c)];
    std::iota(order.begin(), order.end(), std::int64_t{0});
    std::partial_sort(order.begin(), order.begin() + kept, order.end(),
                      [&](std::int64_t a, std::int64_t b) {
                        const double ca = cosines(c, a), cb = cosines(c, b);
                        return ca > cb || (ca == cb && a < b);
                      });
    for (std::int64_t i = 0; i < kept; ++i) {
      const std::int64_t text = order[static_cast<std::size_t>(i)];
      double elsewhere = -1;
      for (std::int64_t other = 0; other < k; ++other) {
        if (other != c) elsewhere = std::max(elsewhere, cosines(other, text));
      }
      cluster.names.push_back({text, cosines(c, text), elsewhere});
    }
    cluster.margin = cluster.names[0].cosine - cluster.names[0].elsewhere;
  }

  if (options.permutations == 0) return named;
  const std::vector<std::int64_t> hits =
      permutation_hits(context, centres, clusters, words, options.permutations);
  std::vector<double> p;
  for (std::size_t c = 0; c < named.size(); ++c) {
    named[c].p = static_cast<double>(1 + hits[c]) / static_cast<double>(1 + options.permutations);
    p.push_back(named[c].p);
  }
  const std::vector<double> q = false_discovery_adjusted(p, options.rule);
  for (std::size_t c = 0; c < named.size(); ++c) named[c].q = q[c];
  return named;
}

}  // namespace clipk
