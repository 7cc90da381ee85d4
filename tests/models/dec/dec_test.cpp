#include "clipk/models/dec.hpp"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>

#include "clipk/core/error.hpp"
#include "clipk/metrics/clustering.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/same_bytes.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 1, std::uint64_t seed = 1) {
  return Context::cpu({.seed = seed, .threads = threads});
}

// Rows of `classes` curved clusters: blobs of two dimensions, bent into `dim`.
struct Planted {
  Matrix<float> rows;
  std::vector<std::int32_t> truth;
};
Planted planted(std::int64_t n, std::int64_t classes, std::int64_t dim, double noise) {
  Planted result{Matrix<float>(n, dim), {}};
  Random random(5, RandomStream::data);
  const std::vector<double> directions = normals<double>(4 * dim, 6);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto c = i % classes;
    const double angle = 2 * 3.14159265 * static_cast<double>(c) / static_cast<double>(classes);
    const double u = std::cos(angle) + noise * random.normal(),
                 v = std::sin(angle) + noise * random.normal();
    const double shape[] = {u, v, u * v, std::sin(2 * u)};
    for (std::int64_t j = 0; j < dim; ++j) {
      double value = 0;
      for (int s = 0; s < 4; ++s)
        value += shape[s] * directions[static_cast<std::size_t>(s * dim + j)];
      result.rows(i, j) = static_cast<float>(value + 0.3 * random.normal());
    }
    result.truth.push_back(static_cast<std::int32_t>(c));
  }
  return result;
}

Autoencoder pretrained(Context& context, const Matrix<float>& rows, std::int64_t code = 3,
                       std::int64_t epochs = 20, RowScaling scaling = RowScaling::none) {
  AutoencoderOptions options;
  options.hidden = {24};
  options.code = code;
  options.epochs = epochs;
  options.batch = 64;
  options.optimizer = Optimizer::adam;
  options.rate = 3e-3;
  options.scaling = scaling;
  return Autoencoder::fit(context, rows, options);
}

DecOptions small(std::int64_t k) {
  DecOptions options;
  options.k = k;
  options.restarts = 4;
  options.batch = 64;
  options.update_interval = 20;
  options.max_steps = 200;
  return options;
}

double ari(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
  const auto view = [](const std::vector<std::int32_t>& v) {
    return VectorView<const std::int32_t>(v.data(), static_cast<std::int64_t>(v.size()));
  };
  return adjusted_rand_index(contingency(view(a), view(b)));
}

std::filesystem::path scratch_file(const char* name) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("clipk_dec_" + std::to_string(getpid()) + "_" + name);
  std::filesystem::remove(path);
  return path;
}

TEST(Dec, KeepsOrImprovesKMeansOnPlantedClusters) {
  Context context = cpu();
  const Planted data = planted(900, 5, 12, 0.24);
  const Autoencoder ae = pretrained(context, data.rows);
  for (const double reconstruction : {0.0, 1.0}) {
    DecOptions options = small(5);
    options.reconstruction = reconstruction;
    const Dec dec = Dec::fit(context, data.rows, ae, options);
    EXPECT_GE(ari(data.truth, dec.labels()), ari(data.truth, dec.start_labels()) - 0.01);
    EXPECT_GT(ari(data.truth, dec.labels()), 0.7);
    EXPECT_EQ(dec.alarms(), 0);
    EXPECT_FALSE(dec.collapsed());
    const DecUpdate &first = dec.history().front(), &last = dec.history().back();
    EXPECT_LT(last.entropy, first.entropy);
    EXPECT_EQ(last.step, dec.steps());
    EXPECT_EQ(first.label_change, 1);
    double mass = 0, share = 0;
    for (const double value : last.masses) mass += value;
    for (const double value : last.shares) share += value;
    EXPECT_NEAR(mass, 1, 1e-6);
    EXPECT_NEAR(share, 1, 1e-12);
    EXPECT_EQ(dec.predict(context, data.rows), dec.labels());
  }
}

TEST(Dec, VonMisesFisherClustersDirections) {
  Context context = cpu();
  const Planted data = planted(600, 5, 12, 0.2);
  const Autoencoder ae = pretrained(context, data.rows);
  DecOptions options = small(5);
  options.soft.kernel = SoftKernel::von_mises_fisher;
  const Dec dec = Dec::fit(context, data.rows, ae, options);
  EXPECT_GE(ari(data.truth, dec.labels()), ari(data.truth, dec.start_labels()) - 0.01);
  for (const Matrix<float>& rows :
       {dec.encode(context, data.rows), dec.centres().to_host(context)}) {
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      double squares = 0;
      for (std::int64_t j = 0; j < rows.cols(); ++j) squares += std::pow(rows(i, j), 2);
      EXPECT_NEAR(squares, 1, 1e-5);
    }
  }
}

