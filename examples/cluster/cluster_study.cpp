#include "cluster/cluster_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <new>
#include <numeric>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/metrics/nearest_label.hpp"
#include "clipk/models/choose_clusters.hpp"
#include "clipk/models/kmeans.hpp"
#include "clipk/models/pca.hpp"
#include "clipk/models/tsne.hpp"
#include "cluster/results.hpp"
#include "study/fit_progress.hpp"
#include "study/fit_store.hpp"
#include "study/pictures/gnuplot.hpp"
#include "study/usage_error.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kFewestClusters = 2;
constexpr std::int64_t kMapColumns = 50;        // t-SNE sees so many principal components
constexpr std::int64_t kQuickIterations = 400;  // of t-SNE
constexpr std::int64_t kQuickShare = 5;         // of the networks' training
constexpr double kSteps = 1400;                 // of the autoencoder
constexpr std::int64_t kCheckpoints = 50;       // of it: each holds all weights and moments
constexpr std::int64_t kDecUpdates = 20;        // of DEC's target at most
constexpr std::int64_t kFewRows = 5000;
constexpr std::int64_t kFewColumns = 4;
constexpr std::int64_t kMostDistinct = 100;  // each of which is tried as a cluster

// Values of k to try on n rows. A run sees a share of the rows: of rows that repeat nearly all
// distinct ones, which may each be a cluster; of others a share.
std::vector<std::int64_t> candidates_for(std::int64_t n, std::int64_t distinct,
                                         const ChooseClustersOptions& options, std::int64_t most) {
  const bool repeated = 2 * distinct <= n;
  std::int64_t limit =
      repeated ? distinct
               : static_cast<std::int64_t>(options.share * static_cast<double>(distinct));
  if (most > 0) limit = std::min(limit, most);
  std::vector<std::int64_t> candidates = options.candidates;
  std::erase_if(candidates, [&](std::int64_t k) { return k > limit; });
  const bool listed = std::find(candidates.begin(), candidates.end(), distinct) != candidates.end();
  if (repeated && distinct <= std::min(limit, kMostDistinct) && !listed) {
    candidates.push_back(distinct);
  }
  return candidates;
}

std::int64_t rows_on_map(std::int64_t rows, const ClusterArguments& arguments) {
  return arguments.tsne_rows < 0 ? rows : std::min(rows, arguments.tsne_rows);
}

// Everything that can be refused before the work begins.
void check_data(const LabelledRows& data, const ClusterArguments& arguments) {
  const std::int64_t n = data.rows.rows();
  const std::int64_t k = arguments.settings.k;
  if (k == 1) throw UsageError("--k: expected at least 2 clusters, got 1");
  if (k > n) throw Error(fmt::format("--k: expected at most {}, one per row, got {}", n, k));
  if (arguments.pca > std::min(n, data.rows.cols())) {
    throw Error(fmt::format("--pca: expected at most {}, got {}", std::min(n, data.rows.cols()),
                            arguments.pca));
  }
  const std::int64_t least = std::max(k, kFewestClusters);
  const std::int64_t distinct = distinct_rows(data.rows, least);
  if (distinct < 2) throw Error(fmt::format("expected rows that differ, got {} equal rows", n));
  if (distinct < least) {
    throw Error(fmt::format("expected at least {} distinct rows, one per cluster, got {}", least,
                            distinct));
  }
  const std::int64_t mapped = rows_on_map(n, arguments);
  if (mapped > 0 && arguments.perplexity_chosen &&
      static_cast<double>(mapped - 1) < 3 * arguments.perplexity) {
    throw Error(
        fmt::format("--perplexity {:g}: expected more than {:g} rows, three times as many, got {} "
                    "(--tsne-rows 0 leaves the map out)",
                    arguments.perplexity, 3 * arguments.perplexity, mapped));
  }
}

void check_places(const Run& run, const ClusterSettings& settings) {
  std::vector<std::string> files{"confusion.png", "tsne.png", "tsne.npy"};
  for (const std::string& method : settings.methods) {
    for (int s = 0; s < settings.seeds; ++s) {
      for (const char* what : {"assignments", "embedding"}) {
        files.push_back(fmt::format("{}_{}_{}.npy", what, method, run.options().seed + s));
      }
    }
  }
  run.check_places(files);
}

