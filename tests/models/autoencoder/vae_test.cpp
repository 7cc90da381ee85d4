#include "clipk/models/vae.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "clipk/ops/corrupt.hpp"
#include "io/files.hpp"
#include "models/autoencoder/vae_problem.hpp"
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

// Rows [n, dim]: `deviations` independent normal numbers, each along an axis of its own.
Matrix<float> gaussian_rows(std::int64_t n, std::int64_t dim,
                            const std::vector<double>& deviations) {
  Matrix<float> rows(n, dim);
  Random random(3, RandomStream::data);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < dim; ++j) rows(i, j) = 0.5F;
    for (std::size_t a = 0; a < deviations.size(); ++a) {
      // Walsh functions: orthogonal for a dim that is a power of two.
      const double value = deviations[a] * random.normal() / std::sqrt(static_cast<double>(dim));
      for (std::int64_t j = 0; j < dim; ++j) {
        const int bits = __builtin_popcountll(static_cast<unsigned long long>(j) & (a + 1));
        rows(i, j) += static_cast<float>(bits % 2 == 0 ? value : -value);
      }
    }
  }
  return rows;
}

VaeOptions small() {
  VaeOptions options;
  options.hidden = {32};
  options.code = 4;
  options.epochs = 40;
  options.batch = 50;
  options.rate = 3e-3;
  return options;
}

// Without hidden layers the optimum is probabilistic PCA's (Lucas et al., NeurIPS 2019): an axis of
// variance w above sigma^2 costs 1/2 log(w / sigma^2) nats, the others none.
TEST(Vae, LinearNetworksFindTheEvidenceOfPrincipalAxes) {
  Context context = cpu();
  const std::vector<double> deviations = {1.5, 0.8, 0.4, 0.1};
  const Matrix<float> rows = gaussian_rows(2000, 8, deviations);
  VaeOptions options = small();
  options.hidden = {};
  options.code = 5;
  options.sigma = 0.2F;
  options.epochs = 120;
  options.rate = 1e-2;
  const Vae model = Vae::fit(context, rows, options);
  const VaePosterior posterior = model.posterior(context, rows);
  double wanted = 0;
  for (const double s : {1.5, 0.8, 0.4}) wanted += std::log(s / 0.2);
  std::vector<double> found = model.divergences(context, rows);
  double sum = 0;
  for (const double nats : found) sum += nats;
  EXPECT_NEAR(sum, wanted, 0.03 * wanted);
  // Exactly three columns are in use.
  std::sort(found.begin(), found.end());
  EXPECT_LT(found[1], 0.02);
  EXPECT_GT(found[2], 0.4);
  // The error of a row: the axis below sigma, and the part of the others that the means leave out.
  double left = 0.1 * 0.1;
  for (const double s : {1.5, 0.8, 0.4}) left += std::pow(0.2 * 0.2 / s, 2);
  EXPECT_NEAR(model.reconstruction_error(context, rows), left / 8, 0.3 * left / 8);
  // The loss is that of the evidence: reconstruction from draws and divergence.
  EXPECT_NEAR(model.losses().back(), 3.0 / 2 + 0.1 * 0.1 / (2 * 0.2 * 0.2) + wanted, 0.15);
  EXPECT_EQ(model.losses().size(), 120U);
  EXPECT_EQ(model.sigma(), 0.2F);
}

TEST(Vae, DecodesWhatItEncodes) {
  Context context = cpu();
  const Matrix<float> rows = gaussian_rows(400, 16, {2, 1});
  const Vae model = Vae::fit(context, rows, small());
  EXPECT_EQ(model.input_dim(), 16);
  EXPECT_EQ(model.code_dim(), 4);
  EXPECT_LT(model.losses().back(), 0.2 * model.losses().front());
  const Matrix<float> codes = model.encode(context, rows);
  const Matrix<float> back = model.decode(context, codes);
  double sum = 0, spread = 0;
  for (std::int64_t i = 0; i < 400; ++i) {
    for (std::int64_t j = 0; j < 16; ++j) {
      sum += std::pow(back(i, j) - rows(i, j), 2);
      spread += std::pow(rows(i, j) - 0.5, 2);
    }
  }
  EXPECT_LT(sum, 0.05 * spread);
  EXPECT_NEAR(model.reconstruction_error(context, rows), sum / 6400, 1e-6 * sum / 6400);
  EXPECT_TRUE(same_bytes(model.posterior(context, rows).mean, codes));
}

