#include "clipk/models/autoencoder.hpp"

#include <cmath>

#include "clipk/models/pca.hpp"
#include "io/files.hpp"
#include "models/autoencoder/autoencoder_problem.hpp"
#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/same_bytes.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 2, std::uint64_t seed = 1) {
  return Context::cpu({.seed = seed, .threads = threads});
}

// Rows on a curved surface of two dimensions within `dim`, and the mean square of their values
// about their means.
struct Surface {
  Matrix<float> rows;
  double variance = 0;
};
Surface surface(std::int64_t n, std::int64_t dim) {
  Surface result{Matrix<float>(n, dim)};
  Random random(3, RandomStream::data);
  const std::vector<double> directions = normals<double>(4 * dim, 11);
  for (std::int64_t i = 0; i < n; ++i) {
    const double u = 2 * random.uniform() - 1, v = 2 * random.uniform() - 1;
    const double shape[] = {u, v, u * v, std::sin(3 * u)};
    for (std::int64_t j = 0; j < dim; ++j) {
      double value = 0.5;
      for (int s = 0; s < 4; ++s) value += shape[s] * directions[s * dim + j];
      result.rows(i, j) = static_cast<float>(value);
    }
  }
  for (std::int64_t j = 0; j < dim; ++j) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += result.rows(i, j);
    for (std::int64_t i = 0; i < n; ++i) {
      squares += std::pow(result.rows(i, j) - sum / static_cast<double>(n), 2);
    }
    result.variance += squares / static_cast<double>(n * dim);
  }
  return result;
}

AutoencoderOptions small() {
  AutoencoderOptions options;
  options.hidden = {32, 24};
  options.code = 2;
  options.epochs = 40;
  options.batch = 50;
  options.scaling = RowScaling::none;
  options.optimizer = Optimizer::adam;
  options.rate = 3e-3;
  options.schedule = {};
  return options;
}

// The same weights, from the same training.
void expect_same(Context& context, const Matrix<float>& rows, const Autoencoder& a,
                 const Autoencoder& b) {
  EXPECT_EQ(a.losses(), b.losses());
  EXPECT_EQ(a.layer_losses(), b.layer_losses());
  const Matrix<float> codes = a.encode(context, rows);
  EXPECT_TRUE(same_bytes(codes, b.encode(context, rows)));
  EXPECT_TRUE(same_bytes(a.decode(context, codes), b.decode(context, codes)));
}

TEST(Autoencoder, FindsASurfaceOfTwoDimensions) {
  Context context = cpu();
  const Surface data = surface(500, 20);
  const Autoencoder model = Autoencoder::fit(context, data.rows, small());
  EXPECT_EQ(model.input_dim(), 20);
  EXPECT_EQ(model.code_dim(), 2);
  EXPECT_EQ(model.losses().size(), 40U);
  EXPECT_LT(model.losses().back(), 0.1 * model.losses().front());
  EXPECT_LT(model.reconstruction_error(context, data.rows), 0.05 * data.variance);
  // The error is that of decode(encode(x)).
  const Matrix<float> back = model.decode(context, model.encode(context, data.rows));
  double sum = 0;
  for (std::int64_t i = 0; i < 500; ++i) {
    for (std::int64_t j = 0; j < 20; ++j) sum += std::pow(back(i, j) - data.rows(i, j), 2);
  }
  EXPECT_NEAR(model.reconstruction_error(context, data.rows), sum / 10000, 1e-6 * sum / 10000);
}

TEST(Autoencoder, SameBytesForAnyNumberOfThreads) {
  const Surface data = surface(300, 20);
  AutoencoderOptions options = small();
  options.hidden = {64, 300};
  options.epochs = 3;
  Context one = cpu(1), two = cpu(2);
  const Autoencoder a = Autoencoder::fit(one, data.rows, options);
  const Autoencoder b = Autoencoder::fit(two, data.rows, options);
  EXPECT_TRUE(same_bytes(a.encode(one, data.rows), b.encode(two, data.rows)));
  EXPECT_EQ(a.reconstruction_error(one, data.rows), b.reconstruction_error(two, data.rows));
}

