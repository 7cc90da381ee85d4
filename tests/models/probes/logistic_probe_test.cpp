#include "clipk/models/logistic_probe.hpp"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <set>
#include <string>

#include "clipk/io/archive.hpp"
#include "golden/logistic_probe.inc"
#include "metrics/labelings.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/uniform_rows.hpp"

namespace clipk::test {
namespace {

struct Classes {
  Matrix<float> rows;
  std::vector<std::int32_t> labels;
};

// classes_of_rows of tests/golden/make_logistic_probe.py
Classes classes_of_rows(std::int64_t n, std::int64_t k, std::uint32_t seed) {
  Classes data{uniform_rows(n, 8, seed),
               random_labels(n, static_cast<std::uint32_t>(k), seed + 10)};
  for (std::int64_t i = 0; i < n; ++i) {
    std::int32_t& label = data.labels[static_cast<std::size_t>(i)];
    data.rows(i, label) += 0.25F;
    if (i % 7 == 6) label = -1;
  }
  return data;
}

std::vector<double> values(const Matrix<double>& m) {
  return {m.data(), m.data() + m.rows() * m.cols()};
}
template <std::size_t N>
std::vector<double> golden_values(const std::array<double, N>& array) {
  return {array.begin(), array.end()};
}

class LogisticProbeTest : public DeviceTest {
 protected:
  // Products in float32 on a GPU round the weights that they converge to.
  double tolerance() const { return on_cpu() ? 1e-6 : 1e-4; }
  LogisticProbeOptions options(double c, bool standardize = false) const {
    return {.c = c, .standardize = standardize, .tolerance = on_cpu() ? 1e-9 : 1e-6};
  }
};

TEST_P(LogisticProbeTest, AgreesWithScikitLearn) {
  const Classes data = classes_of_rows(120, 3, 1);
  const Matrix<float> others = classes_of_rows(6, 3, 2).rows;
  const auto check = [&](const LogisticProbeOptions& with, const auto& weights,
                         const auto& intercepts, const auto& probabilities) {
    const LogisticProbe probe = LogisticProbe::fit(context(), data.rows, data.labels, with);
    EXPECT_TRUE(probe.converged()) << probe.gradient();
    EXPECT_LT(max_error(values(probe.weights()), golden_values(weights)), 3 * tolerance());
    EXPECT_LT(max_error(probe.intercepts(), golden_values(intercepts)), tolerance());
    EXPECT_LT(
        max_error(values(probe.probabilities(context(), others)), golden_values(probabilities)),
        tolerance());
  };
  check(options(1), golden::logistic_three_weights, golden::logistic_three_intercepts,
        golden::logistic_three_probabilities);
  check(options(0.01, true), golden::logistic_three_small_c_weights,
        golden::logistic_three_small_c_intercepts, golden::logistic_three_small_c_probabilities);
  if (simt()) return;
  check(options(1000, true), golden::logistic_three_large_c_weights,
        golden::logistic_three_large_c_intercepts, golden::logistic_three_large_c_probabilities);
}

// scikit-learn gives one vector for two classes.
TEST_P(LogisticProbeTest, TwoClassesAreOneVector) {
  const Classes data = classes_of_rows(120, 2, 1);
  const LogisticProbe probe = LogisticProbe::fit(context(), data.rows, data.labels, options(1));
  const Matrix<double> weights = probe.weights();
  std::vector<double> difference;
  for (std::int64_t j = 0; j < 8; ++j) difference.push_back(weights(1, j) - weights(0, j));
  EXPECT_LT(max_error(difference, golden_values(golden::logistic_two_weights)), 3 * tolerance());
  EXPECT_NEAR(probe.intercepts()[1] - probe.intercepts()[0], golden::logistic_two_intercepts[0],
              tolerance());
  EXPECT_LT(max_error(values(probe.probabilities(context(), classes_of_rows(6, 2, 2).rows)),
                      golden_values(golden::logistic_two_probabilities)),
            tolerance());
}

TEST_P(LogisticProbeTest, WeightsAreThoseOfTheRowsAsGiven) {
  const Classes data = classes_of_rows(60, 3, 3);
  const LogisticProbe probe =
      LogisticProbe::fit(context(), data.rows, data.labels, options(1, true));
  const Matrix<double> weights = probe.weights(), p = probe.probabilities(context(), data.rows);
  for (std::int64_t i = 0; i < 10; ++i) {
    std::vector<double> logits = probe.intercepts();
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t j = 0; j < 8; ++j) {
        logits[static_cast<std::size_t>(c)] += weights(c, j) * static_cast<double>(data.rows(i, j));
      }
    }
    EXPECT_NEAR(std::log(p(i, 1) / p(i, 0)), logits[1] - logits[0], on_cpu() ? 1e-12 : 1e-5);
    EXPECT_NEAR(p(i, 0) + p(i, 1) + p(i, 2), 1, 1e-12);
  }
}