// A rate that throws the codes about: the clusters fall together, or into no numbers.
TEST(Dec, CollapseRollsBackToTheBytesOfTheLastHealthyUpdate) {
  Context context = cpu();
  const Planted data = planted(400, 4, 10, 0.2);
  const Autoencoder ae = pretrained(context, data.rows);
  for (const double rate : {30.0, 1e30}) {
    DecOptions options = small(4);
    options.rate = rate;
    options.guard.most_alarms = 2;
    options.guard.rate_factor = 0.9;
    std::vector<DecUpdate> seen;
    options.on_update = [&](const DecUpdate& update) { seen.push_back(update); };
    const Dec dec = Dec::fit(context, data.rows, ae, options);
    EXPECT_TRUE(dec.collapsed());
    EXPECT_EQ(dec.alarms(), 2);
    ASSERT_EQ(seen.size(), dec.history().size());
    EXPECT_TRUE(seen.back().alarm);
    EXPECT_TRUE(seen.back().rolled_back);

    // The same training, ended at that update.
    options.max_steps = dec.steps();
    options.on_update = {};
    const Dec healthy = Dec::fit(context, data.rows, ae, options);
    EXPECT_TRUE(same_bytes(dec.encode(context, data.rows), healthy.encode(context, data.rows)));
    EXPECT_TRUE(same_bytes(dec.centres(), healthy.centres()));
    EXPECT_EQ(dec.labels(), healthy.labels());
    EXPECT_EQ(dec.predict(context, data.rows), dec.labels());
  }
}

// After an alarm the rate is cut until the training goes through.
TEST(Dec, ACutRateGoesOn) {
  Context context = cpu();
  const Planted data = planted(400, 4, 10, 0.2);
  const Autoencoder ae = pretrained(context, data.rows);
  DecOptions options = small(4);
  options.rate = 1e3;
  options.guard.rate_factor = 1e-5;
  const Dec dec = Dec::fit(context, data.rows, ae, options);
  EXPECT_EQ(dec.alarms(), 1);
  EXPECT_FALSE(dec.collapsed());
  EXPECT_TRUE(dec.history()[1].alarm);
  EXPECT_NEAR(dec.history()[2].rate, 1e-2, 1e-9);
  EXPECT_EQ(dec.history()[2].step, 20);
  EXPECT_GE(ari(data.truth, dec.labels()), ari(data.truth, dec.start_labels()) - 0.01);
}

TEST(Dec, StopsWhenLabelsSettle) {
  Context context = cpu();
  const Planted data = planted(300, 3, 8, 0.05);  // far apart: nothing changes
  const Autoencoder ae = pretrained(context, data.rows);
  DecOptions options = small(3);
  const Dec dec = Dec::fit(context, data.rows, ae, options);
  EXPECT_EQ(dec.stop(), DecStop::labels_settled);
  EXPECT_EQ(dec.history().size(), 2U);
  EXPECT_EQ(dec.steps(), 20);
  EXPECT_LT(dec.history().back().label_change, options.tolerance);
  options.tolerance = 0;
  options.max_steps = 50;
  const Dec whole = Dec::fit(context, data.rows, ae, options);
  EXPECT_EQ(whole.stop(), DecStop::max_steps);
  EXPECT_EQ(whole.steps(), 50);
  EXPECT_EQ(whole.history().size(), 4U);  // at 0, 20, 40 and 50
}

TEST(Dec, LabelsAreComparedWithThoseOfTheUpdateBefore) {
  Context context = cpu();
  const Planted data = planted(500, 4, 10, 0.45);
  const Autoencoder ae = pretrained(context, data.rows, 3, 5);
  DecOptions options = small(4);
  options.tolerance = 0;
  options.rate = 0.2;
  std::vector<std::vector<std::int32_t>> labels;  // after 0, 20 and 40 steps
  std::vector<DecUpdate> history;
  for (const std::int64_t steps : {0, 20, 40}) {
    options.max_steps = steps;
    const Dec dec = Dec::fit(context, data.rows, ae, options);
    labels.push_back(dec.labels());
    history = dec.history();
  }
  const auto change = [&](std::size_t a, std::size_t b) {
    double changed = 0;
    for (std::size_t i = 0; i < labels[a].size(); ++i) changed += labels[a][i] != labels[b][i];
    return changed / static_cast<double>(labels[a].size());
  };
  ASSERT_EQ(history.size(), 3U);
  EXPECT_DOUBLE_EQ(history[1].label_change, change(0, 1));
  EXPECT_DOUBLE_EQ(history[2].label_change, change(1, 2));
  EXPECT_GT(change(0, 1), 0);
  EXPECT_NE(change(1, 2), change(0, 2));  // or the test would see nothing
}