// A map of few rows has a smaller perplexity, of fewer than four there is none.
void settle_map(Run& run, const LabelledRows& data, ClusterArguments& arguments) {
  const std::int64_t mapped = rows_on_map(data.rows.rows(), arguments);
  const auto most = static_cast<double>((mapped - 1) / 3);
  if (mapped == 0 || arguments.perplexity_chosen || arguments.perplexity <= most) return;
  if (most < 1) {
    arguments.tsne_rows = 0;
    run.print(fmt::format("Note: no map: t-SNE needs at least 4 rows, got {}", mapped));
    return;
  }
  run.print(
      fmt::format("Note: --perplexity {:g} in place of {:g}: a third of the {} rows on the map",
                  most, arguments.perplexity, mapped));
  arguments.perplexity = most;
}

// Mean and length are two numbers of a row: of four columns or fewer that is half of it and more.
void settle_scaling(Run& run, const LabelledRows& data, ClusterArguments& arguments) {
  const std::int64_t columns = arguments.pca > 0 ? arguments.pca : data.rows.cols();
  const auto& methods = arguments.settings.methods;
  const bool networks = std::any_of(methods.begin(), methods.end(),
                                    [](const std::string& method) { return method != "kmeans"; });
  if (!networks || arguments.scaling_chosen || columns > kFewColumns) return;
  arguments.scaling = "none";
  run.print(fmt::format(
      "Note: --scaling none: standardizing rows of {} {} would lose most of what they tell",
      columns, columns == 1 ? "value" : "values"));
}

// The networks' settings, from the options.
void set_networks(ClusterArguments& arguments, const Options& options, const LabelledRows& data) {
  ClusterSettings& settings = arguments.settings;
  AutoencoderOptions& autoencoder = settings.autoencoder;
  const std::int64_t columns = arguments.pca > 0 ? arguments.pca : data.rows.cols();
  autoencoder.hidden.assign(arguments.layers.begin(), arguments.layers.end() - 1);
  autoencoder.code = std::min(arguments.layers.back(), columns);
  autoencoder.scaling = row_scaling_named(arguments.scaling);
  const auto n = static_cast<double>(data.rows.rows());
  const double epochs = kSteps * static_cast<double>(autoencoder.batch) / n;
  autoencoder.epochs =
      arguments.epochs > 0 ? arguments.epochs : std::max<std::int64_t>(std::llround(epochs), 1);
  autoencoder.checkpoint_every = std::max<std::int64_t>(autoencoder.epochs / kCheckpoints, 1);
  // Few rows give DEC its new target sooner.
  settings.dec.update_interval = std::clamp<std::int64_t>(data.rows.rows() / 512, 20, 140);
  settings.dec.max_steps = kDecUpdates * settings.dec.update_interval;
  // Among few rows the nearest are soon those of another cluster.
  settings.denoising.iterations = arguments.denoising;
  if (arguments.denoising < 0) {
    settings.denoising.iterations =
        data.rows.rows() < kFewRows ? 0 : ManifoldDenoisingOptions{}.iterations;
  }
  settings.denoising.neighbors = std::min(settings.denoising.neighbors, data.rows.rows());
  if (options.quick) {
    autoencoder.epochs = std::max<std::int64_t>(autoencoder.epochs / kQuickShare, 1);
    settings.dec.max_steps /= kQuickShare;
  }
  settings.dec.soft.kernel =
      arguments.kernel == "student_t" ? SoftKernel::student_t : SoftKernel::von_mises_fisher;
}

class ClusterStudy {
 public:
  ClusterStudy(Run& run, const LabelledRows& data, ClusterArguments arguments)
      : run_(run),
        data_(data),
        arguments_(std::move(arguments)),
        // A fit depends on none of these; the map's key holds what it depends on.
        store_("cluster_study checkpoint", 2, run.options().checkpoint,
               run.fingerprint({"methods", "seeds", "perplexity", "tsne-rows"})) {
    if (arguments_.pca > 0) reduced_ = components_of(data_.rows, arguments_.pca);
  }