// Labels are any numbers from 0; rows without one change nothing.
TEST_P(LogisticProbeTest, LabelsThatAreLeftOut) {
  const Classes data = classes_of_rows(90, 3, 4);
  const std::int32_t names[] = {5, 12, 700};
  std::vector<std::int32_t> named, few;
  std::vector<float> kept;
  for (std::int64_t i = 0; i < 90; ++i) {
    const std::int32_t label = data.labels[static_cast<std::size_t>(i)];
    named.push_back(label < 0 ? -3 : names[label]);
    if (label < 0) continue;
    kept.insert(kept.end(), data.rows.view().row(i), data.rows.view().row(i) + 8);
    few.push_back(label);
  }
  const auto n = static_cast<std::int64_t>(few.size());
  const MatrixView<const float> alone(kept.data(), n, 8);
  for (const bool standardize : {false, true}) {
    const LogisticProbe all =
        LogisticProbe::fit(context(), data.rows, named, options(1, standardize));
    const LogisticProbe some = LogisticProbe::fit(context(), alone, few, options(1, standardize));
    EXPECT_EQ(all.classes(), (std::vector<std::int32_t>{5, 12, 700}));
    EXPECT_LT(max_error(values(all.weights()), values(some.weights())), tolerance());
    EXPECT_EQ(all.accuracy(context(), data.rows, named), some.accuracy(context(), alone, few));
    const std::vector<std::int32_t> predicted = all.predict(context(), data.rows);
    EXPECT_EQ(std::set(predicted.begin(), predicted.end()), (std::set<std::int32_t>{5, 12, 700}));
  }
}

TEST_P(LogisticProbeTest, AColumnThatDoesNotVaryCountsNothing) {
  Classes data = classes_of_rows(60, 2, 5);
  for (std::int64_t i = 0; i < 60; ++i) {
    data.rows(i, 7) = data.labels[static_cast<std::size_t>(i)] < 0 ? 9.F : 0.1F;
  }
  const LogisticProbe probe =
      LogisticProbe::fit(context(), data.rows, data.labels, options(1, true));
  EXPECT_EQ(probe.weights()(0, 7), 0);
  EXPECT_TRUE(std::isfinite(probe.intercepts()[0]));
}

TEST_P(LogisticProbeTest, RowsOfTheDeviceAndViewsWithAStride) {
  const Classes data = classes_of_rows(60, 3, 6);
  Guarded<float> there(context(), 60, 8,
                       std::vector<float>(data.rows.data(), data.rows.data() + 480), 3);
  const LogisticProbe plain = LogisticProbe::fit(context(), data.rows, data.labels, options(1));
  const LogisticProbe strided =
      LogisticProbe::fit(context(), there.view(), data.labels, options(1));
  EXPECT_EQ(values(plain.weights()), values(strided.weights()));
  EXPECT_EQ(plain.predict(context(), data.rows), strided.predict(context(), there.view()));
}