// d/dp of the reconstruction's loss by central differences of every parameter, in double.
TEST(Autoencoder, GradientOfTheWholeChainFollowsCentralDifferences) {
  Context context = cpu();
  for (const Activation activation : {Activation::relu, Activation::tanh}) {
    const std::int64_t n = 5;
    BasicAutoencoderNetwork<double> network(
        context, {.widths = {7, 6, 5, 3}, .activation = activation, .init = Init::glorot_uniform},
        4);
    const VectorView<double> values = network.parameters().values;
    for (BasicMlp<double>* mlp : {&network.encoder(), &network.decoder()}) {
      for (int l = 0; l < mlp->layers(); ++l) {
        const std::vector<double> bias = normals<double>(mlp->bias(l).size, 5, 0.3);
        std::copy(bias.begin(), bias.end(), mlp->bias(l).begin());
      }
    }
    const std::vector<double> numbers = normals<double>(2 * n * 7, 6);
    const MatrixView<const double> x(numbers.data(), n, 7), target(numbers.data() + n * 7, n, 7);
    BasicAutoencoderNetwork<double>::Workspace workspace(context, network, n + 2);
    const auto loss = [&] {
      double sum = 0;
      network.encode(context, x, workspace);
      network.reconstruct(context, target, 1.5, workspace, VectorView<double>(&sum, 1));
      return sum;
    };
    loss();
    network.encode_backward(context, x, workspace);
    const VectorView<double> all = network.parameters().gradients;
    const std::vector<double> gradients(all.begin(), all.end());
    const std::int64_t moved = expect_central_differences(loss, values, gradients, 1e-6, 1e-8);
    EXPECT_GT(moved, values.size / 4);  // the rest is padding, and units that relu shuts
  }
}

// The same of one layer's own problem, through its dropout: in float32, hence with long steps.
TEST(Autoencoder, GradientOfALayerFollowsCentralDifferences) {
  Context context = cpu();
  const Surface data = surface(8, 9);
  const AutoencoderNetwork network(context,
                                   {.widths = {9, 7, 6, 2}, .activation = Activation::tanh});
  AutoencoderOptions options;
  options.layer_dropout = 0.4F;
  const AutoencoderRows rows(context, data.rows);
  std::vector<std::int32_t> chosen = {5, 0, 3, 6, 1};
  const std::uint64_t step = 3;
  const Batch batch{VectorView<const std::int32_t>(chosen.data(), 5),
                    VectorView<const std::uint64_t>(&step, 1)};
  for (int layer = 0; layer < 3; ++layer) {
    LayerProblem problem(context, rows, options, network, layer);
    const VectorView<float> values = problem.parameters();
    const auto loss = [&] {
      double sum = 0;
      problem.step(context, batch, VectorView<double>(&sum, 1));
      return sum;
    };
    loss();
    const std::vector<float> gradients(problem.gradients().begin(), problem.gradients().end());
    double largest = 0;
    for (std::int64_t i = 0; i < values.size; ++i) {
      const double slope = central_difference(loss, values[i], 1e-2F);
      EXPECT_NEAR(gradients[static_cast<std::size_t>(i)], slope, 5e-4) << layer << ' ' << i;
      largest = worse(largest, std::fabs(slope));
    }
    EXPECT_GT(largest, 0.02);
  }
}

TEST(Autoencoder, ACopyOfTheNetworkHasRoomForCentres) {
  Context context = cpu();
  AutoencoderNetwork network(context, {.widths = {9, 6, 2}});
  AutoencoderNetwork copy = network.copy(context, 20);
  EXPECT_EQ(copy.between().values.size, 20);
  for (const float value : copy.between().values) EXPECT_EQ(value, 0);
  // Encoder, between, decoder.
  const float* const base = copy.parameters().values.data;
  EXPECT_EQ(copy.encoder().parameters().data, base);
  EXPECT_EQ(copy.between().values.data, base + copy.encoder().parameters().size);
  EXPECT_EQ(copy.parameters_without_decoder().values.data, base);
  EXPECT_EQ(copy.parameters_without_decoder().values.size, copy.encoder().parameters().size + 20);
  EXPECT_EQ(copy.decoder().parameters().data, base + copy.encoder().parameters().size + 32);
  EXPECT_EQ(copy.parameters().values.size,
            copy.encoder().parameters().size + 32 + copy.decoder().parameters().size);
  for (const auto& [a, b] : {std::pair{&network.encoder(), &copy.encoder()},
                             std::pair{&network.decoder(), &copy.decoder()}}) {
    EXPECT_EQ(std::vector<float>(a->parameters().begin(), a->parameters().end()),
              std::vector<float>(b->parameters().begin(), b->parameters().end()));
  }
  copy.encoder().weight(0)(0, 0) += 1;
  EXPECT_NE(copy.encoder().weight(0)(0, 0), network.encoder().weight(0)(0, 0));
}

