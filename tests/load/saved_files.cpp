#include "load/saved_files.hpp"

#include <memory>
#include <utility>

#include "clipk/core/random.hpp"
#include "clipk/models/autoencoder.hpp"
#include "clipk/models/binary_quantizer.hpp"
#include "clipk/models/dec.hpp"
#include "clipk/models/iin.hpp"
#include "clipk/models/kmeans.hpp"
#include "clipk/models/logistic_probe.hpp"
#include "clipk/models/neural_mds.hpp"
#include "clipk/models/paired_axes.hpp"
#include "clipk/models/pca.hpp"
#include "clipk/models/product_quantizer.hpp"
#include "clipk/models/scalar_quantizer.hpp"
#include "clipk/models/tsne.hpp"
#include "clipk/models/vae.hpp"

namespace clipk::test {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRows = 24, kCols = 4;

Matrix<float> rows_of(std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Matrix<float> rows(kRows, kCols);
  for (float& value : rows.flat()) value = static_cast<float>(random.normal());
  return rows;
}

const Matrix<float>& rows() {
  static const Matrix<float> rows = rows_of(1);
  return rows;
}

std::vector<std::int32_t> labels() {
  std::vector<std::int32_t> result;
  for (std::int64_t i = 0; i < kRows; ++i) result.push_back(static_cast<std::int32_t>(i % 3));
  return result;
}

std::vector<Factor> factors() {
  std::vector<Factor> result;
  result.push_back(class_factor("kind", labels()));
  return result;
}

AutoencoderOptions autoencoder_options() {
  AutoencoderOptions options;
  options.hidden = {3};
  options.code = 2;
  options.layer_epochs = 1;
  options.epochs = 2;
  options.batch = 8;
  options.rate = 0.1;
  return options;
}

VaeOptions vae_options() {
  VaeOptions options;
  options.hidden = {3};
  options.code = 2;
  options.epochs = 2;
  options.batch = 8;
  return options;
}

DecOptions dec_options() {
  DecOptions options;
  options.k = 2;
  options.restarts = 1;
  options.batch = 8;
  options.update_interval = 3;
  options.max_steps = 6;
  options.tolerance = 0;
  return options;
}

NeuralMdsOptions mds_options() {
  NeuralMdsOptions options;
  options.dim = 2;
  options.hidden = 3;
  options.network_per_modality = true;
  options.quads_per_epoch = 64;
  options.epochs = 1;
  return options;
}

IinOptions iin_options() {
  IinOptions options;
  options.flow = {.blocks = 2, .width = 3, .depth = 1};
  options.sizes = {1};
  options.epochs = 1;
  options.batch = 8;
  return options;
}

TsneOptions tsne_options() {
  TsneOptions options;
  options.perplexity = 2;
  options.iterations = 4;
  return options;
}

Autoencoder autoencoder(Context& context, const fs::path& checkpoint = {}) {
  AutoencoderOptions options = autoencoder_options();
  options.checkpoint = checkpoint;
  return Autoencoder::fit(context, rows(), options);
}

// A model with a `load(context, path)`, and what is done with it.
template <class Load, class Use>
auto loader(Load load, Use use) {
  return [=](Context& context, const fs::path& path) -> std::function<void()> {
    auto model = std::make_shared<decltype(load(context, path))>(load(context, path));
    return [&context, model, use] { use(context, *model); };
  };
}

// A training whose checkpoint is the file: saving runs it, and so does loading.
template <class Fit>
SavedFile training(std::string name, std::string kind, Fit fit) {
  return {std::move(name), std::move(kind), fit, [=](Context& context, const fs::path& path) {
            fit(context, path);
            return std::function<void()>([] {});
          }};
}

std::vector<SavedFile> models() {
  return {
      {"autoencoder", "autoencoder model",
       [](Context& c, const fs::path& path) { autoencoder(c).save(c, path); },
       loader([](Context& c, const fs::path& path) { return Autoencoder::load(c, path); },
              [](Context& c, Autoencoder& m) { m.reconstruction_error(c, rows()); })},
      {"vae", "vae model",
       [](Context& c, const fs::path& path) { Vae::fit(c, rows(), vae_options()).save(c, path); },
       loader([](Context& c, const fs::path& path) { return Vae::load(c, path); },
              [](Context& c, Vae& m) { m.divergences(c, rows()); })},
      {"dec", "dec model",
       [](Context& c, const fs::path& path) {
         Dec::fit(c, rows(), autoencoder(c), dec_options()).save(c, path);
       },
       loader([](Context& c, const fs::path& path) { return Dec::load(c, path); },
              [](Context& c, Dec& m) { m.predict(c, rows()); })},
      {"neural_mds", "neural_mds model",
       [](Context& c, const fs::path& path) {
         NeuralMds::fit(c, rows(), rows_of(2), mds_options()).save(c, path);
       },
       loader([](Context& c, const fs::path& path) { return NeuralMds::load(c, path); },
              [](Context& c, NeuralMds& m) { m.transform(c, rows(), Modality::text); })},
      {"iin", "iin model",
       [](Context& c, const fs::path& path) {
         Iin::fit(c, rows(), factors(), iin_options()).save(c, path);
       },
       loader([](Context& c, const fs::path& path) { return Iin::load(c, path); },
              [](Context& c, Iin& m) { m.typicality(c, rows()); })},
      {"pca", "pca model", [](Context& c, const fs::path& path) { Pca::fit(c, rows()).save(path); },
       loader([](Context&, const fs::path& path) { return Pca::load(path); },
              [](Context& c, Pca& m) {
                m.transform(c, rows(), Modality::text, m.components_kept());
                m.explained_variance_ratio();
              })},
      {"paired_axes", "paired_axes model",
       [](Context& c, const fs::path& path) {
         PairedAxes::fit(c, rows(), rows_of(2), 2).save(path);
       },
       loader([](Context&, const fs::path& path) { return PairedAxes::load(path); },
              [](Context& c, PairedAxes& m) {
                for (const Modality modality : {Modality::image, Modality::text}) {
                  m.transform(c, rows(), modality);
                }
              })},

      {"product_quantizer", "product_quantizer model",
       [](Context& c, const fs::path& path) {
         ProductQuantizer::fit(
             c, rows(),
             {.subvectors = 2, .centroids = 16, .rotation = PqRotation::learned, .levels = 2})
             .save(path);
       },
       loader([](Context&, const fs::path& path) { return ProductQuantizer::load(path); },
              [](Context& c, ProductQuantizer& m) { m.decode(c, m.encode(c, rows())); })},
      {"kmeans", "kmeans model",
       [](Context& c, const fs::path& path) {
         KMeans::fit(c, rows(), {.k = 3, .restarts = 2}).save(path);
       },
       loader([](Context&, const fs::path& path) { return KMeans::load(path); },
              [](Context& c, KMeans& m) { m.predict(c, rows()); })},
      {"tsne", "tsne model",
       [](Context& c, const fs::path& path) { Tsne::fit(c, rows(), tsne_options()).save(path); },
       loader([](Context&, const fs::path& path) { return Tsne::load(path); },
              [](Context& c, Tsne& m) {
                m.transform(c, rows(), {.perplexity = 2, .neighbors = 4, .iterations = 2});
              })},
      {"logistic_probe", "logistic_probe model",
       [](Context& c, const fs::path& path) {
         LogisticProbe::fit(c, rows(), labels(), {.standardize = true, .max_iterations = 5})
             .save(path);
       },
       loader([](Context&, const fs::path& path) { return LogisticProbe::load(path); },
              [](Context& c, LogisticProbe& m) {
                m.predict(c, rows());
                m.weights();
                m.intercepts();
              })},
      {"scalar_quantizer", "scalar_quantizer model",
       [](Context& c, const fs::path& path) { ScalarQuantizer::fit(c, rows()).save(path); },
       loader([](Context&, const fs::path& path) { return ScalarQuantizer::load(path); },
              [](Context& c, ScalarQuantizer& m) { m.decode(c, m.encode(c, rows())); })},
      {"binary_quantizer", "binary_quantizer model",
       [](Context& c, const fs::path& path) { BinaryQuantizer::fit(c, rows()).save(path); },
       loader([](Context&, const fs::path& path) { return BinaryQuantizer::load(path); },
              [](Context& c, BinaryQuantizer& m) { m.decode(c, m.encode(c, rows())); })},
  };
}

std::vector<SavedFile> trainings() {
  return {
      training("autoencoder_training", "trainer checkpoint",
               [](Context& c, const fs::path& path) { autoencoder(c, path); }),
      training("iin_training", "trainer checkpoint",
               [](Context& c, const fs::path& path) {
                 IinOptions options = iin_options();
                 options.checkpoint = path;
                 Iin::fit(c, rows(), factors(), options);
               }),
      training("dec_training", "dec checkpoint",
               [](Context& c, const fs::path& path) {
                 DecOptions options = dec_options();
                 options.checkpoint = path;
                 Dec::fit(c, rows(), autoencoder(c), options);
               }),
      training("tsne_training", "tsne checkpoint",
               [](Context& c, const fs::path& path) {
                 TsneOptions options = tsne_options();
                 options.checkpoint = path;
                 Tsne::fit(c, rows(), options);
               }),
  };
}

}  // namespace

std::vector<SavedFile> saved_files() {
  std::vector<SavedFile> files = models();
  for (auto& more : {trainings(), study_files()})
    files.insert(files.end(), more.begin(), more.end());
  return files;
}

}  // namespace clipk::test
