#include "clipk/models/tsne.hpp"

#include <cmath>
#include <map>
#include <stdexcept>
#include <utility>

#include "clipk/ops/nearest.hpp"
#include "io/files.hpp"
#include "models/tsne/tsne_affinities.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/same_bytes.hpp"

namespace clipk::test {
namespace {

// Row i belongs to cluster i % 3; clusters lie 10 apart along three of the axes.
Matrix<float> planted(std::int64_t n, std::int64_t dim, std::uint64_t seed) {
  const std::vector<float> noise = normals(n * dim, seed);
  Matrix<float> rows(n, dim);
  std::copy(noise.begin(), noise.end(), rows.data());
  for (std::int64_t i = 0; i < n; ++i) rows(i, i % 3) += 10;
  return rows;
}

// The share of places whose nearest in `map` is of the same cluster.
double nearest_of_same_cluster(MatrixView<const float> places, MatrixView<const float> map,
                               bool within) {
  Context cpu = Context::cpu();
  Matrix<std::int32_t> found(places.rows, 1);
  nearest(cpu, places, map, {.exclude_self = within}, found, {});
  std::int64_t same = 0;
  for (std::int64_t i = 0; i < places.rows; ++i) same += found(i, 0) % 3 == i % 3;
  return static_cast<double>(same) / static_cast<double>(places.rows);
}

class TsneModel : public DeviceTest {};

TEST_P(TsneModel, PlantedClustersSeparate) {
  const std::int64_t n = simt() ? 40 : 240;
  const Matrix<float> rows = planted(n, 8, 1);
  for (const TsneMethod method : {TsneMethod::exact, TsneMethod::fft}) {
    TsneOptions options{.perplexity = 8, .iterations = 500, .method = method};
    if (simt()) {
      options.iterations = method == TsneMethod::exact ? 60 : 3;
      options.exaggeration_iterations = options.iterations;
    }
    const Tsne tsne = Tsne::fit(context(), rows, options);
    ASSERT_EQ(tsne.map().rows, n);
    EXPECT_EQ(tsne.iterations(), options.iterations);
    EXPECT_GT(tsne.kl(), 0);
    double mean[2] = {};
    for (std::int64_t i = 0; i < n; ++i) {
      for (int c = 0; c < 2; ++c) mean[c] += static_cast<double>(tsne.map()(i, c));
    }
    EXPECT_LT(std::hypot(mean[0], mean[1]), 1e-3 * static_cast<double>(n));
    if (simt()) continue;
    EXPECT_EQ(nearest_of_same_cluster(tsne.map(), tsne.map(), true), 1);
    EXPECT_LT(tsne.kl(), 1);
  }
}

// All of the fit, by plain loops in double: its KL is that of the formula.
TEST_P(TsneModel, KlIsThatOfTheDefinition) {
  const std::int64_t n = simt() ? 30 : 90;
  const Matrix<float> rows = planted(n, 4, 2);
  const Tsne model = Tsne::fit(context(), rows, {.perplexity = 7, .iterations = simt() ? 5 : 400});
  Context cpu = Context::cpu();
  const tsne::Affinities joint = tsne::joint_affinities(
      1, tsne::conditional_affinities(1, tsne::find_neighbors(cpu, rows, rows, true, 22), 7));
  const auto k = [&](std::int64_t i, std::int64_t j) {
    const double dx =
        static_cast<double>(model.map()(i, 0)) - static_cast<double>(model.map()(j, 0));
    const double dy =
        static_cast<double>(model.map()(i, 1)) - static_cast<double>(model.map()(j, 1));
    return 1 / (1 + dx * dx + dy * dy);
  };
  double z = 0, kl = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) z += i == j ? 0 : k(i, j);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    for (auto e = static_cast<std::size_t>(joint.starts[static_cast<std::size_t>(i)]);
         e < static_cast<std::size_t>(joint.starts[static_cast<std::size_t>(i) + 1]); ++e) {
      const double p = static_cast<double>(joint.values[e]);
      if (p > 0) kl += p * std::log(p / (k(i, joint.columns[e]) / z));
    }
  }
  EXPECT_NEAR(model.kl(), kl, 2e-6);
  EXPECT_TRUE(model.kl_exact());
}

TEST_P(TsneModel, EqualRowsAndConstantColumnsAreFine) {
  const std::int64_t n = 60;
  Matrix<float> doubled = planted(n, 4, 3), constant = planted(n, 4, 4), equal(n, 4), line(n, 1);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < 4; ++j) doubled(i, j) = doubled(i % 5, j);
    constant(i, 0) = 3;
    constant(i, 3) = -1;
    line(i, 0) = static_cast<float>(i);
  }
  for (const Matrix<float>* rows : {&doubled, &constant, &equal, &line}) {
    for (const TsneMethod method : {TsneMethod::exact, TsneMethod::fft}) {
      if (simt() && method == TsneMethod::fft) continue;
      const Tsne tsne = Tsne::fit(
          context(), *rows, {.perplexity = 5, .iterations = simt() ? 3 : 300, .method = method});
      for (const float value : VectorView<const float>(tsne.map().data, 2 * n)) {
        EXPECT_TRUE(std::isfinite(value));
      }
      EXPECT_TRUE(std::isfinite(tsne.kl()));
    }
  }
}

