#include "clipk/models/probe.hpp"

#include <cmath>
#include <numeric>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "models/probes/probe_targets.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 2, std::uint64_t seed = 1) {
  return Context::cpu({.seed = seed, .threads = threads});
}

Factor values(std::string name, std::int64_t rows, std::int64_t columns) {
  Factor factor{.name = std::move(name)};
  factor.values = Matrix<float>(rows, columns);
  return factor;
}

// Rows of three uniform numbers in columns of very different scales and a column that is constant,
// and what they say: a smooth function of two of them, three classes by another, and both as
// two values; the last factor has nothing to do with them.
struct Data {
  Matrix<float> rows;
  std::vector<Factor> factors;
};
Data data(std::int64_t n, std::uint64_t seed) {
  Data d{Matrix<float>(n, 4), {}};
  d.factors.push_back(values("smooth", n, 1));
  d.factors.push_back({.name = "third", .class_names = {"low", "middle", "high"}});
  d.factors.push_back(values("pair", n, 2));
  d.factors.push_back({.name = "coin"});
  Random random(seed, RandomStream::data);
  for (std::int64_t i = 0; i < n; ++i) {
    const double u = random.uniform(), v = random.uniform(), w = random.uniform();
    d.rows(i, 0) = static_cast<float>(u);
    d.rows(i, 1) = static_cast<float>(500 + 100 * v);
    d.rows(i, 2) = static_cast<float>(w);
    d.rows(i, 3) = 7;
    d.factors[0].values(i, 0) = static_cast<float>(20 + 3 * std::sin(4 * u) * v);
    d.factors[1].classes.push_back(static_cast<std::int32_t>(3 * w));
    d.factors[2].values(i, 0) = static_cast<float>(u * u);
    d.factors[2].values(i, 1) = static_cast<float>(-v);
    d.factors[3].classes.push_back(static_cast<std::int32_t>(random.below(2)));
  }
  return d;
}

TEST(Probe, ReadsWhatIsThereAndNothingElse) {
  Context context = cpu();
  const Data train = data(3000, 1), test = data(1000, 2);
  const Probe probe = Probe::fit(context, train.rows, train.factors);
  EXPECT_EQ(probe.input_dim(), 4);
  EXPECT_LT(probe.losses().back(), 0.3 * probe.losses().front());
  const std::vector<double> scores = probe.scores(context, test.rows, test.factors);
  ASSERT_EQ(scores.size(), 4U);
  EXPECT_GT(scores[0], 0.99);
  EXPECT_GT(scores[1], 0.97);
  EXPECT_GT(scores[2], 0.99);
  EXPECT_NEAR(scores[3], 0.5, 0.06);
  const std::vector<double> chance = chance_scores(test.factors);
  EXPECT_EQ(chance[0], 0);
  EXPECT_NEAR(chance[1], 1.0 / 3, 0.05);
  EXPECT_EQ(chance[2], 0);
  EXPECT_NEAR(chance[3], 0.5, 0.05);
  // From a block that knows nothing of them.
  const MatrixView<const float> third = train.rows.view().col_range(2, 1);
  const std::vector<double> blind =
      Probe::fit(context, third, train.factors)
          .scores(context, test.rows.view().col_range(2, 1), test.factors);
  EXPECT_NEAR(blind[0], 0, 0.05);
  EXPECT_GT(blind[1], 0.97);
  EXPECT_NEAR(blind[2], 0, 0.05);
}