  ClusterFindings run() {
    ClusterSettings& settings = arguments_.settings;
    choose_k();
    check_store();
    fits_ = settings.methods.size() * static_cast<std::size_t>(settings.seeds) +
            (mapped_rows() > 0 ? 1 : 0);
    for (int s = 0; s < settings.seeds; ++s) fit_seed(run_.options().seed + s);
    // By method, as the table has them.
    std::vector<ScoredFit> fits;
    for (const std::string& method : settings.methods) {
      for (int s = 0; s < settings.seeds; ++s) {
        const std::uint64_t seed = run_.options().seed + s;
        const std::string key = key_of(method, seed);
        const ClusterFit* fit = store_.find(key);
        fits.push_back(
            fit != nullptr
                ? scored_fit(run_.context(), data_, rows(), method, seed, *fit)
                : ScoredFit{.method = method, .seed = seed, .failed = failures_.at(key)});
      }
    }
    if (failures_.size() == fits.size()) throw Error(failures_.begin()->second);
    std::optional<ClusterMap> drawn;
    run_.attempt("the t-SNE map", [&] { drawn = map(); });
    found_.rows = data_.rows.rows();
    found_.k = settings.k;
    found_.seeds = settings.seeds;
    summarize(fits, found_);
    if (drawn) found_.one_nn = drawn->one_nn;
    print_results(run_, data_, found_, drawn);
    write_results(run_, data_, fits, found_, drawn);
    return std::move(found_);
  }

 private:
  MatrixView<const float> rows() const {
    return reduced_.empty() ? data_.rows.view() : reduced_.view();
  }
  static std::string key_of(const std::string& method, std::uint64_t seed) {
    return fmt::format("{}/{}", method, seed);
  }
  std::string map_key() const {
    return fmt::format("tsne/{:g}/{}", arguments_.perplexity, mapped_rows());
  }
  // That what the checkpoint has is of these rows.
  void check_store() const {
    const ClusterSettings& settings = arguments_.settings;
    for (const std::string& method : settings.methods) {
      for (int s = 0; s < settings.seeds; ++s) {
        store_.check(key_of(method, run_.options().seed + s), [&](const ClusterFit& fit) {
          check_fit(fit, {.rows = rows().rows,
                          .k = settings.k,
                          .cols = method == "kmeans" ? 0 : settings.autoencoder.code});
        });
      }
    }
    store_.check(map_key(), [&](const ClusterFit& fit) {
      check_fit(fit, {.rows = mapped_rows(), .k = 0, .cols = 2});
    });
  }
  std::int64_t mapped_rows() const { return rows_on_map(data_.rows.rows(), arguments_); }

  void choose_k() {
    ClusterSettings& settings = arguments_.settings;
    if (settings.k == 0 && data_.labelled()) {
      const auto classes = static_cast<std::int64_t>(data_.names.size());
      settings.k = distinct_rows(data_.rows, classes);
      if (settings.k < classes) {
        run_.print(fmt::format("Note: k = {}: there are {} classes and no more distinct rows",
                               settings.k, classes));
      }
    } else if (settings.k == 0) {
      ChooseClustersOptions options{.spherical = settings.spherical, .slack = arguments_.slack};
      const std::int64_t n = data_.rows.rows();
      const std::int64_t distinct =
          std::min(distinct_rows(data_.rows, n), distinct_rows(rows(), n));
      options.candidates = candidates_for(n, distinct, options, arguments_.most);
      if (options.candidates.empty()) {  // two rows that differ
        settings.k = kFewestClusters;
        run_.print("Note: k = 2: too few distinct rows to choose from");
        return;
      }
      const ClusterChoice choice = choose_clusters(run_.context(), rows(), options);
      settings.k = choice.k;
      for (const ClusterCandidate& candidate : choice.candidates) {
        found_.candidates.emplace_back(candidate.k, candidate.stability.mean);
      }
      run_.print(
          fmt::format("k = {}: the largest number of clusters that is about as stable as the best",
                      settings.k));
    }
  }

  void leave_out(const std::string& method, std::uint64_t seed, const std::string& reason) {
    failures_[key_of(method, seed)] = reason;
    run_.add_failure(fmt::format("{}, seed {}", method, seed), reason);
  }

