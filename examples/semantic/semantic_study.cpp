#include "semantic/semantic_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "clipk/core/equal_rows.hpp"
#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/io/dataset.hpp"
#include "clipk/metrics/cosine_table.hpp"
#include "clipk/models/choose_clusters.hpp"
#include "clipk/models/cluster_names.hpp"
#include "clipk/models/kmeans.hpp"
#include "clipk/models/neural_mds.hpp"
#include "clipk/models/pca.hpp"
#include "clipk/ops/cosine_top_k.hpp"
#include "clipk/ops/nearest.hpp"
#include "semantic/measures.hpp"
#include "semantic/results.hpp"
#include "study/fit_progress.hpp"
#include "study/pairs.hpp"
#include "study/usage_error.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kFewestImages = 3;   // a correlation needs as many
constexpr std::int64_t kFewestPairs = 2;    // a partner and another one
constexpr std::int64_t kMostRows = 20'000;  // images behind correlations and the number of clusters
constexpr std::int64_t kQuickEpochs = 20;

class SemanticStudy {
 public:
  SemanticStudy(Run& run, const SemanticData& data, const SemanticSettings& settings)
      : run_(run), data_(data), settings_(settings) {
    rows_.resize(static_cast<std::size_t>(data.images.rows()));
    std::iota(rows_.begin(), rows_.end(), 0);
    if (data.images.rows() > kMostRows) {
      rows_ =
          Random(run.options().seed, RandomStream::semantic_rows).permutation(data.images.rows());
      rows_.resize(kMostRows);
      std::sort(rows_.begin(), rows_.end());
    }
  }

  SemanticFindings run() {
    read_components();
    SemanticFindings found;
    found.images = data_.images.rows();
    found.texts = data_.texts.rows();
    found.dim = data_.images.cols();
    found.paired =
        data_.paired && std::min(data_.images.rows(), data_.texts.rows()) >= kFewestPairs;
    found.repeated =
        repeated_pairs(data_.images, data_.texts, data_.equal, data_.paired, data_.image_of_text);
    Context& context = run_.context();
    if (found.paired) {
      timed("gap and hubs", [&] {
        measure_gap(context, data_, found);
        // The jackknife takes a twentieth of the candidates away, and more where rows are equal.
        if (settings_.neighbours <= fewest_candidates(data_)) {
          found.hubs = measure_hubs(context, data_, settings_.neighbours);
        } else {
          found.left_out.push_back(
              fmt::format("hubs: expected more than {} pairs, --neighbours and a twentieth, got {}",
                          settings_.neighbours, std::min(found.images, found.texts)));
        }
      });
      timed("retrieval", [&] {
        found.retrieval = measure_retrieval(context, data_, settings_);
        found.match =
            match_of(found.retrieval[0].image_to_text.ranks, found.retrieval[0].text_to_image.ranks,
                     found.images, data_.image_of_text);
      });
    }
    timed("cosine table", [&] { found.table = extract(); });
    timed("correlations", [&] { measure_spaces(found); });
    timed("clusters", [&] { name_clusters(found); });
    timed("classes", [&] { measure_classes(context, data_, settings_, found); });
    print_results(run_, data_, settings_, found);
    write_results(run_, data_, settings_, found);
    return found;
  }

 private:
  // Each part can do without the others.
  void timed(const char* label, const std::function<void()>& work) {
    const auto started = std::chrono::steady_clock::now();
    if (!run_.attempt(label, work)) return;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    note(fmt::format("{}: {:.1f} s", label, seconds));
  }

  // The images nearest to the centres of as many clusters: what is typical, and not twice the same.
  std::vector<std::int64_t> typical_images() {
    Context& context = run_.context();
    const Matrix<float> rows = centred_rows(select_rows(data_.images, rows_));
    const std::int64_t count = std::min(settings_.shown, distinct_rows(rows, settings_.shown));
    if (count < 2) return {0};
    const KMeans clusters = KMeans::fit(context, rows, {.k = count});
    std::vector<std::int64_t> found;
    for (std::int64_t c = 0; c < count; ++c) {
      std::int64_t nearest = 0;
      double least = HUGE_VAL;
      for (std::int64_t i = 0; i < rows.rows(); ++i) {
        double distance = 0;
        for (std::int64_t j = 0; j < rows.cols(); ++j) {
          const double difference = double{rows(i, j)} - double{clusters.centres()(c, j)};
          distance += difference * difference;
        }
        if (distance < least) {
          least = distance;
          nearest = rows_[static_cast<std::size_t>(i)];
        }
      }
      found.push_back(nearest);
    }
    return found;
  }