// 64 columns of noise let 200 rows be learned by heart; the rows held out tell when to stop.
TEST(Probe, KeepsTheParametersThatServeOtherRowsBest) {
  Context context = cpu();
  Matrix<float> noise(1200, 64);
  const std::vector<float> numbers = normals(1200 * 64, 4);
  copy<float>(context, VectorView<const float>(numbers.data(), 1200 * 64), noise.flat());
  std::vector<Factor> known, other;
  for (auto* factors : {&known, &other}) {
    const bool first = factors == &known;
    const std::int64_t n = first ? 200 : 1000;
    factors->push_back(values("number", n, 1));
    const std::vector<float> drawn = normals(n, first ? 5 : 6);
    for (std::int64_t i = 0; i < n; ++i) {
      (*factors)[0].values(i, 0) = drawn[static_cast<std::size_t>(i)];
    }
  }
  const MatrixView<const float> seen = noise.view().row_range(0, 200);
  const MatrixView<const float> unseen = noise.view().row_range(200, 1000);
  const Probe probe = Probe::fit(context, seen, known);
  const Probe last = Probe::fit(context, seen, known, {.held_out = 0});
  EXPECT_LT(probe.best_epoch(), 100);
  EXPECT_EQ(last.best_epoch(), static_cast<std::int64_t>(last.losses().size()));
  EXPECT_GT(last.scores(context, seen, known)[0], 0.9);
  const double best = probe.scores(context, unseen, other)[0];
  EXPECT_GT(best, -0.25);
  EXPECT_LT(last.scores(context, unseen, other)[0], best - 0.05);
}

TEST(Probe, PredictsInTheFactorsOwnUnits) {
  Context context = cpu();
  const Data train = data(2000, 1), test = data(200, 2);
  const Probe probe = Probe::fit(context, train.rows, train.factors);
  const std::vector<Factor> found = probe.predict(context, test.rows);
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].name, "smooth");
  EXPECT_EQ(found[1].class_names, test.factors[1].class_names);
  EXPECT_EQ(found[2].values.cols(), 2);
  for (std::int64_t i = 0; i < 200; ++i) {
    EXPECT_NEAR(found[0].values(i, 0), test.factors[0].values(i, 0), 0.5);
  }
  EXPECT_EQ(factor_scores(found, test.factors), probe.scores(context, test.rows, test.factors));
  // The scores as the header says them.
  double error = 0, deviation = 0, mean = 0;
  for (std::int64_t i = 0; i < 200; ++i) mean += test.factors[0].values(i, 0) / 200;
  for (std::int64_t i = 0; i < 200; ++i) {
    error += std::pow(found[0].values(i, 0) - test.factors[0].values(i, 0), 2);
    deviation += std::pow(test.factors[0].values(i, 0) - mean, 2);
  }
  EXPECT_NEAR(factor_scores(found, test.factors)[0], 1 - error / deviation, 1e-6);
  EXPECT_EQ(probe.predict(context, Matrix<float>(0, 4))[1].rows(), 0);
}

TEST(Probe, UnknownValuesTakeNoPart) {
  Context context = cpu();
  Data train = data(2000, 1), test = data(1000, 2);
  std::vector<std::int64_t> known;
  for (std::int64_t i = 0; i < 2000; ++i) {
    if (i % 3 == 0) {
      train.factors[0].values(i, 0) = NAN;
    } else {
      known.push_back(i);
    }
  }
  const Probe probe = Probe::fit(context, train.rows, train.factors);
  const std::vector<double> scores = probe.scores(context, test.rows, test.factors);
  EXPECT_GT(scores[0], 0.98);
  EXPECT_GT(scores[2], 0.98);
  // Standardised, and scored, by the known rows alone.
  std::vector<std::int64_t> every(2000);
  std::iota(every.begin(), every.end(), 0);
  const auto alone = [](const Factor& factor, const std::vector<std::int64_t>& rows) {
    std::vector<Factor> list;
    list.push_back(select_rows(factor, rows));
    return list;
  };
  const std::vector<Factor> one = alone(train.factors[0], every);
  const std::vector<Factor> fewer = alone(train.factors[0], known);
  const Matrix<float> all = ProbeTargets(one, 2000).encode(one);
  const auto n = static_cast<std::int64_t>(known.size());
  const Matrix<float> some = ProbeTargets(fewer, n).encode(fewer);
  for (std::int64_t i = 0; i < n; ++i) {
    EXPECT_EQ(all(known[static_cast<std::size_t>(i)], 0), some(i, 0));
  }
  for (std::int64_t i = 0; i < 2000; ++i) EXPECT_EQ(std::isnan(all(i, 0)), i % 3 == 0);
  const std::vector<Factor> guesses = probe.predict(context, train.rows);
  EXPECT_EQ(factor_scores(alone(guesses[0], every), one),
            factor_scores(alone(guesses[0], known), fewer));
  Factor none = values("none", 2000, 1);
  for (float& value : none.values.flat()) value = NAN;
  std::vector<Factor> unknown;
  unknown.push_back(std::move(none));
  EXPECT_THROW(ProbeTargets(unknown, 2000), Error);
}