TEST_P(TsneModel, BadInputIsOneLine) {
  const Matrix<float> rows = planted(31, 3, 5);
  EXPECT_EQ(error_of([&] { Tsne::fit(context(), rows, {.perplexity = 10.5}); }),
            "tsne: expected at least 33 rows for a perplexity of 10.5, got 31");
  EXPECT_EQ(error_of([&] { Tsne::fit(context(), rows, {.perplexity = 0.5}); }),
            "tsne: expected a perplexity of at least 1, got 0.5");
  EXPECT_EQ(error_of([&] { Tsne::fit(context(), rows, {.perplexity = NAN}); }),
            "tsne: expected a perplexity of at least 1, got nan");
  EXPECT_EQ(error_of([&] { Tsne::fit(context(), Matrix<float>(0, 3), {}); }),
            "tsne: expected at least 91 rows for a perplexity of 30, got 0");
  EXPECT_EQ(error_of([&] { Tsne::fit(context(), rows, {.perplexity = 5, .momentum = 1}); }),
            "tsne: expected a momentum from 0 to below 1, got 1");
  Matrix<float> bad = planted(31, 3, 5);
  bad(7, 2) = NAN;
  EXPECT_EQ(error_of([&] { Tsne::fit(context(), bad, {.perplexity = 5}); }),
            "tsne rows: expected finite values, got nan in row 7, column 2");
  const Tsne tsne = Tsne::fit(context(), rows, {.perplexity = 5, .iterations = 1});
  EXPECT_EQ(error_of([&] { (void)tsne.transform(context(), Matrix<float>(2, 4)); }),
            "tsne: expected rows of shape [2, 3], got [2, 4]");
  EXPECT_EQ(error_of([&] { (void)tsne.transform(context(), bad); }),
            "tsne new rows: expected finite values, got nan in row 7, column 2");
}

TEST_P(TsneModel, NewRowsJoinTheirCluster) {
  const std::int64_t n = simt() ? 40 : 240, m = simt() ? 6 : 60;
  const Matrix<float> rows = planted(n, 8, 6), more = planted(m, 8, 7);
  const Tsne tsne = Tsne::fit(context(), rows, {.perplexity = 8, .iterations = simt() ? 3 : 500});
  const Matrix<float> places = tsne.transform(context(), more, {.iterations = simt() ? 2 : 250});
  ASSERT_EQ(places.rows(), m);
  if (!simt()) {
    EXPECT_EQ(nearest_of_same_cluster(places, tsne.map(), false), 1);
  }
  // One row alone, by the exact method, gets the same place.
  const Matrix<float> alone =
      tsne.transform(context(), more.view().row_range(3, 1), {.iterations = simt() ? 2 : 250});
  EXPECT_TRUE(same_bytes(alone.view(), places.view().row_range(3, 1)));
  EXPECT_EQ(tsne.transform(context(), Matrix<float>(0, 8)).rows(), 0);
}

CLIPK_INSTANTIATE_DEVICE_TEST(TsneModel);

class TsneFiles : public FileTest {};

TEST_F(TsneFiles, BytesDoNotDependOnThreadsOrOnAStop) {
  const Matrix<float> rows = planted(1300, 6, 8);
  TsneOptions options{
      .perplexity = 10, .iterations = 60, .exaggeration_iterations = 30, .method = TsneMethod::fft};
  const auto fit = [&](int threads, const TsneOptions& chosen) {
    Context context = Context::cpu({.seed = 5, .threads = threads});
    return Tsne::fit(context, rows, chosen);
  };
  const Tsne whole = fit(1, options);
  EXPECT_TRUE(same_bytes(fit(2, options).map(), whole.map()));

  options.checkpoint = path("tsne.checkpoint");
  options.checkpoint_interval = 20;
  options.progress = [](const Progress& progress) {
    if (progress.epoch == 50) throw std::runtime_error("stopped");
  };
  EXPECT_THROW(fit(1, options), std::runtime_error);  // after 40 were written
  options.progress = nullptr;
  EXPECT_TRUE(same_bytes(fit(2, options).map(), whole.map()));
  const Tsne finished = fit(1, options);  // nothing is left to do
  EXPECT_TRUE(same_bytes(finished.map(), whole.map()));
  EXPECT_EQ(finished.kl(), whole.kl());

  options.perplexity = 11;
  const std::string message = error_of([&] { fit(1, options); });
  EXPECT_NE(message.find("expected a checkpoint of rows [1300, 6]"), std::string::npos) << message;
  EXPECT_NE(message.find("perplexity 11"), std::string::npos) << message;
}

