#include "clipk/models/neural_mds.hpp"

#include <cmath>

#include "clipk/metrics/geometry.hpp"
#include "clipk/metrics/retrieval.hpp"
#include "clipk/models/pca.hpp"
#include "clipk/ops/nearest.hpp"
#include "io/files.hpp"
#include "models/neural_mds/mds_rows.hpp"
#include "support/arrays.hpp"
#include "support/coco500.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/same_bytes.hpp"

namespace clipk::test {
namespace {

NeuralMdsOptions small(MdsObjective objective) {
  NeuralMdsOptions options;
  options.objective = objective;
  options.dim = 4;
  options.hidden = 32;
  options.epochs = 30;
  options.quads_per_epoch = 20000;
  options.rate = 1e-2;
  if (objective == MdsObjective::isometric) options.blocks = {1, 1, 0};
  return options;
}

Context cpu(int threads = 2, std::uint64_t seed = 1) {
  return Context::cpu({.seed = seed, .threads = threads});
}

TEST(NeuralMds, IsometricBeatsPcaInStress) {
  Context context = cpu();
  const MdsRows rows = make_pairs(120, 24);
  const Pca pca = Pca::fit(context, rows.images);
  const Matrix<float> line = pca.transform(context, rows.images, Modality::image, 4);
  const NeuralMds model =
      NeuralMds::fit(context, rows.images, rows.texts, small(MdsObjective::isometric));
  const Matrix<float> codes = model.transform(context, rows.images, Modality::image);
  EXPECT_LT(stress1(context, {.x = rows.images}, {.x = codes}),
            0.9 * stress1(context, {.x = rows.images}, {.x = line}));
  EXPECT_LT(model.losses().back(), 0.5 * model.losses().front());
}

// The queries, of both directions, whose nearest partner in the codes is that of the rows.
std::int64_t nearest_kept(Context& context, const MdsRows& rows, const Matrix<float>& images,
                          const Matrix<float>& texts) {
  const auto nearest_of = [&](const Matrix<float>& queries, const Matrix<float>& database) {
    Matrix<std::int32_t> found(queries.rows(), 1);
    nearest(context, queries, database, {.metric = Metric::cosine}, found, {});
    return found;
  };
  std::int64_t kept = 0;
  const Matrix<std::int32_t> pairs[4] = {
      nearest_of(rows.images, rows.texts), nearest_of(images, texts),
      nearest_of(rows.texts, rows.images), nearest_of(texts, images)};
  for (std::int64_t i = 0; i < rows.images.rows(); ++i) {
    kept += pairs[0](i, 0) == pairs[1](i, 0);
    kept += pairs[2](i, 0) == pairs[3](i, 0);
  }
  return kept;
}

TEST(NeuralMds, IsotonicKeepsNearestNeighbours) {
  Context context = cpu();
  const MdsRows rows = make_pairs(120, 24, 0.25, 0.6);
  const Pca pca = Pca::fit(context, rows.images, rows.texts);
  NeuralMdsOptions options = small(MdsObjective::isotonic);
  options.dim = 8;
  options.hidden = 128;
  options.epochs = 100;
  options.quads_per_epoch = 40000;
  options.near = 2;
  options.rate = 4e-3;
  const NeuralMds model = NeuralMds::fit(context, rows.images, rows.texts, options);
  const auto kept = [&](const auto& map) {
    return nearest_kept(context, rows, map.images, map.texts);
  };
  const MdsRows mapped{model.transform(context, rows.images, Modality::image),
                       model.transform(context, rows.texts, Modality::text)};
  const MdsRows by_pca{pca.transform(context, rows.images, Modality::image, 8),
                       pca.transform(context, rows.texts, Modality::text, 8)};
  EXPECT_GT(kept(mapped), kept(by_pca) + 100);
}

// None drawn: the loss of a step depends on nothing but the codes, and the other blocks' draws.
TEST(NeuralMds, TakesEveryQuadruple) {
  const MdsRows rows = make_pairs(60, 16);
  NeuralMdsOptions options = small(MdsObjective::isotonic);
  options.blocks = {0, 0, 1};
  options.every_quadruple = true;
  options.dim = 8;
  options.epochs = 20;
  for (const QuadDraw draw : {QuadDraw::query, QuadDraw::all}) {
    for (const std::int64_t near : {0, 3, 1000}) {
      if (draw == QuadDraw::all && near > 0) continue;
      options.draw = draw;
      options.near = near;
      Context context = cpu(), other = cpu(1);
      const NeuralMds model = NeuralMds::fit(context, rows.images, rows.texts, options);
      EXPECT_LT(model.losses().back(), 0.9 * model.losses().front());
      NeuralMdsOptions other_draws = options;
      other_draws.quads_per_epoch = 77;
      const NeuralMds twin = NeuralMds::fit(other, rows.images, rows.texts, other_draws);
      EXPECT_TRUE(same_bytes(model.transform(context, rows.images, Modality::image),
                             twin.transform(other, rows.images, Modality::image)));
    }
  }
}

// Draws estimate it: as many as make their noise small train the same map.
TEST(NeuralMds, EveryQuadrupleIsWhatDrawsEstimate) {
  Context context = cpu();
  const MdsRows rows = make_pairs(40, 16);
  NeuralMdsOptions options = small(MdsObjective::isotonic);
  options.blocks = {0, 0, 1};
  options.draw = QuadDraw::all;
  options.epochs = 10;
  const auto last_loss = [&] {
    return NeuralMds::fit(context, rows.images, rows.texts, options).losses().back();
  };
  options.quads_per_epoch = 4'000'000;
  const double drawn = last_loss();
  options.every_quadruple = true;
  EXPECT_NEAR(last_loss(), drawn, 0.02 * drawn);
}

TEST(NeuralMds, IsotonicBeatsPcaInOrder) {
  Context context = cpu();
  const MdsRows rows = make_pairs(120, 24);
  const Pca pca = Pca::fit(context, rows.images);
  NeuralMdsOptions options = small(MdsObjective::isotonic);
  options.blocks = {1, 0, 0};
  options.hidden = 128;
  options.quads_per_epoch = 400000;
  options.epochs = 100;
  options.rate = 4e-3;
  const NeuralMds model = NeuralMds::fit(context, rows.images, rows.texts, options);
  EXPECT_LT(kendall_distance(context, {.x = rows.images},
                             {.x = model.transform(context, rows.images, Modality::image)}),
            0.9 * kendall_distance(context, {.x = rows.images},
                                   {.x = pca.transform(context, rows.images, Modality::image, 4)}));
}

TEST(NeuralMds, WithoutEpochsItIsItsStart) {
  Context context = cpu();
  const MdsRows rows = make_pairs(40, 12);
  NeuralMdsOptions options = small(MdsObjective::isotonic);
  options.epochs = 0;
  const NeuralMds model = NeuralMds::fit(context, rows.images, rows.texts, options);
  const Pca pca = Pca::fit(context, rows.images, rows.texts);
  const Matrix<float> expected = pca.transform(context, rows.texts, Modality::text, 4);
  const Matrix<float> codes = model.transform(context, rows.texts, Modality::text);
  for (std::int64_t i = 0; i < 40; ++i) {
    for (std::int64_t j = 0; j < 4; ++j) EXPECT_NEAR(codes(i, j), expected(i, j), 1e-5);
  }
}

TEST(NeuralMds, TheSameBytesForAnyNumberOfThreads) {
  const MdsRows rows = make_pairs(150, 24);
  for (const MdsObjective objective : {MdsObjective::isometric, MdsObjective::isotonic}) {
    for (const bool two : {false, true}) {
      NeuralMdsOptions options = small(objective);
      options.epochs = 4;
      options.network_per_modality = two;
      Matrix<float> codes[2];
      for (int threads = 1; threads <= 2; ++threads) {
        Context context = cpu(threads);
        codes[threads - 1] = NeuralMds::fit(context, rows.images, rows.texts, options)
                                 .transform(context, rows.images, Modality::image);
      }
      EXPECT_TRUE(same_bytes(codes[0], codes[1])) << to_string(objective);
    }
  }
}

TEST(NeuralMds, TwoNetworksMapEachModalityByItsOwn) {
  Context context = cpu();
  const MdsRows rows = make_pairs(60, 12);
  NeuralMdsOptions options = small(MdsObjective::isotonic);
  options.epochs = 5;
  options.network_per_modality = true;
  const NeuralMds model = NeuralMds::fit(context, rows.images, rows.texts, options);
  Matrix<float> mean_free(1, 12);
  // One row, moved by the difference of the means, would map alike under one network.
  EXPECT_FALSE(same_bytes(model.transform(context, rows.images, Modality::image),
                          model.transform(context, rows.images, Modality::text)));
  EXPECT_LT(model.losses().back(), model.losses().front());
}

class NeuralMdsFiles : public FileTest {};

TEST_F(NeuralMdsFiles, SavedAndLoadedItMapsToTheSameBytes) {
  Context context = cpu();
  const MdsRows rows = make_pairs(50, 12);
  NeuralMdsOptions options = small(MdsObjective::isotonic);
  options.epochs = 3;
  options.network_per_modality = true;
  const NeuralMds model = NeuralMds::fit(context, rows.images, rows.texts, options);
  model.save(context, path("model"));
  const NeuralMds loaded = NeuralMds::load(context, path("model"));
  EXPECT_EQ(loaded.dim(), 4);
  EXPECT_EQ(loaded.input_dim(), 12);
  EXPECT_EQ(loaded.losses(), model.losses());
  for (const Modality modality : {Modality::image, Modality::text}) {
    EXPECT_TRUE(same_bytes(loaded.transform(context, rows.texts, modality),
                           model.transform(context, rows.texts, modality)));
  }
}

TEST_F(NeuralMdsFiles, StoppedAndResumedItGivesTheSameBytes) {
  const MdsRows rows = make_pairs(60, 12);
  for (const double inner_share : {0.0, 0.2}) {
    NeuralMdsOptions options = small(MdsObjective::isotonic);
    options.epochs = 20;
    options.inner_share = inner_share;
    options.patience = 30;
    Context context = cpu();
    const Matrix<float> whole = NeuralMds::fit(context, rows.images, rows.texts, options)
                                    .transform(context, rows.images, Modality::image);
    options.checkpoint = path("checkpoint" + std::to_string(inner_share));
    options.progress = [](const Progress& progress) {
      if (progress.epoch == 7) throw std::runtime_error("stopped");
    };
    EXPECT_THROW(NeuralMds::fit(context, rows.images, rows.texts, options), std::runtime_error);
    options.progress = nullptr;
    Context again = cpu();
    const Matrix<float> resumed = NeuralMds::fit(again, rows.images, rows.texts, options)
                                      .transform(again, rows.images, Modality::image);
    EXPECT_TRUE(same_bytes(whole, resumed)) << inner_share;
  }
}

TEST_F(NeuralMdsFiles, ACheckpointOfAnotherModelIsRefused) {
  Context context = cpu();
  const MdsRows rows = make_pairs(30, 12);
  NeuralMdsOptions options = small(MdsObjective::isotonic);
  options.epochs = 2;
  options.checkpoint = path("checkpoint");
  NeuralMds::fit(context, rows.images, rows.texts, options);
  options.dim = 5;
  const std::string error =
      error_of([&] { NeuralMds::fit(context, rows.images, rows.texts, options); });
  EXPECT_HAS(error, "12-32-5");
  EXPECT_HAS(error, "12-32-4");
  options.dim = 4;
  options.every_quadruple = true;
  EXPECT_HAS(error_of([&] { NeuralMds::fit(context, rows.images, rows.texts, options); }),
             "every quadruple");
}

TEST(NeuralMds, TheInnerSplitStopsBeforeTrainingHurts) {
  Context context = cpu();
  const MdsRows rows = make_pairs(60, 24);
  NeuralMdsOptions options = small(MdsObjective::isotonic);
  options.start = MdsStart::retrieval_axes;
  options.inner_share = 0.25;
  options.patience = 3;
  const NeuralMds model = NeuralMds::fit(context, rows.images, rows.texts, options);
  EXPECT_LT(model.epochs(), options.epochs);
  EXPECT_EQ(model.losses().size(), static_cast<std::size_t>(model.epochs()));
}

TEST(NeuralMds, BadInputIsNamed) {
  Context context = cpu();
  const MdsRows rows = make_pairs(10, 12);
  const auto message = [&](auto&& change) -> std::string {
    NeuralMdsOptions options = small(MdsObjective::isotonic);
    MdsRows changed{Matrix<float>::copy_of(context, rows.images),
                    Matrix<float>::copy_of(context, rows.texts)};
    change(options, changed);
    return error_of([&] { NeuralMds::fit(context, changed.images, changed.texts, options); });
  };
  EXPECT_EQ(message([](auto& options, auto&) { options.dim = 13; }),
            "neural_mds: expected a dimension from 1 to 12, got 13");
  EXPECT_EQ(message([](auto& options, auto&) { options.dim = 0; }),
            "neural_mds: expected a dimension from 1 to 12, got 0");
  EXPECT_EQ(message([](auto& options, auto&) { options.quads_per_epoch = 0; }),
            "neural_mds: expected at least 1 quadruple an epoch, got 0");
  EXPECT_EQ(message([](auto& options, auto&) { options.near = 0; }),
            "neural_mds: expected at least 1 near row, got 0");
  EXPECT_EQ(message([](auto& options, auto&) {
              options.every_quadruple = true;
              options.near = -1;
            }),
            "neural_mds: expected at least 0 near rows, got -1");
  EXPECT_NE(message([](auto&, auto& rows) { rows.texts(3, 2) = NAN; }).find("row 3"),
            std::string::npos);
  EXPECT_NE(message([&](auto&, auto& rows) { rows.texts = Matrix<float>(9, 12); }).find("[10, 12]"),
            std::string::npos);
  EXPECT_NE(message([&](auto&, auto& changed) {
              changed.images = Matrix<float>(1, 12);
              changed.texts = Matrix<float>(1, 12);
            }),
            "no error");
}

// What the study is about: 32 dimensions keep in sample what 512 have, 276 and 253 pairs.
TEST(NeuralMdsCoco, IsotonicKeepsTopOneAt32Dimensions) {
  CLIPK_COCO500_OR_SKIP(data, false);
  Context context = cpu(2, 0);
  NeuralMdsOptions options;
  options.dim = 32;
  options.quads_per_epoch = 800'000;
  const NeuralMds model = NeuralMds::fit(context, data.images, data.texts, options);
  const Matrix<float> images = model.transform(context, data.images, Modality::image);
  const Retrieval found =
      retrieval(context, images, model.transform(context, data.texts, Modality::text));
  EXPECT_GE(found.image_to_text.matched, 274);
  EXPECT_GE(found.text_to_image.matched, 251);
  // PCA's is .176258.
  EXPECT_LT(kendall_distance(context, {.x = data.images}, {.x = images}), 0.07);
}

TEST(NeuralMdsCoco, IsometricBeatsPcaInStressAt32Dimensions) {
  CLIPK_COCO500_OR_SKIP(data, false);
  Context context = cpu(2, 0);
  NeuralMdsOptions options;
  options.objective = MdsObjective::isometric;
  options.blocks = {1, 1, 0};
  options.dim = 32;
  options.rate = 1e-3;
  const NeuralMds model = NeuralMds::fit(context, data.images, data.texts, options);
  const Matrix<float> images = model.transform(context, data.images, Modality::image);
  EXPECT_LT(stress1(context, {.x = data.images}, {.x = images}), 0.055);  // PCA's is .079202
}

class NeuralMdsOnDevice : public DeviceTest {};

// Every operation of a step, on the device: the loss falls and the codes are those of the CPU to
// rounding.
TEST_P(NeuralMdsOnDevice, TrainsAsOnTheCpu) {
  const MdsRows rows = make_pairs(20, 12);
  for (const int variant : {0, 1, 2}) {
    const MdsObjective objective = variant == 0 ? MdsObjective::isometric : MdsObjective::isotonic;
    NeuralMdsOptions options = small(objective);
    options.every_quadruple = variant == 2;
    options.hidden = 16;
    options.epochs = 2;
    options.quads_per_epoch = 600;
    options.rate = 1e-3;
    const NeuralMds model = NeuralMds::fit(context(), rows.images, rows.texts, options);
    Context host = cpu();
    const NeuralMds twin = NeuralMds::fit(host, rows.images, rows.texts, options);
    const Matrix<float> codes =
        model.transform(context(), rows.images, Modality::image).to_host(context());
    const Matrix<float> expected = twin.transform(host, rows.images, Modality::image);
    double worst = 0;
    for (std::int64_t i = 0; i < codes.rows(); ++i) {
      for (std::int64_t j = 0; j < codes.cols(); ++j) {
        worst = worse(worst, std::fabs(codes(i, j) - expected(i, j)));
      }
    }
    EXPECT_LT(worst, 1e-4) << to_string(objective);
  }
}

// The study hands the rows of the host to a context on any device.
TEST_P(NeuralMdsOnDevice, PcaTakesRowsOfTheHost) {
  const MdsRows rows = make_pairs(20, 12);
  const Pca pca = Pca::fit(context(), rows.images, rows.texts);
  const Matrix<float> codes = pca.transform(context(), rows.images, Modality::image, 4);
  EXPECT_EQ(codes.device(), context().device());
  Context host = cpu();
  EXPECT_TRUE(
      same_bytes(codes.to_host(context()), pca.transform(host, rows.images, Modality::image, 4)));
}

CLIPK_INSTANTIATE_DEVICE_TEST(NeuralMdsOnDevice);

}  // namespace
}  // namespace clipk::test