CLIPK_INSTANTIATE_DEVICE_TEST(LogisticProbeTest);

Context cpu(int threads = 2, std::uint64_t seed = 0) {
  return Context::cpu({.seed = seed, .threads = threads});
}

TEST(LogisticProbe, ThreadsChangeNothing) {
  const Matrix<float> rows = uniform_rows(3000, 33, 1);
  const std::vector<std::int32_t> labels = random_labels(3000, 5, 2);
  Context one = cpu(1), two = cpu(2);
  const LogisticProbe a = LogisticProbe::fit(one, rows, labels, {.max_iterations = 20});
  const LogisticProbe b = LogisticProbe::fit(two, rows, labels, {.max_iterations = 20});
  EXPECT_EQ(values(a.weights()), values(b.weights()));
  EXPECT_EQ(a.intercepts(), b.intercepts());
  EXPECT_EQ(values(a.probabilities(one, rows)), values(b.probabilities(two, rows)));
}

// Classes that a plane separates have no best weights without a penalty; with one they have.
TEST(LogisticProbe, SeparableClassesAreLearnedWhole) {
  Context context = cpu();
  Matrix<float> rows(40, 2);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < 40; ++i) {
    labels.push_back(i % 2);
    rows(i, 0) = i % 2 == 0 ? -1.F : 1.F;
    rows(i, 1) = static_cast<float>(i);
  }
  const LogisticProbe probe = LogisticProbe::fit(context, rows, labels, {.c = 1e6});
  EXPECT_TRUE(probe.converged());
  EXPECT_EQ(probe.accuracy(context, rows, labels), 1);
  // What the fit did not see is a miss.
  EXPECT_EQ(probe.accuracy(context, rows.view().row_range(0, 2), std::vector<std::int32_t>{0, 7}),
            0.5);
}

TEST(LogisticProbe, RandomLabelsAreTheirFrequencies) {
  Context context = cpu();
  const Matrix<float> rows(30, 3);  // all 0: the intercepts alone
  std::vector<std::int32_t> labels(30, 0);
  std::fill_n(labels.begin(), 12, 4);
  const LogisticProbe probe = LogisticProbe::fit(context, rows, labels);
  const Matrix<double> p = probe.probabilities(context, rows);
  EXPECT_NEAR(p(0, 0), 0.6, 1e-6);
  EXPECT_NEAR(p(29, 1), 0.4, 1e-6);
}