TEST(Probe, UnknownClassesTakeNoPart) {
  Context context = cpu();
  Data train = data(2000, 1);
  const Data test = data(1000, 2);
  for (std::size_t i = 0; i < 2000; ++i) {
    if (i % 3 != 0) train.factors[1].classes[i] = -1;
  }
  // Were -1 taken for a class, or for none of the three, most rows would teach a wrong one.
  const Probe probe = Probe::fit(context, train.rows, train.factors);
  EXPECT_GT(probe.scores(context, test.rows, test.factors)[1], 0.95);
  const Matrix<float> targets = ProbeTargets(train.factors, 2000).encode(train.factors);
  ASSERT_EQ(targets.cols(), 1 + 3 + 2 + 2);
  for (std::int64_t i = 0; i < 2000; ++i) {
    for (std::int64_t j = 0; j < 8; ++j) {
      EXPECT_EQ(std::isnan(targets(i, j)), i % 3 != 0 && j >= 1 && j < 4);
    }
  }
  std::vector<Factor> known(2), guess(2);
  known[0].classes = {0, -1, 1, -1, 1};
  guess[0].classes = {0, 1, 1, 0, 0};
  known[1].classes = {-1, -1, 2, -1, -1};
  guess[1].classes = {0, 0, 2, 0, 0};
  EXPECT_EQ(factor_scores(guess, known), (std::vector<double>{2.0 / 3, 1}));
  EXPECT_EQ(chance_scores(known), (std::vector<double>{2.0 / 3, 1}));
}

TEST(Probe, SameBytesForAnyNumberOfThreads) {
  const Data train = data(700, 1);
  ProbeOptions options{.hidden = {300, 64}, .epochs = 3, .least_steps = 0};
  Context one = cpu(1), two = cpu(2);
  const auto read = [&](Context& context) {
    const Probe probe = Probe::fit(context, train.rows, train.factors, options);
    const std::vector<Factor> found = probe.predict(context, train.rows);
    return std::pair(probe.losses(), std::vector<float>(found[2].values.flat().begin(),
                                                        found[2].values.flat().end()));
  };
  const auto first = read(one);
  EXPECT_EQ(first, read(two));
  options.network = 1;
  EXPECT_NE(first, read(one));
}

TEST(Probe, LinearProbeAndFewRowsWork) {
  Context context = cpu();
  const Data train = data(200, 1);
  std::vector<Factor> factors;
  factors.push_back(values("line", 200, 1));
  for (std::int64_t i = 0; i < 200; ++i) {
    factors[0].values(i, 0) = 3 * train.rows(i, 0) - train.rows(i, 2);
  }
  const Probe linear = Probe::fit(context, train.rows, factors, {.hidden = {}});
  EXPECT_GT(linear.scores(context, train.rows, factors)[0], 0.99);
  // Two rows, none of them held out; a value that is constant.
  std::vector<Factor> two;
  two.push_back(values("constant", 2, 1));
  two.push_back({.name = "class", .classes = {1, 0}});
  two[0].values(0, 0) = two[0].values(1, 0) = 4;
  const Probe tiny = Probe::fit(context, train.rows.view().row_range(0, 2), two,
                                {.epochs = 3, .least_steps = 300});
  EXPECT_EQ(tiny.best_epoch(), 300);
  EXPECT_EQ(tiny.scores(context, train.rows.view().row_range(0, 2), two),
            (std::vector<double>{0, 1}));
  EXPECT_EQ(tiny.predict(context, train.rows)[0].values(9, 0), 4);
}