TEST(Autoencoder, GreedyStartLowersTheFirstLoss) {
  Context context = cpu();
  const Surface data = surface(400, 20);
  AutoencoderOptions options = small();
  options.layer_dropout = 0.1F;
  options.epochs = 1;
  const Autoencoder plain = Autoencoder::fit(context, data.rows, options);
  EXPECT_TRUE(plain.layer_losses().empty());
  options.layer_epochs = 20;
  const Autoencoder greedy = Autoencoder::fit(context, data.rows, options);
  ASSERT_EQ(greedy.layer_losses().size(), 3U);
  for (const auto& losses : greedy.layer_losses()) {
    ASSERT_EQ(losses.size(), 20U);
    EXPECT_LT(losses.back(), losses.front());
  }
  EXPECT_LT(greedy.losses().front(), 0.5 * plain.losses().front());
}

TEST(Autoencoder, CorruptionHidesTheInputAlone) {
  Context context = cpu();
  const Surface data = surface(400, 20);
  AutoencoderOptions options = small();
  const double clean =
      Autoencoder::fit(context, data.rows, options).reconstruction_error(context, data.rows);
  options.dropout = 0.2F;
  const Autoencoder dropped = Autoencoder::fit(context, data.rows, options);
  // Harder to learn, yet clean rows come back far better than the mean would serve.
  EXPECT_GT(dropped.reconstruction_error(context, data.rows), clean);
  EXPECT_LT(dropped.reconstruction_error(context, data.rows), 0.5 * data.variance);
  EXPECT_LT(dropped.reconstruction_error(context, data.rows), dropped.losses().back());
  options.dropout = 0;
  options.noise = 0.3F;
  const Autoencoder noisy = Autoencoder::fit(context, data.rows, options);
  EXPECT_GT(noisy.reconstruction_error(context, data.rows), clean);
  EXPECT_LT(noisy.reconstruction_error(context, data.rows), 0.5 * data.variance);
}

TEST(Autoencoder, EqualLengthForgetsBrightnessAndUnit) {
  Context context = cpu();
  const Surface data = surface(100, 20);
  Matrix<float> brighter(100, 20);
  for (std::int64_t i = 0; i < 100; ++i) {
    for (std::int64_t j = 0; j < 20; ++j) {
      brighter(i, j) = data.rows(i, j) * (i % 2 == 0 ? 1024.0F : 0.125F);
    }
  }
  AutoencoderOptions options = small();
  options.scaling = RowScaling::equal_length;
  options.epochs = 2;
  const Autoencoder model = Autoencoder::fit(context, data.rows, options);
  const Autoencoder same = Autoencoder::fit(context, brighter, options);
  EXPECT_EQ(model.scaling(), RowScaling::equal_length);
  EXPECT_TRUE(same_bytes(model.encode(context, data.rows), same.encode(context, brighter)));
  const Matrix<float> scaled = model.scaled(context, brighter);
  for (std::int64_t i = 0; i < 100; ++i) {
    double squares = 0;
    for (std::int64_t j = 0; j < 20; ++j) squares += std::pow(scaled(i, j), 2);
    EXPECT_NEAR(squares / 20, 0.2, 1e-6);
    EXPECT_NEAR(scaled(i, 3) * brighter(i, 5), scaled(i, 5) * brighter(i, 3),
                1e-5 * std::fabs(brighter(i, 5)));
  }
  const Matrix<float> zeros = model.scaled(context, Matrix<float>(3, 20));
  for (const float value : zeros.flat()) EXPECT_EQ(value, 0);
}