TEST(LogisticProbe, SavedAndLoadedIsTheSame) {
  Context context = cpu();
  const Classes data = classes_of_rows(60, 3, 7);
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("clipk_logistic_" + std::to_string(::getpid()));
  for (const bool standardize : {false, true}) {
    const LogisticProbe probe =
        LogisticProbe::fit(context, data.rows, data.labels, {.c = 2, .standardize = standardize});
    probe.save(path);
    const LogisticProbe loaded = LogisticProbe::load(path);
    EXPECT_EQ(loaded.classes(), probe.classes());
    EXPECT_EQ(values(loaded.weights()), values(probe.weights()));
    EXPECT_EQ(loaded.intercepts(), probe.intercepts());
    EXPECT_EQ(loaded.c(), 2);
    EXPECT_EQ(loaded.loss(), probe.loss());
    EXPECT_EQ(loaded.iterations(), probe.iterations());
    EXPECT_EQ(loaded.gradient(), probe.gradient());
    EXPECT_TRUE(loaded.converged());
    EXPECT_EQ(values(loaded.probabilities(context, data.rows)),
              values(probe.probabilities(context, data.rows)));
  }
  // Files that were whole but say what cannot be.
  using Doubles = std::vector<double>;
  const auto broken = [&](const std::vector<std::int32_t>& classes, const Doubles& parameters,
                          const Doubles& shift, const Doubles& factor) {
    ArchiveWriter archive("logistic_probe model", 1);
    archive.add("classes", classes);
    archive.add("parameters", parameters);
    archive.add("shift", shift);
    archive.add("factor", factor);
    archive.write(path);
    const std::string text = error_of([&] { LogisticProbe::load(path); });
    EXPECT_EQ(text.rfind(path.string() + ": expected ", 0), 0U) << text;
    return text.substr(std::min(text.size(), path.string().size() + 2));
  };
  const char* const rising = "expected at least 2 classes that rise from 0 or above, got others";
  EXPECT_EQ(broken({0}, Doubles(2), {}, {}), rising);
  EXPECT_EQ(broken({1, 1}, Doubles(4), {}, {}), rising);
  EXPECT_EQ(broken({-1, 1}, Doubles(4), {}, {}), rising);
  EXPECT_EQ(broken({0, 1}, Doubles(5), {}, {}),
            "expected as many weights of each of 2 classes, got 5 in all");
  EXPECT_EQ(broken({0, 1}, Doubles(2), {}, {}),
            "expected as many weights of each of 2 classes, got 2 in all");
  EXPECT_EQ(broken({0, 1}, Doubles(6), {1}, {1}),
            "expected shift and factor of 2 columns or of none, got 1 and 1");
  EXPECT_EQ(broken({0, 1}, {0, 0, 0, NAN}, {}, {}),
            "expected entry 'parameters' of finite numbers, got nan in place 3");
  std::filesystem::remove(path);
}

TEST(LogisticProbe, BadInputIsRefused) {
  Context context = cpu();
  const Matrix<float> rows = uniform_rows(4, 2, 1);
  Matrix<float> broken = uniform_rows(4, 2, 1);
  broken(2, 1) = NAN;
  using Labels = std::vector<std::int32_t>;
  const auto fit = [&](const Matrix<float>& from, const Labels& labels,
                       const LogisticProbeOptions& options = {}) {
    return error_of([&] { LogisticProbe::fit(context, from, labels, options); });
  };
  EXPECT_EQ(fit(rows, {3, 3, -1, 3}),
            "logistic_probe: expected labels of at least 2 classes, got label 3 alone");
  EXPECT_EQ(fit(rows, {-1, -1, -1, -1}),
            "logistic_probe: expected labels of at least 2 classes, got no row with a label");
  EXPECT_EQ(fit(rows, {0, 1}), "logistic_probe: expected 4 labels, one a row, got 2");
  EXPECT_EQ(fit(broken, {0, 1, 0, 1}),
            "logistic_probe: expected finite values, got nan in row 2, column 1");
  EXPECT_EQ(fit(Matrix<float>(4, 0), {0, 1, 0, 1}),
            "logistic_probe: expected rows of at least 1 column, got 0");
  EXPECT_EQ(fit(rows, {0, 1, 0, 1}, {.c = 0}),
            "logistic_probe: expected a finite c above 0, got 0.000000");
  EXPECT_EQ(fit(rows, {0, 1, 0, 1}, {.max_iterations = 0}),
            "logistic_probe: expected at least 1 iteration, got 0");
  EXPECT_EQ(fit(rows, {0, 1, 0, 1}, {.tolerance = NAN}),
            "logistic_probe: expected a tolerance above 0, got nan");
  const LogisticProbe probe = LogisticProbe::fit(context, rows, Labels{0, 1, 0, 1});
  EXPECT_EQ(error_of([&] { probe.predict(context, uniform_rows(1, 3, 1)); }),
            "logistic_probe: expected rows of width 2, got 3");
  EXPECT_EQ(error_of([&] {
              probe.accuracy(context, rows, Labels{-1, -1, -1, -1});
            }),
            "logistic_probe: expected a row with a label, got none");
  EXPECT_TRUE(probe.predict(context, Matrix<float>(0, 2)).empty());
}

}  // namespace
}  // namespace clipk::test
