// Models without a network.
#include "clipk/models/binary_quantizer.hpp"
#include "clipk/models/logistic_probe.hpp"
#include "clipk/models/manifold_denoising.hpp"
#include "clipk/models/pca.hpp"
#include "clipk/models/random_projection.hpp"
#include "clipk/models/retrieval_axes.hpp"
#include "clipk/models/scalar_quantizer.hpp"
#include "clipk/models/tsne.hpp"
#include "clipk/models/zero_shot.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

// More rows than columns, and fewer.
void principal(Run& run, std::int64_t n, std::int64_t d, const PcaOptions& options) {
  const auto images = run.inputs.clustered(n, d, 7), texts = run.inputs.near(images, 0.4);
  const Pca pca = Pca::fit(run.context, images, texts, options);
  run.add(pca.components(), pca.mean(Modality::text), pca.explained_variance(),
          pca.explained_variance_ratio(), pca.transform(run.context, texts, Modality::text, 5));
}

const Registered kPcaTall = one("models/pca/tall", [](Run& run) { principal(run, 517, 37, {}); });

const Registered kPcaWide = one(
    "models/pca/wide", [](Run& run) { principal(run, 30, 130, {.centering = Centering::pooled}); });

const Registered kPcaFew = one("models/pca/few", [](Run& run) {
  principal(run, 517, 130, {.centering = Centering::none, .components = 6});
});

const Registered kPcaInverse = one("models/pca/inverse", [](Run& run) {
  const auto images = run.inputs.clustered(517, 37, 7), texts = run.inputs.near(images, 0.4);
  const Pca pca = Pca::fit(run.context, images, texts, {.components = 9});
  run.add(pca.inverse_transform(run.context, run.inputs.uniform(301, 6), Modality::text));
});

const Registered kRandomProjectionTransform =
    one("models/random_projection/transform", [](Run& run) {
      const RandomProjection projection(130, 17, run.context.seed());
      const auto rows = run.inputs.uniform(517, 130);
      Matrix<float> out(517, 17);
      projection.transform(run.context, rows, out);
      run.add(projection.matrix(), out);
    });

const Registered kRetrievalAxesAxes = one("models/retrieval_axes/axes", [](Run& run) {
  const auto images = run.inputs.clustered(517, 37, 7);
  const auto texts = run.inputs.near(images, 0.4);
  run.add(retrieval_axes(images, texts, 9));
});

// Fewer rows than columns, and more axes than they span.
const Registered kRetrievalAxesFew = one("models/retrieval_axes/few", [](Run& run) {
  const auto images = run.inputs.clustered(12, 61, 3);
  const auto texts = run.inputs.near(images, 0.4);
  run.add(retrieval_axes(images, texts, 30));
});

const Registered kScalarQuantizerCodes = one("models/scalar_quantizer/codes", [](Run& run) {
  const auto rows = run.inputs.clustered(517, 37, 7), more = run.inputs.near(rows, 0.4);
  for (const ScalarCode code : {ScalarCode::float16, ScalarCode::int8, ScalarCode::int4}) {
    const ScalarQuantizer quantizer = ScalarQuantizer::fit(run.context, rows, {code});
    const auto codes = quantizer.encode(run.context, more);
    run.add(quantizer.offset(), quantizer.step(), codes, quantizer.decode(run.context, codes));
  }
});

const Registered kBinaryQuantizerCodes = one("models/binary_quantizer/codes", [](Run& run) {
  const auto rows = run.inputs.clustered(517, 37, 7), more = run.inputs.near(rows, 0.4);
  for (const BinaryRotation rotation :
       {BinaryRotation::none, BinaryRotation::random, BinaryRotation::learned}) {
    const BinaryQuantizer quantizer =
        BinaryQuantizer::fit(run.context, rows, {.rotation = rotation, .iterations = 7});
    const auto codes = quantizer.encode(run.context, more);
    run.add(quantizer.mean(), quantizer.axes(), codes, quantizer.decode(run.context, codes));
  }
});

const Registered kManifoldDenoisingDenoised =
    one("models/manifold_denoising/denoised", [](Run& run) {
      const auto rows = run.inputs.clustered(517, 37, 7);
      run.add(denoise_manifold(run.context, rows, {.neighbors = 9, .iterations = 5}));
    });

// Seven classes, some rows without one.
struct Labelled {
  explicit Labelled(Run& run) : rows(run.inputs.clustered(517, 20, 7)), classes(labels(517, 7)) {
    for (std::size_t i = 0; i < classes.size(); i += 11) classes[i] = -1;
  }
  Matrix<float> rows;
  std::vector<std::int32_t> classes;
};

const Registered kLogisticProbeFit = one("models/logistic_probe/fit", [](Run& run) {
  const Labelled data(run);
  for (const bool standardize : {false, true}) {
    const LogisticProbe probe =
        LogisticProbe::fit(run.context, data.rows, data.classes,
                           {.c = 0.5, .standardize = standardize, .max_iterations = 40});
    run.add(probe.weights(), probe.intercepts(), probe.loss(), probe.gradient(), probe.iterations(),
            probe.probabilities(run.context, data.rows));
  }
});

const Registered kLogisticProbeCrossValidate =
    one("models/logistic_probe/cross_validate", [](Run& run) {
      const Labelled data(run);
      const LogisticCrossValidation found =
          cross_validate(run.context, data.rows, data.classes, 3, {.max_iterations = 10});
      run.add(found.accuracy, found.fold_accuracy, found.fold, found.predictions);
    });

const Registered kLogisticProbeChooseC = one("models/logistic_probe/choose_c", [](Run& run) {
  const Labelled data(run);
  const LogisticChoice choice = choose_c(run.context, data.rows, data.classes,
                                         {.candidates = {0.01, 1}}, {.max_iterations = 10});
  run.add(choice.c, choice.accuracy, choice.held_out);
});

void mapped(Run& run, TsneMethod method, double perplexity) {
  const auto rows = run.inputs.clustered(301, 20, 5), more = run.inputs.near(rows, 0.1);
  const Tsne tsne = Tsne::fit(run.context, rows,
                              {.perplexity = perplexity,
                               .iterations = 60,
                               .exaggeration_iterations = 30,
                               .method = method});
  run.add(tsne.map(), tsne.kl(),
          tsne.transform(run.context, more.view().row_range(0, 50), {.iterations = 20}));
}

const Registered kTsneExact =
    one("models/tsne/exact", [](Run& run) { mapped(run, TsneMethod::exact, 10); });

const Registered kTsneStored =
    one("models/tsne/stored", [](Run& run) { mapped(run, TsneMethod::exact, 60); });

const Registered kTsneFft =
    one("models/tsne/fft", [](Run& run) { mapped(run, TsneMethod::fft, 10); });

const Registered kZeroShotPredict = one("models/zero_shot/predict", [](Run& run) {
  const auto prompts = run.inputs.clustered(21, 37, 7);
  const ZeroShot classifier(run.context, prompts, labels(21, 7));
  const auto images = run.inputs.clustered(517, 37, 7);
  Matrix<float> scores(517, 7);
  classifier.scores(run.context, images, scores);
  const ZeroShotPredictions found = classifier.predict(run.context, images);
  const ZeroShotAccuracy accuracy = classifier.accuracy(run.context, images, labels(517, 7));
  run.add(classifier.ensembles(), scores, found.classes, found.cosines, accuracy.top1,
          accuracy.mean_per_class, accuracy.recall);
});

}  // namespace
}  // namespace clipk::golden