TEST(Autoencoder, StandardizedRowsForgetTheirLevelToo) {
  Context context = cpu();
  const Surface data = surface(60, 20);
  Matrix<float> other(60, 20);
  for (std::int64_t i = 0; i < 60; ++i) {
    for (std::int64_t j = 0; j < 20; ++j) {
      other(i, j) = 3 * data.rows(i, j) + static_cast<float>(i % 5);
    }
  }
  AutoencoderOptions options = small();
  options.scaling = RowScaling::standardized;
  options.epochs = 1;
  const Autoencoder model = Autoencoder::fit(context, data.rows, options);
  const Matrix<float> a = model.scaled(context, data.rows), b = model.scaled(context, other);
  for (std::int64_t i = 0; i < 60; ++i) {
    double sum = 0, squares = 0;
    for (std::int64_t j = 0; j < 20; ++j) {
      sum += a(i, j);
      squares += std::pow(a(i, j), 2);
      EXPECT_NEAR(a(i, j), b(i, j), 1e-5);
    }
    EXPECT_NEAR(sum / 20, 0, 1e-6);
    EXPECT_NEAR(squares / 20, 0.2, 1e-6);
  }
}

// The variance w of an axis becomes w^(1 - whitening); rows come back as before.
TEST(Autoencoder, WhiteningChangesCodesButNotReconstructions) {
  Context context = cpu();
  const Surface data = surface(300, 20);
  AutoencoderOptions options = small();
  options.code = 4;
  options.code_whitening = 0;
  const Autoencoder plain = Autoencoder::fit(context, data.rows, options);
  const Matrix<float> codes = plain.encode(context, data.rows);
  const std::vector<double> before = Pca::fit(context, codes).explained_variance();
  const Matrix<float> wanted = plain.decode(context, codes);
  for (const float share : {0.5F, 1.0F}) {
    options.code_whitening = share;
    const Autoencoder model = Autoencoder::fit(context, data.rows, options);
    const Matrix<float> changed = model.encode(context, data.rows);
    // Along the axes themselves, with mean 0.
    for (std::int64_t j = 0; j < 4; ++j) {
      for (std::int64_t l = 0; l < 4; ++l) {
        double product = 0, sum = 0;
        for (std::int64_t i = 0; i < 300; ++i) {
          product += static_cast<double>(changed(i, j)) * changed(i, l);
          sum += changed(i, j);
        }
        const double w = std::pow(before[static_cast<std::size_t>(j)], 1 - share);
        EXPECT_NEAR(product / 299, j == l ? w : 0, 1e-3 * before[0]) << share << ' ' << j << l;
        EXPECT_NEAR(sum / 300, 0, 1e-3);
      }
    }
    const Matrix<float> back = model.decode(context, changed);
    EXPECT_LE(max_error(std::vector<float>(back.flat().begin(), back.flat().end()),
                        std::vector<float>(wanted.flat().begin(), wanted.flat().end())),
              1e-3);
  }
}

TEST(Autoencoder, ConstantAndEqualRowsAreFine) {
  Context context = cpu();
  AutoencoderOptions options = small();
  options.epochs = 3;
  for (const RowScaling scaling :
       {RowScaling::none, RowScaling::equal_length, RowScaling::standardized}) {
    for (const float value : {0.0F, 0.7F}) {
      options.scaling = scaling;
      Matrix<float> rows(40, 8);
      for (float& v : rows.flat()) v = value;
      const Autoencoder model = Autoencoder::fit(context, rows, options);
      const Matrix<float> codes = model.encode(context, rows);
      for (const float code : codes.flat()) EXPECT_TRUE(std::isfinite(code));
    }
  }
  EXPECT_EQ(Autoencoder::fit(context, Matrix<float>(2, 2), options).losses().size(), 3U);
}

AutoencoderOptions too_fast() {
  AutoencoderOptions options = small();
  options.optimizer = Optimizer::sgd;
  options.rate = 1000;
  options.schedule = {.kind = Schedule::linear};
  options.epochs = 100;
  return options;
}

TEST(Autoencoder, ATrainingThatDivergesBeginsAgainAtALowerRate) {
  Context context = cpu();
  for (const std::int64_t dim : {2, 3, 8, 100}) {
    const Surface data = surface(300, dim);
    const Autoencoder model = Autoencoder::fit(context, data.rows, too_fast());
    EXPECT_LT(model.reconstruction_error(context, data.rows), 0.5 * data.variance) << dim;
    EXPECT_EQ(model.losses().size(), 100U);
  }
}