TEST(Dec, SameBytesForAnyNumberOfThreads) {
  const Planted data = planted(500, 4, 10, 0.3);
  Context one = cpu(1), two = cpu(2);
  const auto fit = [&](Context& context) {
    const Autoencoder ae = pretrained(context, data.rows, 3, 5);
    DecOptions options = small(4);
    options.balanced = true;
    options.reconstruction = 0.5;
    options.max_steps = 60;
    return Dec::fit(context, data.rows, ae, options);
  };
  const Dec a = fit(one), b = fit(two);
  EXPECT_TRUE(same_bytes(a.encode(one, data.rows), b.encode(two, data.rows)));
  EXPECT_TRUE(same_bytes(a.centres(), b.centres()));
  EXPECT_EQ(a.labels(), b.labels());
}

TEST(Dec, ResumesToTheSameBytes) {
  Context context = cpu();
  const Planted data = planted(450, 4, 10, 0.35);
  const Autoencoder ae = pretrained(context, data.rows, 3, 5);
  struct Interrupted {};
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam}) {
    DecOptions options = small(4);
    options.optimizer = optimizer;
    if (optimizer == Optimizer::adam) options.rate = 1e-3;
    options.reconstruction = optimizer == Optimizer::adam ? 1 : 0;
    options.tolerance = 0;
    options.max_steps = 90;
    const Dec whole = Dec::fit(context, data.rows, ae, options);
    for (const std::int64_t at : {3, 20, 47}) {
      options.checkpoint = scratch_file("resume");
      options.progress = [&](const Progress& p) {
        if (p.step >= at) throw Interrupted();
      };
      EXPECT_THROW(Dec::fit(context, data.rows, ae, options), Interrupted);
      options.progress = {};
      const Dec resumed = Dec::fit(context, data.rows, ae, options);
      EXPECT_TRUE(same_bytes(whole.encode(context, data.rows), resumed.encode(context, data.rows)));
      EXPECT_TRUE(same_bytes(whole.centres(), resumed.centres()));
      EXPECT_EQ(whole.history().size(), resumed.history().size());
      // A finished run is read back.
      const Dec again = Dec::fit(context, data.rows, ae, options);
      EXPECT_TRUE(same_bytes(whole.centres(), again.centres()));
      EXPECT_EQ(whole.start_labels(), again.start_labels());
      EXPECT_EQ(again.stop(), DecStop::max_steps);
      std::filesystem::remove(options.checkpoint);
    }
  }
}

TEST(Dec, ACheckpointOfAnotherTrainingIsRefused) {
  Context context = cpu();
  const Planted data = planted(200, 3, 8, 0.2);
  const Autoencoder ae = pretrained(context, data.rows, 3, 2);
  DecOptions options = small(3);
  options.checkpoint = scratch_file("other");
  options.max_steps = 20;
  Dec::fit(context, data.rows, ae, options);
  options.rate *= 2;
  EXPECT_THROW(Dec::fit(context, data.rows, ae, options), Error);
  std::filesystem::remove(options.checkpoint);
}

TEST(Dec, SavesAndLoads) {
  Context context = cpu();
  const Planted data = planted(200, 3, 8, 0.2);
  const Autoencoder ae = pretrained(context, data.rows, 3, 2, RowScaling::standardized);
  DecOptions options = small(3);
  options.max_steps = 40;
  options.soft = {.kernel = SoftKernel::von_mises_fisher, .kappa = 12};
  const Dec dec = Dec::fit(context, data.rows, ae, options);
  const auto path = scratch_file("model");
  dec.save(context, path);
  const Dec loaded = Dec::load(context, path);
  EXPECT_TRUE(same_bytes(dec.assign(context, data.rows), loaded.assign(context, data.rows)));
  EXPECT_EQ(loaded.labels(), dec.labels());
  EXPECT_EQ(loaded.start_labels(), dec.start_labels());
  EXPECT_EQ(loaded.scaling(), RowScaling::standardized);
  EXPECT_EQ(loaded.soft().kappa, 12);
  EXPECT_EQ(loaded.steps(), dec.steps());
  EXPECT_EQ(loaded.stop(), dec.stop());
  ASSERT_EQ(loaded.history().size(), dec.history().size());
  EXPECT_EQ(loaded.history().back().masses, dec.history().back().masses);
  EXPECT_EQ(loaded.history().back().entropy, dec.history().back().entropy);
  EXPECT_EQ(loaded.reconstruction_error(context, data.rows),
            dec.reconstruction_error(context, data.rows));
  std::filesystem::remove(path);
}