TEST(Vae, DrawsCodesOfThePosterior) {
  Context context = cpu();
  const Matrix<float> rows = gaussian_rows(500, 16, {2, 1});
  VaeOptions options = small();
  options.epochs = 5;
  const Vae model = Vae::fit(context, rows, options);
  const VaePosterior posterior = model.posterior(context, rows);
  const Matrix<float> draw = model.sample_codes(context, rows, 0);
  EXPECT_TRUE(same_bytes(draw, model.sample_codes(context, rows, 0)));
  EXPECT_FALSE(same_bytes(draw, model.sample_codes(context, rows, 1)));
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < 500; ++i) {
    for (std::int64_t j = 0; j < 4; ++j) {
      const double noise =
          (draw(i, j) - posterior.mean(i, j)) / std::exp(posterior.log_variance(i, j) / 2);
      sum += noise;
      squares += noise * noise;
    }
  }
  EXPECT_NEAR(sum / 2000, 0, 4 / std::sqrt(2000.0));
  EXPECT_NEAR(squares / 2000, 1, 4 * std::sqrt(2.0 / 2000));
}

TEST(Vae, SameBytesForAnyNumberOfThreads) {
  const Matrix<float> rows = gaussian_rows(300, 64, {2, 1, 1});
  VaeOptions options = small();
  options.hidden = {300, 64};
  options.code = 33;
  options.batch = 128;
  options.epochs = 3;
  Context one = cpu(1), two = cpu(2), other = cpu(2, 7);
  const Vae a = Vae::fit(one, rows, options), b = Vae::fit(two, rows, options);
  EXPECT_TRUE(same_bytes(a.encode(one, rows), b.encode(two, rows)));
  EXPECT_TRUE(same_bytes(a.sample_codes(one, rows, 3), b.sample_codes(two, rows, 3)));
  EXPECT_EQ(a.losses(), b.losses());
  EXPECT_FALSE(same_bytes(a.encode(one, rows), Vae::fit(other, rows, options).encode(other, rows)));
}

// The loss as the header says it, and its derivatives by central differences, in double.
TEST(Vae, GradientOfAStepFollowsCentralDifferences) {
  Context context = cpu();
  for (const Activation activation : {Activation::relu, Activation::tanh}) {
    const std::int64_t n = 5;
    const double sigma = 0.7;
    BasicVaeNetwork<double> network(
        context, {.widths = {7, 6, 3}, .activation = activation, .init = Init::glorot_uniform});
    for (BasicMlp<double>* mlp : {&network.encoder(), &network.decoder()}) {
      for (int l = 0; l < mlp->layers(); ++l) {
        const std::vector<double> bias = normals<double>(mlp->bias(l).size, 5, 0.3);
        std::copy(bias.begin(), bias.end(), mlp->bias(l).begin());
      }
    }
    const std::vector<double> numbers = normals<double>(n * 7, 6);
    const MatrixView<const double> x(numbers.data(), n, 7);
    const std::uint64_t number = 4;
    const VectorView<const std::uint64_t> step(&number, 1);
    BasicVaeNetwork<double>::Workspace workspace(context, network, n + 2);
    const auto loss = [&] {
      double sum = 0;
      network.step(context, x, sigma, step, workspace, VectorView<double>(&sum, 1));
      return sum;
    };
    const double value = loss();
    const VectorView<double> all = network.parameters().gradients;
    const std::vector<double> gradients(all.begin(), all.end());

    Matrix<double> heads(n, 6), noise(n, 3), codes(n, 3), output(n, 7);
    network.encoder().transform(context, x, heads);
    corrupt(context, noise, {.kind = Corruption::gaussian, .amount = 1}, step, noise);
    double wanted = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < 3; ++j) {
        const double m = heads(i, j), l = heads(i, 3 + j);
        codes(i, j) = m + std::exp(l / 2) * noise(i, j);
        wanted += (m * m + std::exp(l) - 1 - l) / 2 / n;
      }
    }
    network.decoder().transform(context, codes, output);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < 7; ++j) {
        wanted += std::pow(output(i, j) - x(i, j), 2) / (2 * sigma * sigma) / n;
      }
    }
    EXPECT_NEAR(value, wanted, 1e-12 * wanted);

    const VectorView<double> values = network.parameters().values;
    const std::int64_t moved = expect_central_differences(loss, values, gradients, 1e-6, 1e-7);
    EXPECT_GT(moved, values.size / 4);  // the rest is padding, and units that relu shuts
  }
}

