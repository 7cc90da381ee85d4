#include "clipk/metrics/silhouette.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "clipk/metrics/nearest_label.hpp"
#include "clipk/metrics/stability.hpp"
#include "golden/clustering.inc"
#include "metrics/labelings.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"
#include "support/uniform_rows.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 2) {
  return Context::cpu({.threads = threads});
}

// Rows of classes that lie apart a little, and their labels.
struct Data {
  Matrix<float> rows;
  std::vector<std::int32_t> labels;
};
Data make(std::int64_t n, std::int64_t d, std::uint32_t k, std::uint32_t seed) {
  Data data{uniform_rows(n, d, seed), random_labels(n, k, seed + 1)};
  for (std::int64_t i = 0; i < n; ++i) {
    data.rows(i, 0) += static_cast<float>(data.labels[static_cast<std::size_t>(i)] % 5) / 8;
  }
  return data;
}

double score(const Data& data, const SilhouetteOptions& options = {}, int threads = 2) {
  Context context = cpu(threads);
  return silhouette(context, data.rows, view_of(data.labels), options);
}

// The definition, in double.
std::vector<double> plain(const Data& data) {
  const std::int64_t n = data.rows.rows();
  const auto label = [&](std::int64_t i) { return data.labels[static_cast<std::size_t>(i)]; };
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto classes =
        static_cast<std::size_t>(*std::max_element(data.labels.begin(), data.labels.end())) + 1;
    std::vector<double> sums(classes), sizes(classes);
    for (std::int64_t j = 0; j < n; ++j) {
      double square = 0;
      for (std::int64_t k = 0; k < data.rows.cols(); ++k) {
        const double difference =
            static_cast<double>(data.rows(i, k)) - static_cast<double>(data.rows(j, k));
        square += difference * difference;
      }
      sums[static_cast<std::size_t>(label(j))] += std::sqrt(square);
      ++sizes[static_cast<std::size_t>(label(j))];
    }
    const auto own = static_cast<std::size_t>(label(i));
    double b = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < classes; ++c) {
      if (c != own && sizes[c] > 0) b = std::min(b, sums[c] / sizes[c]);
    }
    const double a = sums[own] / (sizes[own] - 1);
    values.push_back(sizes[own] == 1 ? 0 : (b - a) / std::max(a, b));
  }
  return values;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST(Silhouette, ValuesOfScikitLearn) {
  for (const auto& c : golden::kSilhouetteCases) {
    SCOPED_TRACE(c.n);
    const Data data = make(c.n, c.d, c.k, c.seed);
    EXPECT_NEAR(score(data), c.euclidean, 1e-6);
    EXPECT_NEAR(score(data, {.metric = Metric::cosine}), c.cosine, 1e-6);
  }
}

TEST(Silhouette, MoreRowsThanATile) {
  const Data data = make(4500, 3, 6, 5);
  EXPECT_NEAR(score(data), mean(plain(data)), 1e-6);
}

TEST(Silhouette, ASampleIsComparedWithAllRows) {
  const Data data = make(600, 4, 5, 6);
  const std::vector<double> all = plain(data);
  // The mean of all samples of 1 is that of the rows: a value of `all` each.
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const double one = score(data, {.sample = 1, .seed = seed});
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](double value) {
      return std::fabs(value - one) < 1e-5;
    })) << one;
  }
  double sum = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) sum += score(data, {.sample = 60, .seed = seed});
  EXPECT_NEAR(sum / 100, mean(all), 0.01);
  EXPECT_NE(score(data, {.sample = 60, .seed = 1}), score(data, {.sample = 60, .seed = 2}));
  EXPECT_EQ(score(data, {.sample = 60, .seed = 1}), score(data, {.sample = 60, .seed = 1}, 1));
  EXPECT_EQ(score(data, {.sample = 600}), score(data));
}

TEST(Silhouette, ThreadsStridesLabelsAndMissingRowsChangeNothing) {
  const Data data = make(700, 20, 6, 7);
  const double expected = score(data);
  EXPECT_EQ(score(data, {}, 1), expected);
  // The same rows inside a wider matrix, among rows without a label, under other names.
  Matrix<float> wide(1050, 30);
  std::vector<std::int32_t> labels(1050, -1);
  for (std::int64_t i = 0; i < 700; ++i) {
    const std::int64_t to = i + i / 2;
    for (std::int64_t k = 0; k < 20; ++k) wide(to, k + 4) = data.rows(i, k);
    labels[static_cast<std::size_t>(to)] =
        100'000'000 + 3 * data.labels[static_cast<std::size_t>(i)];
  }
  Context context = cpu();
  EXPECT_EQ(silhouette(context, wide.view().col_range(4, 20), view_of(labels)), expected);
}

