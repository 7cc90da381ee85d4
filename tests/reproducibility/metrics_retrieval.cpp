// Metrics of pairs: retrieval, hubs, the modality gap.
#include "clipk/metrics/bootstrap.hpp"
#include "clipk/metrics/cosine_table.hpp"
#include "clipk/metrics/hubness.hpp"
#include "clipk/metrics/modality_gap.hpp"
#include "clipk/metrics/reranking.hpp"
#include "clipk/metrics/retrieval.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

// Images and texts of few clusters, so that partners are neither all found nor all missed.
struct Pairs {
  explicit Pairs(Run& run, std::int64_t n = 517, std::int64_t d = 37)
      : images(run.inputs.clustered(n, d, 40)), texts(run.inputs.near(images, 0.4)) {}
  Matrix<float> images, texts;
};

void add(Run& run, const RetrievalScores& scores) {
  run.add(scores.ranks, scores.matched, scores.top1, scores.r5, scores.r10, scores.mean_rank,
          scores.median_rank);
}

void add(Run& run, const Interval& interval) {
  run.add(interval.estimate, interval.low, interval.high);
}

const Registered kBootstrapPairedBootstrap =
    one("metrics/bootstrap/paired_bootstrap", [](Run& run) {
      const auto a = run.inputs.uniform<double>(1, 300, 0, 1);
      const auto b = run.inputs.uniform<double>(1, 300, 0, 1.1);
      add(run, paired_bootstrap(run.context, {a.data(), 300}, {b.data(), 300},
                                {.resamples = 999, .seed = 4}));
    });

const Registered kBootstrapGroups = one("metrics/bootstrap/paired_bootstrap.groups", [](Run& run) {
  const auto a = run.inputs.uniform<double>(1, 300, 0, 1);
  const auto b = run.inputs.uniform<double>(1, 300, 0, 1.1);
  const std::vector<std::int32_t> of_five = labels(300, 61);
  const std::vector<std::int64_t> groups(of_five.begin(), of_five.end());
  add(run, paired_bootstrap(run.context, {a.data(), 300}, {b.data(), 300}, groups,
                            {.resamples = 999, .seed = 4}));
});

const Registered kCosineTable = one("metrics/cosine_table/cosine_table", [](Run& run) {
  const Pairs pairs(run);
  cosine_table(
      run.context, pairs.images, pairs.texts, {.block_rows = 100},
      [&](std::int64_t first, MatrixView<const float> cosines) { run.add(first, cosines); });
});

const Registered kHubness = one("metrics/hubness/hubness", [](Run& run) {
  const Pairs pairs(run);
  const Hubness hubs = hubness(run.context, pairs.images, pairs.texts, 10);
  run.add(hubs.occurrences, hubs.skew, hubs.never, hubs.most);
});

const Registered kModalityGap = one("metrics/modality_gap/modality_gap", [](Run& run) {
  const Pairs pairs(run, 5000);
  const ModalityGap gap = modality_gap(run.context, pairs.images, pairs.texts);
  run.add(gap.distance, gap.paired_cosine, gap.other_cosine, gap.image_image, gap.text_text);
});

const Registered kModalityGapOfTexts = one("metrics/modality_gap/modality_gap.texts", [](Run& run) {
  const Pairs pairs(run, 5000);
  const ModalityGap gap = modality_gap(run.context, pairs.images.view().row_range(0, 1000),
                                       pairs.texts, labels(5000, 1000));
  run.add(gap.distance, gap.paired_cosine, gap.other_cosine, gap.image_image, gap.text_text);
});

const Registered kRerankingCslsBias = one("metrics/reranking/csls_bias", [](Run& run) {
  const Pairs pairs(run);
  run.add(csls_bias(run.context, pairs.images, pairs.texts));
});

const Registered kRerankingSinkhornBias = one("metrics/reranking/sinkhorn_bias", [](Run& run) {
  const Pairs pairs(run);
  const SinkhornBias found =
      sinkhorn_bias(run.context, pairs.images, pairs.texts, {.beta = 20, .max_iterations = 30});
  run.add(found.bias, found.iterations, found.residual);
});

const Registered kRetrieval = one("metrics/retrieval/retrieval", [](Run& run) {
  const Pairs pairs(run, 1021);
  const Retrieval found = retrieval(run.context, pairs.images, pairs.texts);
  add(run, found.image_to_text);
  add(run, found.text_to_image);
});

const Registered kRetrievalOfTexts = one("metrics/retrieval/retrieval.texts", [](Run& run) {
  const Pairs pairs(run, 1021);
  std::vector<std::int32_t> image_of_text = labels(1021, 300);
  for (std::size_t t = 0; t < image_of_text.size(); t += 7) image_of_text[t] = -1;
  const Retrieval found =
      retrieval(run.context, pairs.images.view().row_range(0, 300), pairs.texts, image_of_text);
  add(run, found.image_to_text);
  add(run, found.text_to_image);
});

const Registered kRetrievalToAny =
    one("metrics/retrieval/retrieval_with_bias_to_any", [](Run& run) {
      const Pairs pairs(run, 1021);
      const auto bias = run.inputs.uniform<double>(1, 1021, -0.01, 0.01);
      add(run, retrieval_with_bias_to_any(run.context, pairs.images.view().row_range(0, 300),
                                          pairs.texts, {bias.data(), 1021}, labels(1021, 300)));
    });

const Registered kRetrievalWithBias = one("metrics/retrieval/retrieval_with_bias", [](Run& run) {
  const Pairs pairs(run, 1021);
  const auto bias = run.inputs.uniform<double>(1, 1021, -0.01, 0.01);
  add(run, retrieval_with_bias(run.context, pairs.images, pairs.texts, {bias.data(), 1021}));
});

}  // namespace
}  // namespace clipk::golden