class VaeFiles : public FileTest {};

TEST_F(VaeFiles, SavesAndLoads) {
  Context context = cpu();
  const Matrix<float> rows = gaussian_rows(100, 16, {2, 1});
  VaeOptions options = small();
  options.activation = Activation::tanh;
  options.epochs = 2;
  const Vae model = Vae::fit(context, rows, options);
  model.save(context, path("model"));
  const Vae back = Vae::load(context, path("model"));
  EXPECT_EQ(back.losses(), model.losses());
  EXPECT_EQ(back.sigma(), model.sigma());
  const Matrix<float> codes = model.encode(context, rows);
  EXPECT_TRUE(same_bytes(codes, back.encode(context, rows)));
  EXPECT_TRUE(same_bytes(model.decode(context, codes), back.decode(context, codes)));
  EXPECT_TRUE(
      same_bytes(model.sample_codes(context, rows, 2), back.sample_codes(context, rows, 2)));
  ArchiveWriter other("autoencoder model", 1);
  other.write(path("other"));
  EXPECT_HAS(error_of([&] { Vae::load(context, path("other")); }), "expected a clipk vae model");
}

struct Interrupted : std::exception {};

TEST_F(VaeFiles, ResumesToTheSameBytes) {
  Context context = cpu();
  const Matrix<float> rows = gaussian_rows(120, 16, {2, 1});
  VaeOptions options = small();
  options.epochs = 6;
  const Vae whole = Vae::fit(context, rows, options);
  options.checkpoint = path("checkpoint");
  options.progress = [](const Progress& p) {
    if (p.step == 10) throw Interrupted();
  };
  EXPECT_THROW(Vae::fit(context, rows, options), Interrupted);
  ASSERT_TRUE(std::filesystem::exists(options.checkpoint));
  std::int64_t first = 0;
  options.progress = [&](const Progress& p) {
    if (first == 0) first = p.step;
  };
  const Vae resumed = Vae::fit(context, rows, options);
  EXPECT_EQ(first, 10);  // nine steps had been kept
  EXPECT_TRUE(same_bytes(whole.encode(context, rows), resumed.encode(context, rows)));
  EXPECT_EQ(resumed.losses(), whole.losses());
  options.sigma = 0.3F;
  EXPECT_HAS(error_of([&] { Vae::fit(context, rows, options); }), "expected a checkpoint of");
}