// Rows as they are: networks of rows in another unit, or far from 0, do the same.
TEST(Autoencoder, TheUnitAndTheOriginOfRowsDoNotMatter) {
  Context context = cpu();
  const std::int64_t n = 300, dim = 20;
  const Surface data = surface(n, dim);
  const double plain =
      Autoencoder::fit(context, data.rows, small()).reconstruction_error(context, data.rows);
  struct Place {
    double unit, origin;
  };
  for (const Place place : {Place{1e-6, 0}, {1e-3, 1e-2}, {1, 100}, {1e3, 0}, {1e6, 1e7}}) {
    Matrix<float> rows(n, dim);
    for (std::int64_t i = 0; i < n * dim; ++i) {
      rows.data()[i] = static_cast<float>(place.unit * data.rows.data()[i] + place.origin);
    }
    const Autoencoder model = Autoencoder::fit(context, rows, small());
    const double square = place.unit * place.unit;
    EXPECT_LT(model.reconstruction_error(context, rows),
              square * (2 * plain + 1e-3 * data.variance))
        << place.unit << ' ' << place.origin;
    EXPECT_NEAR(model.losses().back() / square, plain, 2 * plain);
    const Matrix<float> codes = model.encode(context, rows);
    for (const float code : codes.flat()) EXPECT_LT(std::fabs(code), 100);
  }
}

TEST(Autoencoder, ANetworkThatGivesTheMeanBackIsUseless) {
  Context context = cpu();
  const Surface data = surface(300, 6);
  const AutoencoderRows rows(context, data.rows, data.variance);
  AutoencoderNetwork network(context, {.widths = {6, 5, 2}});
  std::vector<std::vector<double>> layers;
  AutoencoderOptions options;
  options.batch = 50;
  AutoencoderProblem problem(context, rows, options, network, layers);
  for (float& value : network.parameters().values) value = 0;
  std::vector<double> high(40, 20 * data.variance), few(20, 20 * data.variance),
      low(40, 0.9 * data.variance);
  const std::string reason = problem.failure(context, high).value_or("");
  EXPECT_EQ(reason.find("expected rows to come back with a mean squared error below that of their "
                        "mean, "),
            0U)
      << reason;
  EXPECT_FALSE(problem.failure(context, low));  // by its loss it is of use
  EXPECT_TRUE(problem.failure(context, few));
  few.front() *= 1.01;
  EXPECT_FALSE(problem.failure(context, few));  // on its way after 120 steps
  EXPECT_FALSE(problem.failure(context, {20 * data.variance}));
  EXPECT_TRUE(problem.failure(context, {200 * data.variance}));
}

// Lower rates would be slower yet.
TEST(Autoencoder, ATrainingThatIsOnlySlowIsNoFailure) {
  Context context = cpu();
  const Surface data = surface(300, 20);
  AutoencoderOptions options = small();
  options.optimizer = Optimizer::sgd;
  for (const double rate : {0.0, 1e-9, 1e-5}) {
    for (const float dropout : {0.0F, 0.5F}) {
      options.rate = rate;
      options.dropout = dropout;
      std::int64_t epochs = 0;
      options.progress = [&](const Progress& p) { epochs += p.epoch_end ? 1 : 0; };
      const Autoencoder model = Autoencoder::fit(context, data.rows, options);
      EXPECT_GE(model.losses().back(), 0.99 * data.variance);
      EXPECT_EQ(epochs, options.epochs) << rate << ' ' << dropout;
    }
  }
}

TEST(Autoencoder, LayersMayBeNone) {
  Context context = cpu();
  const Surface data = surface(200, 6);
  AutoencoderOptions options = small();
  options.hidden = {};
  options.code = 6;
  options.epochs = 200;
  const Autoencoder linear = Autoencoder::fit(context, data.rows, options);
  EXPECT_LT(linear.reconstruction_error(context, data.rows), 1e-2 * data.variance);
}

class AutoencoderFiles : public FileTest {};