TEST_F(TsneFiles, SaveAndLoadKeepTheModel) {
  Context context = Context::cpu();
  const Matrix<float> rows = planted(60, 4, 9), more = planted(7, 4, 10);
  const Tsne tsne = Tsne::fit(context, rows, {.perplexity = 6, .iterations = 50});
  tsne.save(path("tsne"));
  const Tsne loaded = Tsne::load(path("tsne"));
  EXPECT_TRUE(same_bytes(loaded.map(), tsne.map()));
  EXPECT_EQ(loaded.kl(), tsne.kl());
  EXPECT_EQ(loaded.perplexity(), 6);
  EXPECT_EQ(loaded.iterations(), 50);
  EXPECT_TRUE(
      same_bytes(loaded.transform(context, more).view(), tsne.transform(context, more).view()));
  write_bytes(path("other"), "not a model");
  EXPECT_NE(error_of([&] { Tsne::load(path("other")); }).find("other"), std::string::npos);
}

TEST(TsneAffinities, RowsHaveThePerplexityThatWasAskedFor) {
  Context context = Context::cpu();
  const Matrix<float> rows = planted(200, 5, 11);
  for (const double perplexity : {1.0, 4.5, 30.0, 60.0}) {
    const std::int64_t k =
        std::min<std::int64_t>(199, static_cast<std::int64_t>(3 * perplexity) + 1);
    const tsne::Neighbors neighbors = tsne::find_neighbors(context, rows, rows, true, k);
    const tsne::Affinities p = tsne::conditional_affinities(2, neighbors, perplexity);
    for (std::size_t i = 0; i < 200; ++i) {
      double entropy = 0, sum = 0;
      for (auto e = static_cast<std::size_t>(p.starts[i]);
           e < static_cast<std::size_t>(p.starts[i + 1]); ++e) {
        const double value = static_cast<double>(p.values[e]);
        sum += value;
        if (value > 0) entropy -= value * std::log(value);
      }
      EXPECT_NEAR(sum, 1, 1e-6);
      EXPECT_NEAR(std::exp(entropy), perplexity, 1e-5 * perplexity + 2e-4) << i;
    }
  }
}

// More than `nearest` takes are found another way, to the same result.
TEST(TsneAffinities, LongListsOfNeighborsAreThoseOfAFullSort) {
  Context context = Context::cpu({.threads = 2});
  Matrix<float> rows = planted(300, 3, 12);
  for (std::int64_t j = 0; j < 3; ++j) rows(17, j) = rows(40, j);
  const tsne::Neighbors few = tsne::find_neighbors(context, rows, rows, true, 128);
  const tsne::Neighbors many = tsne::find_neighbors(context, rows, rows, true, 299);
  for (std::int64_t i = 0; i < 300; ++i) {
    std::vector<bool> seen(300);
    for (std::int64_t j = 0; j < 299; ++j) {
      if (j < 128) {
        EXPECT_EQ(many.indices(i, j), few.indices(i, j));
      }
      EXPECT_LE(many.distances(i, std::max<std::int64_t>(j - 1, 0)), many.distances(i, j));
      EXPECT_NE(many.indices(i, j), i);
      EXPECT_FALSE(seen[static_cast<std::size_t>(many.indices(i, j))]);
      seen[static_cast<std::size_t>(many.indices(i, j))] = true;
    }
  }
}

TEST(TsneAffinities, JointOnesAreSymmetricAndSumToOne) {
  Context context = Context::cpu();
  const Matrix<float> rows = planted(157, 5, 13);
  const tsne::Affinities conditional =
      tsne::conditional_affinities(1, tsne::find_neighbors(context, rows, rows, true, 16), 5);
  const tsne::Affinities joint = tsne::joint_affinities(2, conditional);
  std::map<std::pair<std::int32_t, std::int32_t>, double> expected;
  for (std::int32_t i = 0; i < 157; ++i) {
    for (std::size_t e = static_cast<std::size_t>(i) * 16; e < static_cast<std::size_t>(i + 1) * 16;
         ++e) {
      const double half = static_cast<double>(conditional.values[e]) / (2 * 157);
      expected[{i, conditional.columns[e]}] += half;
      expected[{conditional.columns[e], i}] += half;
    }
  }
  ASSERT_EQ(joint.columns.size(), expected.size());
  auto next = expected.begin();
  for (std::int32_t i = 0; i < 157; ++i) {
    for (auto e = static_cast<std::size_t>(joint.starts[static_cast<std::size_t>(i)]);
         e < static_cast<std::size_t>(joint.starts[static_cast<std::size_t>(i) + 1]); ++e, ++next) {
      EXPECT_EQ(next->first, std::pair(i, joint.columns[e]));
      EXPECT_NEAR(static_cast<double>(joint.values[e]), next->second, 1e-9);
    }
  }
  EXPECT_NEAR(joint.mass(), 1, 1e-6);
}

}  // namespace
}  // namespace clipk::test
