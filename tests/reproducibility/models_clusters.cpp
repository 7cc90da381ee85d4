// Clusterings.
#include "clipk/models/choose_clusters.hpp"
#include "clipk/models/cluster_names.hpp"
#include "clipk/models/dec.hpp"
#include "clipk/models/kmeans.hpp"
#include "clipk/models/product_quantizer.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

void clusters(Run& run, bool spherical) {
  const auto rows = run.inputs.clustered(1021, 20, 9), more = run.inputs.clustered(300, 20, 9);
  const KMeans kmeans =
      KMeans::fit(run.context, rows, {.k = 12, .restarts = 3, .spherical = spherical});
  run.add(kmeans.centres(), kmeans.labels(), kmeans.inertia(), kmeans.iterations(),
          kmeans.predict(run.context, more));
  for (const KMeansRun& restart : kmeans.runs()) run.add(restart.inertia, restart.iterations);
}

const Registered kKMeansEuclidean =
    one("models/kmeans/euclidean", [](Run& run) { clusters(run, false); });

const Registered kKMeansSpherical =
    one("models/kmeans/spherical", [](Run& run) { clusters(run, true); });

const Registered kKMeansMeansByLabel = one("models/kmeans/means_by_label", [](Run& run) {
  const auto rows = run.inputs.uniform(1021, 20);
  run.add(means_by_label(rows, labels(1021, 7), 7));
});

void quantized(Run& run, const ProductQuantizerOptions& options) {
  const auto rows = run.inputs.clustered(700, 21, 9), more = run.inputs.clustered(300, 21, 9);
  const ProductQuantizer model = ProductQuantizer::fit(run.context, rows, options);
  const Matrix<std::uint8_t> codes = model.encode(run.context, more);
  run.add(model.rotation(), codes, model.decode(run.context, codes));
  for (std::int64_t level = 0; level < model.levels(); ++level) run.add(model.codebook(level));
  for (const PqMetric metric : {PqMetric::inner_product, PqMetric::squared_euclidean}) {
    run.add(model.tables(run.context, rows.view().row_range(0, 5), metric));
    const PqMatches found = model.search(run.context, rows, codes, 7, 20, metric);
    run.add(found.indices, found.scores);
  }
}

const Registered kProductQuantizerBytes = one("models/product_quantizer/bytes", [](Run& run) {
  quantized(run, {.subvectors = 5, .levels = 2});
});

const Registered kProductQuantizerRotation = one("models/product_quantizer/rotation", [](Run& run) {
  quantized(run, {.subvectors = 5, .centroids = 16, .rotation = PqRotation::learned});
});

const Registered kChooseClustersChoice = one("models/choose_clusters/choice", [](Run& run) {
  const auto rows = run.inputs.clustered(300, 10, 4);
  const ClusterChoice choice =
      choose_clusters(run.context, rows, {.candidates = {3, 4, 6}, .runs = 3, .restarts = 2});
  run.add(choice.k);
  for (const ClusterCandidate& candidate : choice.candidates) {
    run.add(candidate.stability.mean, candidate.inertia);
  }
});

const Registered kClusterNamesNames = one("models/cluster_names/names", [](Run& run) {
  const auto images = run.inputs.clustered(301, 37, 5);
  const auto texts = run.inputs.near(images.view().row_range(0, 40), 0.3);
  const auto named =
      cluster_names(run.context, images, labels(301, 5), texts, {.permutations = 99});
  for (const NamedCluster& cluster : named) {
    run.add(cluster.label, cluster.size, cluster.margin, cluster.p, cluster.q);
    for (const NamingText& text : cluster.names) {
      run.add(text.text, text.cosine, text.elsewhere);
    }
  }
});

// From an autoencoder that has hardly been trained.
void embedded(Run& run, const DecOptions& options) {
  const auto rows = run.inputs.clustered(301, 20, 5);
  AutoencoderOptions shape;
  shape.hidden = {33};
  shape.code = 4;
  shape.epochs = 3;
  shape.batch = 64;
  const Autoencoder start = Autoencoder::fit(run.context, rows, shape);
  const Dec dec = Dec::fit(run.context, rows, start, options);
  run.add(dec.centres(), dec.labels(), dec.start_labels(), dec.steps(),
          dec.encode(run.context, rows), dec.assign(run.context, rows),
          dec.reconstruction_error(run.context, rows));
  for (const DecUpdate& update : dec.history()) {
    run.add(update.step, update.label_change, update.loss, update.divergence, update.masses,
            update.smallest_centre_distance, update.entropy);
  }
}

DecOptions short_training() {
  DecOptions options;
  options.k = 5;
  options.restarts = 2;
  options.batch = 64;
  options.update_interval = 10;
  options.max_steps = 30;
  return options;
}

DecOptions of_directions() {
  DecOptions options = short_training();
  options.denoising = {.neighbors = 5, .iterations = 2};
  options.soft.kernel = SoftKernel::von_mises_fisher;
  options.balanced = true;
  options.reconstruction = 1;
  options.optimizer = Optimizer::adam;
  options.rate = 1e-3;
  return options;
}

const Registered kDec = one("models/dec/dec", [](Run& run) { embedded(run, short_training()); });

const Registered kDecDirections =
    one("models/dec/directions", [](Run& run) { embedded(run, of_directions()); });

}  // namespace
}  // namespace clipk::golden