TEST_F(AutoencoderFiles, SavesAndLoads) {
  Context context = cpu();
  const Surface data = surface(100, 12);
  AutoencoderOptions options = small();
  options.scaling = RowScaling::equal_length;
  options.layer_epochs = 1;
  options.epochs = 2;
  const Autoencoder model = Autoencoder::fit(context, data.rows, options);
  model.save(context, path("model"));
  const Autoencoder back = Autoencoder::load(context, path("model"));
  EXPECT_EQ(back.scaling(), model.scaling());
  expect_same(context, data.rows, model, back);
}

struct Interrupted : std::exception {};

TEST_F(AutoencoderFiles, ResumesToTheSameBytesAfterRestarts) {
  Context context = cpu();
  const Surface data = surface(120, 3);
  AutoencoderOptions options = too_fast();
  options.layer_epochs = 2;
  options.epochs = 6;
  const Autoencoder whole = Autoencoder::fit(context, data.rows, options);
  options.checkpoint = path("checkpoint");
  for (int stops = 0;; ++stops) {
    ASSERT_LT(stops, 40);
    int epochs = 0;
    options.progress = [&](const Progress& p) {
      if (p.epoch_end && ++epochs > 1) throw Interrupted();
    };
    try {
      const Autoencoder resumed = Autoencoder::fit(context, data.rows, options);
      expect_same(context, data.rows, whole, resumed);
      EXPECT_GT(stops, 2);
      return;
    } catch (const Interrupted&) {
    }
  }
}

// Stops after every so many steps, in whatever stage that falls, until the training comes through.
TEST_F(AutoencoderFiles, ResumesToTheSameBytesFromAnyStage) {
  Context context = cpu();
  const Surface data = surface(120, 12);
  AutoencoderOptions options = small();
  options.dropout = 0.1F;
  options.layer_epochs = 3;
  options.epochs = 4;
  const Autoencoder whole = Autoencoder::fit(context, data.rows, options);
  options.checkpoint = path("checkpoint");
  int stops = 0;
  for (;;) {
    int steps = 0;
    options.progress = [&](const Progress& p) {
      if (!p.epoch_end && ++steps > 5) throw Interrupted();
    };
    try {
      const Autoencoder resumed = Autoencoder::fit(context, data.rows, options);
      expect_same(context, data.rows, whole, resumed);
      break;
    } catch (const Interrupted&) {
      ASSERT_LT(++stops, 30);
    }
  }
  EXPECT_GT(stops, 3);
  EXPECT_EQ(file_count(), 1U);  // those of the layers are gone
  options.progress = {};
  options.noise = 0.5F;
  EXPECT_HAS(error_of([&] { Autoencoder::fit(context, data.rows, options); }),
             "expected a checkpoint of");
}

TEST(Autoencoder, ProgressCountsAllStages) {
  Context context = cpu();
  const Surface data = surface(120, 12);
  AutoencoderOptions options = small();
  options.layer_epochs = 2;
  options.epochs = 3;
  std::int64_t last_step = 0, ends = 0, dones = 0;
  options.progress = [&](const Progress& p) {
    EXPECT_EQ(p.epochs, 3 * 2 + 3);
    EXPECT_EQ(p.steps, p.epochs * 3);
    EXPECT_GE(p.step, last_step);
    last_step = p.step;
    ends += p.epoch_end;
    dones += p.done;
    EXPECT_TRUE(!p.epoch_end || p.epoch == ends);
  };
  Autoencoder::fit(context, data.rows, options);
  EXPECT_EQ(last_step, 27);
  EXPECT_EQ(ends, 9);
  EXPECT_EQ(dones, 1);
}

