#include "clipk/models/autoencoder.hpp"

#include <cmath>

#include "models/autoencoder/autoencoder_data.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

TEST(Autoencoder, FindsASurfaceOfTwoDimensions) {
  Context context = cpu();
  const Surface data = surface(500, 20);
  const Autoencoder model = Autoencoder::fit(context, data.rows, small_autoencoder());
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
  AutoencoderOptions options = small_autoencoder();
  options.hidden = {64, 300};
  options.epochs = 3;
  Context one = cpu(1), two = cpu(2);
  const Autoencoder a = Autoencoder::fit(one, data.rows, options);
  const Autoencoder b = Autoencoder::fit(two, data.rows, options);
  EXPECT_TRUE(same_bytes(a.encode(one, data.rows), b.encode(two, data.rows)));
  EXPECT_EQ(a.reconstruction_error(one, data.rows), b.reconstruction_error(two, data.rows));
}

TEST(Autoencoder, GreedyStartLowersTheFirstLoss) {
  Context context = cpu();
  const Surface data = surface(400, 20);
  AutoencoderOptions options = small_autoencoder();
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

TEST(Autoencoder, ATrainingThatDivergesBeginsAgainAtALowerRate) {
  Context context = cpu();
  for (const std::int64_t dim : {2, 3, 8, 100}) {
    const Surface data = surface(300, dim);
    const Autoencoder model = Autoencoder::fit(context, data.rows, too_fast());
    EXPECT_LT(model.reconstruction_error(context, data.rows), 0.5 * data.variance) << dim;
    EXPECT_EQ(model.losses().size(), 100U);
  }
}

// Lower rates would be slower yet.
TEST(Autoencoder, ATrainingThatIsOnlySlowIsNoFailure) {
  Context context = cpu();
  const Surface data = surface(300, 20);
  AutoencoderOptions options = small_autoencoder();
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
  AutoencoderOptions options = small_autoencoder();
  options.hidden = {};
  options.code = 6;
  options.epochs = 200;
  const Autoencoder linear = Autoencoder::fit(context, data.rows, options);
  EXPECT_LT(linear.reconstruction_error(context, data.rows), 1e-2 * data.variance);
}

TEST(Autoencoder, ProgressCountsAllStages) {
  Context context = cpu();
  const Surface data = surface(120, 12);
  AutoencoderOptions options = small_autoencoder();
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
    AutoencoderOptions options = small_autoencoder();
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
            "autoencoder: expected layer_epochs of at least 0, got -1");
  const std::string diverged = message([](auto& o) {
    o.optimizer = Optimizer::sgd;
    o.rate = 1e12;
  });
  EXPECT_EQ(diverged.find("trainer: expected a finite loss, got "), 0U) << diverged;
  EXPECT_NE(diverged.find(": did not converge at any rate from 1e+12 down to "), std::string::npos);

  AutoencoderOptions options = small_autoencoder();
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
  AutoencoderOptions options = small_autoencoder();
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