TEST(Probe, BadInputIsNamed) {
  Context context = cpu();
  const Data good = data(20, 1);
  const auto fit = [&](auto&& change) {
    return error_of([&] {
      Data d = data(20, 1);
      ProbeOptions options{.epochs = 1, .least_steps = 0};
      change(d, options);
      Probe::fit(context, d.rows, d.factors, options);
    });
  };
  EXPECT_EQ(fit([](auto&, auto&) {}), "no error");
  EXPECT_EQ(fit([](auto& d, auto&) { d.rows = Matrix<float>(1, 4); }),
            "probe: expected at least 2 rows, got 1");
  EXPECT_EQ(fit([](auto& d, auto&) { d.rows = Matrix<float>(20, 0); }),
            "probe: expected rows of at least 1 column, got 0");
  EXPECT_EQ(fit([](auto& d, auto&) { d.rows(3, 1) = NAN; }),
            "probe: expected finite values, got nan in row 3, column 1");
  EXPECT_EQ(fit([](auto& d, auto&) { d.factors.clear(); }),
            "probe: expected at least 1 factor, got 0");
  EXPECT_EQ(fit([](auto& d, auto&) { d.factors[1].classes.pop_back(); }),
            "probe: expected factor third of 20 rows, got 19");
  EXPECT_EQ(fit([](auto& d, auto&) { d.factors[1].classes[2] = 3; }),
            "probe: expected classes of factor third from -1, below 3, got 3");
  EXPECT_EQ(fit([](auto& d, auto&) { d.factors[3].classes[2] = -2; }),
            "probe: expected classes of factor coin from -1, got -2");
  EXPECT_EQ(fit([](auto& d, auto&) { d.factors[3].classes.assign(20, -1); }),
            "probe: expected a known class of factor coin, got none");
  EXPECT_EQ(fit([](auto& d, auto&) { d.factors[2].values(4, 1) = INFINITY; }),
            "probe: factor pair: expected finite values, got inf in row 4, column 1");
  EXPECT_EQ(fit([](auto&, auto& o) { o.hidden = {0}; }),
            "probe: expected layers of at least 1, got 0");
  EXPECT_EQ(fit([](auto&, auto& o) { o.batch = 0; }),
            "probe: expected a batch of at least 1, got 0");
  EXPECT_EQ(fit([](auto&, auto& o) { o.held_out = 1; }),
            "probe: expected a held_out share from 0, below 1, got 1.000000");
  EXPECT_EQ(fit([](auto&, auto& o) { o.least_steps = -1; }),
            "probe: expected least_steps of at least 0, got -1");

  const Probe probe = Probe::fit(context, good.rows, good.factors, {.epochs = 1, .least_steps = 0});
  EXPECT_EQ(error_of([&] { probe.predict(context, Matrix<float>(3, 5)); }),
            "probe: expected rows of width 4, got 5");
  const auto score = [&](auto&& change) {
    return error_of([&] {
      Data d = data(20, 1);
      change(d);
      probe.scores(context, d.rows, d.factors);
    });
  };
  EXPECT_EQ(score([](auto& d) { d.factors.pop_back(); }), "probe: expected 4 factors, got 3");
  EXPECT_EQ(score([](auto& d) { d.rows = Matrix<float>(19, 4); }),
            "probe: expected factor smooth of 19 rows, got 20");
  EXPECT_EQ(score([](auto& d) { std::swap(d.factors[0], d.factors[1]); }),
            "probe: expected factor third of values of 1 columns, got classes");
  EXPECT_EQ(score([](auto& d) { d.factors[3].classes.assign(20, -1); }),
            "probe: expected a known class of factor coin, got none");
}

class ProbeDevice : public DeviceTest {};

TEST_P(ProbeDevice, ReadsAsOnTheCpu) {
  Data d = data(40, 1);
  d.factors[1].classes[5] = -1;
  const ProbeOptions options{.hidden = {8}, .epochs = 2, .least_steps = 0, .batch = 16};
  Context reference = Context::cpu({.seed = context().seed()});
  const std::vector<Factor> wanted =
      Probe::fit(reference, d.rows, d.factors, options).predict(reference, d.rows);
  const Matrix<float> there = d.rows.to_device(context());
  for (const MatrixView<const float> rows : {std::as_const(d.rows).view(), there.view()}) {
    const std::vector<Factor> found =
        Probe::fit(context(), rows, d.factors, options).predict(context(), rows);
    for (std::int64_t i = 0; i < 40; ++i) {
      EXPECT_NEAR(found[0].values(i, 0), wanted[0].values(i, 0), 1e-3);
    }
    EXPECT_EQ(found[1].classes.size(), 40U);
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(ProbeDevice);

}  // namespace
}  // namespace clipk::test