  void fit_seed(std::uint64_t seed) {
    Context context = run_.context_for(seed);
    const std::string network = key_of("network", seed);
    ClusterFitter fitter(context, rows(), arguments_.settings, store_.part_file(network));
    for (const std::string& method : arguments_.settings.methods) {
      ++fit_;
      const std::string key = key_of(method, seed);
      if (store_.find(key) != nullptr) continue;
      const std::string label = fmt::format("{}/{} {} seed {}", fit_, fits_, method, seed);
      std::optional<ClusterFit> fit;
      try {
        fit = fitter.fit(method, store_.part_file(key), [&](const char* stage) {
          return fit_progress(fmt::format("{} {}", label, stage));
        });
      } catch (const FileError&) {
        throw;
      } catch (const Error& error) {  // the others are none the worse for it
        leave_out(method, seed, error.what());
        continue;
      } catch (const std::bad_alloc&) {
        leave_out(method, seed, "expected enough memory, got none");
        continue;
      }
      note_done(label, fit->seconds);
      store_.add(key, std::move(*fit));
    }
    store_.remove_part(network);
  }

  std::optional<ClusterMap> map() {
    const std::int64_t mapped = mapped_rows();
    if (mapped == 0) return std::nullopt;
    ClusterMap map;
    map.perplexity = arguments_.perplexity;
    map.chosen.resize(static_cast<std::size_t>(data_.rows.rows()));
    std::iota(map.chosen.begin(), map.chosen.end(), 0);
    if (mapped < data_.rows.rows()) {
      map.chosen =
          Random(run_.options().seed, RandomStream::map_rows).permutation(data_.rows.rows());
      map.chosen.resize(static_cast<std::size_t>(mapped));
      std::sort(map.chosen.begin(), map.chosen.end());
    }
    const ClusterFit& fit = fit_map(map.chosen);
    Context host = Context::cpu();
    map.points = Matrix<float>::copy_of(host, fit.embedding);
    map.kl = fit.kl;
    map.iterations = fit.steps;
    map.seconds = fit.seconds;
    map.one_nn = NAN;
    if (data_.labelled()) {
      std::vector<std::int32_t> classes;
      for (const std::int64_t row : map.chosen) {
        classes.push_back(data_.classes[static_cast<std::size_t>(row)]);
      }
      map.one_nn = nearest_label_accuracy(
          host, map.points, {classes.data(), static_cast<std::int64_t>(classes.size())});
    }
    return map;
  }

  const ClusterFit& fit_map(const std::vector<std::int64_t>& chosen) {
    const std::string key = map_key();
    if (const ClusterFit* known = store_.find(key)) return *known;
    const std::string label = fmt::format("{}/{} t-SNE", fits_, fits_);
    const Matrix<float> high = map_rows(chosen);
    TsneOptions options{.perplexity = arguments_.perplexity,
                        .checkpoint = store_.part_file(key),
                        .progress = fit_progress(label)};
    if (run_.options().quick) options.iterations = kQuickIterations;
    const Tsne tsne = Tsne::fit(run_.context(), high, options);
    ClusterFit fit;
    Context host = Context::cpu();
    fit.embedding = Matrix<float>::copy_of(host, tsne.map());
    fit.kl = tsne.kl();
    fit.steps = tsne.iterations();
    fit.seconds = tsne.seconds();
    note_done(label, fit.seconds);
    return store_.add(key, std::move(fit));
  }

  // Of these rows the leading principal components, or all columns where there are few.
  Matrix<float> map_rows(const std::vector<std::int64_t>& chosen) {
    Matrix<float> part = select_rows(rows(), chosen);
    if (part.cols() <= kMapColumns) return part;
    return components_of(part, kMapColumns);
  }

  // The leading principal components of the rows, on the host.
  Matrix<float> components_of(const Matrix<float>& rows, std::int64_t count) {
    Context& context = run_.context();
    const Pca pca =
        Pca::fit(context, rows, {.centering = Centering::per_modality, .components = count});
    return pca.transform(context, rows, Modality::image, count).to_host(context);
  }

  Run& run_;
  const LabelledRows& data_;
  ClusterArguments arguments_;
  FitStore<ClusterFit> store_;
  std::map<std::string, std::string> failures_;  // fits that failed, and why
  Matrix<float> reduced_;                        // by --pca
  std::size_t fits_ = 0, fit_ = 0;
  ClusterFindings found_;
};

}  // namespace

ClusterFindings run_cluster_study(Run& run, const LabelledRows& data, ClusterArguments arguments) {
  check_data(data, arguments);
  settle_map(run, data, arguments);
  settle_scaling(run, data, arguments);
  check_charts();
  check_places(run, arguments.settings);
  set_networks(arguments, run.options(), data);
  return ClusterStudy(run, data, std::move(arguments)).run();
}

}  // namespace clipk::study