TEST(Vae, BadInputIsNamed) {
  Context context = cpu();
  const Matrix<float> good = gaussian_rows(40, 8, {1});
  const auto fit = [&](auto&& change, const Matrix<float>* rows = nullptr) {
    VaeOptions options = small();
    options.epochs = 1;
    change(options);
    return error_of([&] { Vae::fit(context, rows == nullptr ? good : *rows, options); });
  };
  const auto nothing = [](VaeOptions&) {};
  const Matrix<float> one(1, 8), none(0, 8), wide(2, 9);
  EXPECT_EQ(fit(nothing, &one), "vae: expected at least 2 rows, got 1");
  Matrix<float> bad(3, 8);
  bad(1, 2) = NAN;
  EXPECT_EQ(fit(nothing, &bad), "vae: expected finite values, got nan in row 1, column 2");
  EXPECT_EQ(fit([](auto& o) { o.hidden = {5, 0}; }), "vae: expected layers of at least 1, got 0");
  EXPECT_EQ(fit([](auto& o) { o.code = 9; }),
            "vae: expected a code of 1 to 8 (the columns of the rows), got 9");
  EXPECT_EQ(fit([](auto& o) { o.code = 0; }),
            "vae: expected a code of 1 to 8 (the columns of the rows), got 0");
  EXPECT_EQ(fit([](auto& o) { o.batch = 0; }), "vae: expected a batch of at least 1, got 0");
  EXPECT_EQ(fit([](auto& o) { o.sigma = 0; }),
            "vae: expected a finite sigma above 0, got 0.000000");
  EXPECT_EQ(fit([](auto& o) { o.sigma = NAN; }), "vae: expected a finite sigma above 0, got nan");
  EXPECT_EQ(fit([](auto& o) { o.epochs = -1; }), "vae: expected epochs of at least 0, got -1");
  const std::string diverged = fit([](auto& o) {
    o.rate = 1e9;
    o.epochs = 20;
  });
  EXPECT_EQ(diverged.find("trainer: expected a finite loss, got "), 0U) << diverged;

  VaeOptions options = small();
  options.epochs = 1;
  const Vae model = Vae::fit(context, good, options);
  EXPECT_EQ(error_of([&] { model.encode(context, wide); }), "vae: expected rows of width 8, got 9");
  EXPECT_EQ(error_of([&] { model.sample_codes(context, wide, 0); }),
            "vae: expected rows of width 8, got 9");
  EXPECT_EQ(error_of([&] { model.decode(context, wide); }),
            "vae: expected codes of width 4, got 9");
  EXPECT_EQ(model.encode(context, none).rows(), 0);
  EXPECT_EQ(model.sample_codes(context, none, 0).rows(), 0);
  EXPECT_EQ(model.reconstruction_error(context, none), 0);
  EXPECT_EQ(model.divergences(context, none), std::vector<double>(4));
  // Two equal rows are fine.
  EXPECT_EQ(Vae::fit(context, Matrix<float>(2, 4), options).losses().size(), 1U);
}

class VaeDevice : public DeviceTest {};

// A few steps on every device, rows of either place.
TEST_P(VaeDevice, TrainsAsOnTheCpu) {
  const std::int64_t n = 40;
  const Matrix<float> data = gaussian_rows(n, 12, {2, 1});
  VaeOptions options = small();
  options.hidden = {9};
  options.code = 3;
  options.epochs = 2;
  options.batch = 16;
  Context reference = Context::cpu({.seed = context().seed()});
  const Vae expected = Vae::fit(reference, data, options);
  const Matrix<float> there = data.to_device(context());
  for (const MatrixView<const float> rows : {data.view(), there.view()}) {
    const Vae model = Vae::fit(context(), rows, options);
    const VaePosterior found = model.posterior(context(), rows);
    const VaePosterior wanted = expected.posterior(reference, data);
    for (const auto& [a, b] : {std::pair{&found.mean, &wanted.mean},
                               std::pair{&found.log_variance, &wanted.log_variance}}) {
      const Matrix<float> host = a->to_host(context());
      for (std::int64_t i = 0; i < n * 3; ++i) EXPECT_NEAR(host.data()[i], b->data()[i], 1e-4);
    }
    const Matrix<float> draw = model.sample_codes(context(), rows, 5).to_host(context());
    const Matrix<float> same = expected.sample_codes(reference, data, 5);
    for (std::int64_t i = 0; i < n * 3; ++i) EXPECT_NEAR(draw.data()[i], same.data()[i], 2e-4);
    EXPECT_NEAR(model.losses().back(), expected.losses().back(), 1e-4 * expected.losses().back());
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(VaeDevice);

}  // namespace
}  // namespace clipk::test