  struct TopK {
    Matrix<std::int32_t> indices;
    Matrix<float> cosines;
  };
  // The k candidates of the largest cosine with every query, the largest first.
  TopK nearest_rows(const Matrix<float>& queries, const Matrix<float>& candidates, std::int64_t k) {
    Context& context = run_.context();
    Matrix<std::int32_t> indices(context, queries.rows(), k), back(context, candidates.rows(), 1);
    Matrix<float> cosines(context, queries.rows(), k), back_cosines(context, candidates.rows(), 1);
    cosine_top_k(context, queries.to_device(context), candidates.to_device(context), indices,
                 cosines, back, back_cosines);
    return {indices.to_host(context), cosines.to_host(context)};
  }

  // The texts of these images, of several the first; none where nothing is paired.
  std::vector<std::int64_t> own_texts(const std::vector<std::int64_t>& images) const {
    if (!data_.paired) return {};
    if (data_.image_of_text.empty()) return images;
    std::vector<std::int64_t> texts;
    for (const std::int64_t image : images) {
      const auto first = std::find(data_.image_of_text.begin(), data_.image_of_text.end(), image);
      if (first != data_.image_of_text.end()) texts.push_back(first - data_.image_of_text.begin());
    }
    return texts;
  }

  CosineExtract extract() {
    CosineExtract table;
    table.images = settings_.rows.empty() ? typical_images() : settings_.rows;
    const Matrix<float> images = select_rows(data_.images, table.images);
    table.texts = own_texts(table.images);
    if (table.texts.empty()) {
      // Every image's best text that is not there yet.
      const TopK best = nearest_rows(images, data_.texts,
                                     std::min({data_.texts.rows(), images.rows(), kMaxNeighbors}));
      std::set<std::int64_t> taken;
      for (std::int64_t i = 0; i < images.rows(); ++i) {
        for (std::int64_t r = 0; r < best.indices.cols(); ++r) {
          if (!taken.insert(best.indices(i, r)).second) continue;
          table.texts.push_back(best.indices(i, r));
          break;
        }
      }
    }
    const Matrix<float> texts = select_rows(data_.texts, table.texts);
    cosine_table(run_.context(), texts, images, {},
                 [&](std::int64_t, MatrixView<const float> block) {
                   for (std::int64_t i = 0; i < block.rows; ++i) {
                     table.cosines.emplace_back(block.row(i), block.row(i) + block.cols);
                   }
                 });
    // Each text asks all images, not those of the table alone.
    const TopK best = nearest_rows(texts, data_.images, 1);
    for (std::int64_t t = 0; t < texts.rows(); ++t) {
      const std::int64_t image = best.indices(t, 0);
      table.best_image.push_back(image);
      table.best_cosine.push_back(best.cosines(t, 0));
      table.best_column.push_back(static_cast<std::size_t>(
          std::find(table.images.begin(), table.images.end(), image) - table.images.begin()));
    }
    return table;
  }

  void measure_spaces(SemanticFindings& found) {
    if (data_.images.rows() < kFewestImages) {
      found.left_out.push_back(fmt::format("correlations: expected at least {} images, got {}",
                                           kFewestImages, data_.images.rows()));
      return;
    }
    Context& context = run_.context();
    found.spaces.push_back(
        measure_space(context, data_, settings_, "coordinates", data_.images, rows_));
    for (const std::string& name : settings_.spaces) {
      const std::string label =
          name == "pca" || name == "mds" ? name : std::filesystem::path(name).stem().string();
      run_.attempt("correlations with " + label, [&] {
        const Matrix<float> components = components_of(name);
        found.spaces.push_back(measure_space(context, data_, settings_, label, components, rows_));
      });
    }
  }

  // To the pairs; of several texts an image to each text beside its image.
  NeuralMds fit_mds(const NeuralMdsOptions& options) {
    if (!data_.paired) return NeuralMds::fit(run_.context(), data_.images, data_.images, options);
    if (data_.image_of_text.empty()) {
      return NeuralMds::fit(run_.context(), data_.images, data_.texts, options);
    }
    const EmbeddingPairs pairs = one_to_one(data_.images, data_.texts, data_.image_of_text);
    return NeuralMds::fit(run_.context(), pairs.images, pairs.texts, options);
  }