TEST(Autoencoder, BadInputIsNamed) {
  Context context = cpu();
  const Surface data = surface(40, 8);
  const auto message = [&](auto&& change, const Matrix<float>* rows = nullptr) {
    AutoencoderOptions options = small();
    change(options);
    return error_of(
        [&] { Autoencoder::fit(context, rows == nullptr ? data.rows : *rows, options); });
  };
  const auto nothing = [](AutoencoderOptions&) {};
  const Matrix<float> one(1, 8), none(0, 8);
  EXPECT_EQ(message(nothing, &one), "autoencoder: expected at least 2 rows, got 1");
  EXPECT_EQ(message(nothing, &none), "autoencoder: expected at least 2 rows, got 0");
  for (const float value : {NAN, INFINITY}) {
    Matrix<float> bad(3, 8);
    bad(1, 2) = value;
    EXPECT_EQ(message(nothing, &bad), std::string("autoencoder: expected finite values, got ") +
                                          (std::isnan(value) ? "nan" : "inf") +
                                          " in row 1, column 2");
  }
  EXPECT_EQ(message([](auto& o) {
              o.hidden = {5, 0};
            }),
            "autoencoder: expected layers of at least 1, got 0");
  EXPECT_EQ(message([](auto& o) { o.code = 9; }),
            "autoencoder: expected a code of 1 to 8 (the columns of the rows), got 9");
  EXPECT_EQ(message([](auto& o) { o.code = 0; }),
            "autoencoder: expected a code of 1 to 8 (the columns of the rows), got 0");
  EXPECT_EQ(message([](auto& o) { o.batch = 0; }),
            "autoencoder: expected a batch of at least 1, got 0");
  EXPECT_EQ(message([](auto& o) { o.dropout = 1; }),
            "autoencoder: expected dropout from 0, below 1, got 1.000000");
  EXPECT_EQ(message([](auto& o) { o.layer_dropout = -0.5F; }),
            "autoencoder: expected dropout from 0, below 1, got -0.500000");
  EXPECT_EQ(message([](auto& o) { o.noise = NAN; }),
            "autoencoder: expected finite noise from 0, got nan");
  EXPECT_EQ(message([](auto& o) { o.code_whitening = 2; }),
            "autoencoder: expected code_whitening from 0 to 1, got 2.000000");
  EXPECT_EQ(message([](auto& o) { o.layer_epochs = -1; }),
            "autoencoder: expected at least 0 epochs a layer, got -1");
  const std::string diverged = message([](auto& o) {
    o.optimizer = Optimizer::sgd;
    o.rate = 1e12;
  });
  EXPECT_EQ(diverged.find("trainer: expected a finite loss, got "), 0U) << diverged;
  EXPECT_NE(diverged.find(": did not converge at any rate from 1e+12 down to "), std::string::npos);

  AutoencoderOptions options = small();
  options.epochs = 1;
  const Autoencoder model = Autoencoder::fit(context, data.rows, options);
  const auto width = [&](auto&& call) { return error_of(call); };
  const Matrix<float> wide(2, 9);
  EXPECT_EQ(width([&] { model.encode(context, wide); }),
            "autoencoder: expected rows of width 8, got 9");
  EXPECT_EQ(width([&] { model.decode(context, wide); }),
            "autoencoder: expected codes of width 2, got 9");
  EXPECT_EQ(model.encode(context, none).rows(), 0);
  EXPECT_EQ(model.reconstruction_error(context, none), 0);
}

class AutoencoderDevice : public DeviceTest {};

// A few steps on every device: rows of either place, greedy start and corruption included.
TEST_P(AutoencoderDevice, TrainsAsOnTheCpu) {
  const std::int64_t n = 40;
  const Surface data = surface(n, 12);
  AutoencoderOptions options = small();
  options.hidden = {9};
  options.epochs = 2;
  options.batch = 16;
  options.layer_epochs = 1;
  options.dropout = 0.2F;
  Context reference = Context::cpu({.seed = context().seed()});
  const Autoencoder expected = Autoencoder::fit(reference, data.rows, options);
  const Matrix<float> there = data.rows.to_device(context());
  for (const MatrixView<const float> rows : {data.rows.view(), there.view()}) {
    const Autoencoder model = Autoencoder::fit(context(), rows, options);
    const Matrix<float> codes = model.encode(context(), rows).to_host(context());
    const Matrix<float> wanted = expected.encode(reference, data.rows);
    for (std::int64_t i = 0; i < n * 2; ++i) {
      EXPECT_NEAR(codes.data()[i], wanted.data()[i], 1e-4);
    }
    EXPECT_NEAR(model.reconstruction_error(context(), rows),
                expected.reconstruction_error(reference, data.rows), 1e-5);
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(AutoencoderDevice);

}  // namespace
}  // namespace clipk::test