// Batches that divide the rows, that do not, and one that takes all.
TEST(Dec, EveryRowIsSeenOnceAnEpoch) {
  Context context = cpu();
  const Planted data = planted(128, 3, 8, 0.1);
  const Autoencoder ae = pretrained(context, data.rows, 3, 2);
  for (const std::int64_t batch : {32, 50, 128, 1000}) {
    DecOptions options = small(3);
    options.batch = batch;
    options.max_steps = 9;
    options.tolerance = 0;
    const Dec dec = Dec::fit(context, data.rows, ae, options);
    EXPECT_EQ(dec.steps(), 9);
    EXPECT_TRUE(std::isfinite(dec.history().back().loss));
  }
}

TEST(Dec, BadInputIsNamed) {
  Context context = cpu();
  const Planted data = planted(60, 3, 8, 0.1);
  const Autoencoder ae = pretrained(context, data.rows, 3, 2);
  const auto message = [&](const Matrix<float>& rows, const DecOptions& options) -> std::string {
    return error_of([&] { Dec::fit(context, rows, ae, options); });
  };
  EXPECT_EQ(message(data.rows, small(1)), "dec: expected k of at least 2, got 1");
  EXPECT_EQ(message(data.rows, small(61)),
            "dec: expected k of at most 60, the number of rows, got 61");
  EXPECT_EQ(message(Matrix<float>(60, 7), small(3)), "dec: expected rows of width 8, got 7");
  DecOptions options = small(3);
  options.update_interval = 0;
  EXPECT_EQ(message(data.rows, options), "dec: expected update_interval of at least 1, got 0");
  Matrix<float> broken = data.rows.to_host(context);
  broken(3, 5) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(message(broken, small(3)), "dec: expected finite values, got nan in row 3, column 5");
  Matrix<float> twins(60, 8);  // two different rows
  for (std::int64_t i = 0; i < 60; ++i) twins(i, 0) = static_cast<float>(i % 2);
  EXPECT_NE(message(twins, small(3)).find("distinct rows"), std::string::npos);
  options = small(3);
  options.soft.alpha = 0;
  EXPECT_EQ(message(data.rows, options), "soft_assignment: expected alpha above 0, got 0.000000");
}

class DecOnDevice : public DeviceTest {};

// The same training on every device, to rounding; the graph of a step is replayed where there is
// one.
TEST_P(DecOnDevice, FollowsTheCpu) {
  const Planted data = planted(24, 3, 6, 0.15);
  const auto fit = [&](Context& some, SoftKernel kernel) {
    AutoencoderOptions ae;
    ae.hidden = {8};
    ae.code = 2;
    ae.epochs = 1;
    ae.batch = 24;
    ae.rate = 0.1;
    DecOptions options = small(3);
    options.restarts = 1;
    options.batch = 10;
    options.update_interval = 3;
    options.max_steps = 6;
    options.tolerance = 0;
    options.soft.kernel = kernel;
    options.reconstruction = 1;
    options.balanced = kernel == SoftKernel::von_mises_fisher;
    options.balance.iterations = 3;
    const Dec dec = Dec::fit(some, data.rows, Autoencoder::fit(some, data.rows, ae), options);
    EXPECT_EQ(dec.predict(some, data.rows), dec.labels());
    const Matrix<float> codes = dec.encode(some, data.rows).to_host(some);
    return std::tuple(std::vector<float>(codes.flat().begin(), codes.flat().end()), dec.labels(),
                      dec.history().back());
  };
  for (const SoftKernel kernel : {SoftKernel::student_t, SoftKernel::von_mises_fisher}) {
    Context host = cpu(1, context().seed());
    const auto [codes, labels, update] = fit(context(), kernel);
    const auto [host_codes, host_labels, host_update] = fit(host, kernel);
    // Of 24 seeds on the harness: up to 2e-7 by student_t, from 2e-7 to 9e-4 by the other kernel.
    EXPECT_LT(max_error(codes, host_codes), kernel == SoftKernel::student_t ? 1e-4 : 2e-3);
    EXPECT_EQ(labels, host_labels);
    EXPECT_NEAR(update.loss, host_update.loss, 5e-4);
    EXPECT_NEAR(update.divergence, host_update.divergence, 5e-4);
    EXPECT_NEAR(update.entropy, host_update.entropy, 5e-4);
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(DecOnDevice);

}  // namespace
}  // namespace clipk::test