  Matrix<float> components_of(const std::string& name) {
    Context& context = run_.context();
    const std::int64_t count =
        std::min({settings_.components, data_.images.cols(), data_.images.rows() - 1});
    if (name == "pca") {
      const Pca pca = Pca::fit(context, data_.images,
                               {.centering = Centering::per_modality, .components = count});
      return pca.transform(context, data_.images, Modality::image, count).to_host(context);
    }
    if (name == "mds") {
      NeuralMdsOptions options;
      options.dim = count;
      if (run_.options().quick) options.epochs = kQuickEpochs;
      options.quads_per_epoch = 1600 * data_.images.rows();
      options.progress = fit_progress("components by Neural MDS");
      const NeuralMds map = fit_mds(options);
      return map.transform(context, data_.images, Modality::image).to_host(context);
    }
    return std::move(components_.at(name));
  }

  // Those of files are read before the work: a file that is missing is no part that failed.
  void read_components() {
    for (const std::string& name : settings_.spaces) {
      if (name == "pca" || name == "mds") continue;
      Matrix<float> components = read_features(name);
      run_.add_input("components", name);
      if (components.rows() != data_.images.rows()) {
        throw Error(fmt::format("{}: expected {} rows, one for every image, got {}", name,
                                data_.images.rows(), components.rows()));
      }
      components_.emplace(name, std::move(components));
    }
  }

  void name_clusters(SemanticFindings& found) {
    Context& context = run_.context();
    found.stability = NAN;
    const Matrix<float> rows = centred_rows(data_.images);
    const Matrix<float> some = select_rows(rows, rows_);
    const std::int64_t distinct = distinct_rows(some, some.rows());
    std::int64_t k = settings_.clusters;
    if (k == 0) {
      if (distinct < kFewestClustered) {
        found.left_out.push_back(
            fmt::format("clusters: expected at least {} images that differ, "
                        "got {}",
                        kFewestClustered, distinct));
        return;
      }
      ChooseClustersOptions options;
      options.slack = kStabilitySlack;
      std::erase_if(options.candidates,
                    [&](std::int64_t value) { return value > most_clusters(distinct); });
      const ClusterChoice choice = choose_clusters(context, some, options);
      k = choice.k;
      for (const ClusterCandidate& candidate : choice.candidates) {
        if (candidate.k == k) found.stability = candidate.stability.mean;
      }
    }
    const KMeans clusters = KMeans::fit(context, rows, {.k = k});
    run_.add_npy("cluster_labels.npy", clusters.labels());
    const std::int64_t wanted = std::min(kNamesAsked, data_.texts.rows());
    if (distinct_rows(data_.texts, 2) < 2) {
      found.left_out.emplace_back(
          "names of clusters: expected at least 2 texts that differ, got 1");
      return;
    }
    for (const NamedCluster& cluster :
         cluster_names(context, data_.images, clusters.labels(), data_.texts,
                       {.names = wanted, .permutations = settings_.permutations})) {
      ClusterFinding& finding = found.clusters.emplace_back();
      finding.size = cluster.size;
      for (const NamingText& text : cluster.names)
        add_name(finding.names, data_.caption(text.text));
      finding.cosine = cluster.names[0].cosine;
      finding.margin = cluster.margin;
      finding.p = cluster.p;
      finding.q = cluster.q;
    }
  }

  Run& run_;
  const SemanticData& data_;
  const SemanticSettings& settings_;
  std::map<std::string, Matrix<float>> components_;  // of files
  std::vector<std::int64_t> rows_;  // images behind correlations and the number of clusters
};

}  // namespace

void check_semantic(const SemanticData& data, const SemanticSettings& settings) {
  for (const std::int64_t row : settings.rows) {
    if (row >= 0 && row < data.images.rows()) continue;
    throw Error(
        fmt::format("--rows: expected rows from 0 to {}, got {}", data.images.rows() - 1, row));
  }
  if (settings.clusters == 1) throw UsageError("--clusters: expected at least 2, or 0, got 1");
  if (settings.clusters > data.images.rows()) {
    throw Error(fmt::format("--clusters: expected at most {}, one per image, got {}",
                            data.images.rows(), settings.clusters));
  }
}

SemanticFindings run_semantic_study(Run& run, const SemanticData& data,
                                    const SemanticSettings& settings) {
  check_semantic(data, settings);
  run.check_places({"similarity.png", "correlation.png", "cluster_labels.npy"});
  return SemanticStudy(run, data, settings).run();
}

}  // namespace clipk::study