TEST(Silhouette, PointsThatCoincide) {
  // Two clusters, each of equal points: a = 0, so 1 each; all points equal: 0.
  Data data{Matrix<float>(40, 3), std::vector<std::int32_t>(40)};
  for (std::size_t i = 20; i < 40; ++i) data.labels[i] = 1;
  EXPECT_EQ(score(data), 0);
  for (std::int64_t i = 20; i < 40; ++i) data.rows(i, 1) = 1e-3F;
  EXPECT_EQ(score(data), 1);
}

TEST(Silhouette, BadInputIsNamed) {
  Data data = make(6, 2, 3, 8);
  const auto reason = [&](const SilhouetteOptions& options = {}) {
    return error_of([&] { score(data, options); });
  };
  EXPECT_HAS(reason({.sample = -1}), "silhouette: expected a sample of 0 or more, got -1");
  data.labels = {1, 1, 1, 1, 1, 1};
  EXPECT_EQ(reason(),
            "silhouette: expected from 2 to n - 1 clusters of the n = 6 rows with a label, got 1");
  data.labels = {0, 1, 2, 3, 4, 5};
  EXPECT_HAS(reason(), "n = 6 rows with a label, got 6");
  data.labels = {0, 1, -1, -1, -1, -1};
  EXPECT_HAS(reason(), "n = 2 rows with a label, got 2");
  data.labels = {0, 1, 1, 1, 0};
  EXPECT_EQ(reason(), "silhouette: expected labels of size 6, got 5");
  data.labels = {0, 1, 1, 1, 0, 0};
  data.rows(4, 0) = data.rows(4, 1) = 0;
  EXPECT_EQ(reason({.metric = Metric::cosine}),
            "silhouette: expected rows of length above 0 under cosine, got a zero vector in row 4");
  data.rows(3, 1) = NAN;
  EXPECT_EQ(reason(), "silhouette rows: expected finite values, got nan in row 3, column 1");
}

TEST(NearestLabel, IsTheDefinition) {
  for (const std::int64_t n : {2, 17, 257, 1021}) {
    Data data = make(n, 3, 4, 9);
    for (std::size_t i = 3; i < data.labels.size(); i += 5) data.labels[i] = -1;
    std::int64_t right = 0, count = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int32_t own = data.labels[static_cast<std::size_t>(i)];
      if (own < 0) continue;
      double best = std::numeric_limits<double>::infinity();
      std::int32_t found = -1;
      for (std::int64_t j = 0; j < n; ++j) {
        const std::int32_t label = data.labels[static_cast<std::size_t>(j)];
        if (j == i || label < 0) continue;
        double square = 0;
        for (std::int64_t k = 0; k < 3; ++k) {
          const double difference =
              static_cast<double>(data.rows(i, k)) - static_cast<double>(data.rows(j, k));
          square += difference * difference;
        }
        if (square < best) {
          best = square;
          found = label;
        }
      }
      right += found == own;
      ++count;
    }
    Context context = cpu();
    EXPECT_EQ(nearest_label_accuracy(context, data.rows, view_of(data.labels)),
              static_cast<double>(right) / static_cast<double>(count))
        << n;
  }
}

TEST(NearestLabel, BadInputIsNamed) {
  const Matrix<float> rows = uniform_rows(4, 2, 1);
  Context context = cpu();
  const auto reason = [&](const std::vector<std::int32_t>& labels) {
    return error_of([&] { nearest_label_accuracy(context, rows, view_of(labels)); });
  };
  EXPECT_EQ(reason({0, 1, 2}), "nearest_label_accuracy: expected labels of size 4, got 3");
  EXPECT_EQ(reason({-1, 1, -1, -1}),
            "nearest_label_accuracy: expected at least 2 rows with a label, got 1");
}

TEST(Stability, MeanAndDeviationOverPairs) {
  // ARI of (a, b) is 1 (renamed); both differ from c as [001122] from [001222].
  const std::vector<std::vector<std::int32_t>> labelings = {
      {0, 0, 1, 1, 2, 2}, {5, 5, 4, 4, 3, 3}, {0, 0, 1, 2, 2, 2}};
  const Stability result = stability(labelings);
  const double ari = 4.0 / 9;
  EXPECT_EQ(result.pairs, 3);
  EXPECT_NEAR(result.mean, (1 + 2 * ari) / 3, 1e-15);
  EXPECT_NEAR(result.standard_deviation, (1 - ari) / std::sqrt(3.0), 1e-15);
  const Stability pair = stability(std::span(labelings).first(2));
  EXPECT_EQ(pair.mean, 1);
  EXPECT_EQ(pair.standard_deviation, 0);
  EXPECT_EQ(error_of([&] { stability(std::span(labelings).first(1)); }),
            "stability: expected at least 2 labelings, got 1");
  EXPECT_EQ(error_of([] {
              stability(std::vector<std::vector<std::int32_t>>{{0, 1}, {0, 1, 2}});
            }),
            "stability: expected labelings of size 2, got 3");
}

}  // namespace
}  // namespace clipk::test
