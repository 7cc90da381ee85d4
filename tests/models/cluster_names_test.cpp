#include "clipk/models/cluster_names.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "clipk/models/kmeans.hpp"
#include "metrics/labelings.hpp"
#include "support/arrays.hpp"
#include "support/coco500.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 2, std::uint64_t seed = 0) {
  return Context::cpu({.seed = seed, .threads = threads});
}

Matrix<float> random_rows(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Context context = cpu();
  const std::vector<float> values = normals(n * d, seed);
  return Matrix<float>::copy_of(context, MatrixView<const float>(values.data(), n, d));
}

// Images about directions of four themes, far from the texts by a gap; text 5 + c is theme c's, the
// others are of nothing.
struct Planted {
  Matrix<float> images, texts;
  std::vector<std::int32_t> labels;
};

Planted planted(std::int64_t n, double noise, std::uint64_t seed) {
  constexpr std::int64_t kDim = 32;
  const Matrix<float> themes = random_rows(4, kDim, seed);
  const Matrix<float> gaps = random_rows(2, kDim, seed + 1);
  Planted data{random_rows(n, kDim, seed + 2), random_rows(40, kDim, seed + 3),
               random_labels(n, 4, static_cast<std::uint32_t>(seed))};
  for (std::int64_t j = 0; j < kDim; ++j) {
    for (std::int64_t i = 0; i < n; ++i) {
      float& value = data.images(i, j);
      value = static_cast<float>(noise) * value + 3 * gaps(0, j);
      value += themes(data.labels[static_cast<std::size_t>(i)], j);
    }
    for (std::int64_t i = 0; i < 40; ++i) {
      data.texts(i, j) += 3 * gaps(1, j);
      if (i >= 5 && i < 9) data.texts(i, j) = 3 * gaps(1, j) + themes(i - 5, j);
    }
  }
  for (std::int32_t& label : data.labels) label = 10 * label + 7;  // any numbers will do
  return data;
}

TEST(ClusterNames, PlantedThemesAreFound) {
  const Planted data = planted(400, 0.7, 1);
  Context context = cpu();
  const auto named = cluster_names(context, data.images, data.labels, data.texts);
  ASSERT_EQ(named.size(), 4U);
  std::int64_t rows = 0;
  for (std::size_t c = 0; c < 4; ++c) {
    EXPECT_EQ(named[c].label, static_cast<std::int32_t>(10 * c + 7));
    EXPECT_EQ(named[c].size, std::count(data.labels.begin(), data.labels.end(), named[c].label));
    rows += named[c].size;
    ASSERT_EQ(named[c].names.size(), 3U);
    EXPECT_EQ(named[c].names[0].text, static_cast<std::int64_t>(5 + c));
    EXPECT_GT(named[c].names[0].cosine, 0.8);
    EXPECT_GE(named[c].names[0].cosine, named[c].names[1].cosine);
    EXPECT_GE(named[c].names[1].cosine, named[c].names[2].cosine);
    EXPECT_NEAR(named[c].margin, named[c].names[0].cosine - named[c].names[0].elsewhere, 1e-15);
    EXPECT_GT(named[c].margin, 0.5);
    EXPECT_DOUBLE_EQ(named[c].p, 0.001);
    EXPECT_DOUBLE_EQ(named[c].q, 0.001);
  }
  EXPECT_EQ(rows, 400);
}

// The definition, in double.
TEST(ClusterNames, CosinesAreThoseOfTheDefinition) {
  const Planted data = planted(50, 1.5, 3);
  std::vector<std::int32_t> labels = data.labels;
  labels[3] = labels[17] = -1;
  const std::int64_t d = data.images.cols();
  const auto centred = [d](const Matrix<float>& rows, const std::vector<std::int32_t>& counted) {
    std::vector<std::vector<double>> unit;
    std::vector<double> mean(static_cast<std::size_t>(d));
    double count = 0;
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      std::vector<double> row(rows.view().row(i), rows.view().row(i) + d);
      double square = 0;
      for (const double value : row) square += value * value;
      for (double& value : row) value /= std::sqrt(square);
      if (counted[static_cast<std::size_t>(i)] >= 0) {
        ++count;
        for (std::size_t j = 0; j < row.size(); ++j) mean[j] += row[j];
      }
      unit.push_back(row);
    }
    for (auto& row : unit) {
      for (std::size_t j = 0; j < row.size(); ++j) row[j] -= mean[j] / count;
    }
    return unit;
  };
  const auto images = centred(data.images, labels);
  const auto texts = centred(data.texts, std::vector<std::int32_t>(40));
  const auto cosine = [&](std::int32_t label, std::int64_t text) {
    std::vector<double> centre(static_cast<std::size_t>(d));
    for (std::size_t i = 0; i < images.size(); ++i) {
      if (labels[i] != label) continue;
      for (std::size_t j = 0; j < centre.size(); ++j) centre[j] += images[i][j];
    }
    const auto& word = texts[static_cast<std::size_t>(text)];
    double aa = 0, bb = 0, ab = 0;
    for (std::size_t j = 0; j < centre.size(); ++j) {
      aa += centre[j] * centre[j];
      bb += word[j] * word[j];
      ab += centre[j] * word[j];
    }
    return ab / std::sqrt(aa * bb);
  };
  Context context = cpu();
  const auto named =
      cluster_names(context, data.images, labels, data.texts, {.names = 40, .permutations = 0});
  for (const NamedCluster& cluster : named) {
    ASSERT_EQ(cluster.names.size(), 40U);
    EXPECT_EQ(cluster.p, 1);
    for (const NamingText& name : cluster.names) {
      EXPECT_NEAR(name.cosine, cosine(cluster.label, name.text), 1e-6);
      double elsewhere = -1;
      for (const NamedCluster& other : named) {
        if (&other != &cluster) elsewhere = std::max(elsewhere, cosine(other.label, name.text));
      }
      EXPECT_NEAR(name.elsewhere, elsewhere, 1e-6);
    }
  }
}

TEST(ClusterNames, OfRandomLabelsHaveUniformPValues) {
  // 100 labelings of one set of images by chance, 3 clusters each.
  const Planted data = planted(60, 0.7, 5);
  std::vector<double> p;
  for (std::uint32_t trial = 0; trial < 100; ++trial) {
    Context context = cpu(2, trial);
    const auto labels = random_labels(60, 3, 1000 + trial);
    const auto named =
        cluster_names(context, data.images, labels, data.texts, {.names = 1, .permutations = 99});
    // One of the three: they share their rows, so all three would not be 300 samples.
    p.push_back(named[trial % 3].p);
  }
  std::sort(p.begin(), p.end());
  double distance = 0;  // Kolmogorov and Smirnov's; 1.63 / sqrt(100) is passed once in a hundred
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double expected = static_cast<double>(i + 1) / static_cast<double>(p.size());
    distance = std::max({distance, std::abs(p[i] - expected), std::abs(p[i] - expected + 0.01)});
  }
  EXPECT_LT(distance, 0.163);
  EXPECT_GT(p.back(), 0.9);
}

TEST(ClusterNames, EachClusterHasItsOwnPValue) {
  // One theme among noise.
  const Matrix<float> themes = random_rows(1, 32, 21);
  Matrix<float> images = random_rows(200, 32, 23), words = random_rows(41, 32, 24);
  const std::vector<std::int32_t> labels = random_labels(200, 4, 25);
  for (std::int64_t j = 0; j < 32; ++j) {
    words(7, j) = 2 * themes(0, j);
    for (std::int64_t i = 0; i < 200; ++i) {
      if (labels[static_cast<std::size_t>(i)] == 2) images(i, j) += themes(0, j);
    }
  }
  Context context = cpu();
  const auto named = cluster_names(context, images, labels, words);
  EXPECT_EQ(named[2].names[0].text, 7);
  EXPECT_DOUBLE_EQ(named[2].p, 0.001);
  EXPECT_DOUBLE_EQ(named[2].q, 0.004);
  EXPECT_GT(std::max({named[0].p, named[1].p, named[3].p}), 0.1);
}

TEST(ClusterNames, MeansOfABankReplaceTheRows) {
  const Planted data = planted(200, 0.7, 7);
  Context context = cpu();
  const auto mean_of = [](const Matrix<float>& rows) {
    std::vector<double> mean(static_cast<std::size_t>(rows.cols()));
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      double square = 0;
      for (std::int64_t j = 0; j < rows.cols(); ++j) {
        square += static_cast<double>(rows(i, j)) * static_cast<double>(rows(i, j));
      }
      for (std::int64_t j = 0; j < rows.cols(); ++j) {
        mean[static_cast<std::size_t>(j)] += static_cast<double>(rows(i, j)) / std::sqrt(square);
      }
    }
    std::vector<float> result;
    for (const double value : mean) {
      result.push_back(static_cast<float>(value / static_cast<double>(rows.rows())));
    }
    return result;
  };
  const std::vector<float> images = mean_of(data.images), texts = mean_of(data.texts);
  const auto own = cluster_names(context, data.images, data.labels, data.texts);
  const auto bank = cluster_names(context, data.images, data.labels, data.texts,
                                  {.image_mean = view_of(images), .text_mean = view_of(texts)});
  for (std::size_t c = 0; c < own.size(); ++c) {
    EXPECT_EQ(own[c].names[0].text, bank[c].names[0].text);
    EXPECT_NEAR(own[c].names[0].cosine, bank[c].names[0].cosine, 1e-5);
  }
  // With a bank's mean a single text can be asked about.
  const auto one = cluster_names(context, data.images, data.labels,
                                 data.texts.view().row_range(6, 1), {.text_mean = view_of(texts)});
  EXPECT_NEAR(one[1].names[0].cosine, own[1].names[0].cosine, 1e-5);
  EXPECT_GT(one[1].margin, 0.5);
  EXPECT_LT(one[0].margin, 0);
}

TEST(ClusterNames, DoNotDependOnThreads) {
  const Planted data = planted(150, 2, 9);
  Context one = cpu(1), two = cpu(2);
  const auto a = cluster_names(one, data.images, data.labels, data.texts, {.permutations = 200});
  const auto b = cluster_names(two, data.images, data.labels, data.texts, {.permutations = 200});
  for (std::size_t c = 0; c < a.size(); ++c) {
    EXPECT_EQ(a[c].p, b[c].p);
    EXPECT_EQ(a[c].q, b[c].q);
    EXPECT_EQ(a[c].margin, b[c].margin);
    EXPECT_EQ(a[c].names[2].text, b[c].names[2].text);
  }
}

TEST(ClusterNames, OfCocoAreCaptionsOfTheirImages) {
  CLIPK_COCO500_OR_SKIP(data, false);
  Context context = cpu();
  const KMeans fit = KMeans::fit(context, data.images, {.k = 8, .spherical = true});
  const auto named = cluster_names(context, data.images, fit.labels(), data.texts);
  std::int64_t own = 0, found = 0;
  for (const NamedCluster& cluster : named) {
    for (const NamingText& name : cluster.names) {
      own += fit.labels()[static_cast<std::size_t>(name.text)] == cluster.label;
    }
    found += cluster.q <= 0.05;
  }
  EXPECT_GE(own, 20);  // of 24, where 3 are expected by chance
  EXPECT_GE(found, 6);
}

TEST(ClusterNames, RefuseWhatCannotBeNamed) {
  Context context = cpu();
  const Planted data = planted(20, 1, 11);
  const auto refused = [&](const std::vector<std::int32_t>& labels, MatrixView<const float> texts,
                           const ClusterNamesOptions& options = {}) {
    return error_of([&] { cluster_names(context, data.images, labels, texts, options); });
  };
  const Matrix<float> narrow = random_rows(5, 31, 1), none(0, 32);
  EXPECT_EQ(refused(std::vector<std::int32_t>(19), data.texts),
            "cluster_names: expected labels of size 20, got 19");
  EXPECT_EQ(refused(data.labels, narrow), "cluster_names: expected texts of dimension 32, got 31");
  EXPECT_EQ(refused(data.labels, none), "cluster_names: expected at least 1 text, got 0");
  EXPECT_EQ(refused(std::vector<std::int32_t>(20, 3), data.texts),
            "cluster_names: expected labels of 2 or more clusters, got 1");
  EXPECT_EQ(refused(std::vector<std::int32_t>(20, -1), data.texts),
            "cluster_names: expected labels of 2 or more clusters, got 0");
  EXPECT_EQ(
      refused(data.labels, data.texts.view().row_range(0, 1)),
      "cluster_names: expected texts that differ from their mean, got text 0, which does not");
  EXPECT_EQ(refused(data.labels, data.texts, {.names = 0}),
            "cluster_names: expected names of 1 or more, got 0");
  EXPECT_EQ(refused(data.labels, data.texts, {.permutations = -1}),
            "cluster_names: expected from 0 to 4294967295 permutations, got -1");
  std::vector<float> mean(31);
  EXPECT_EQ(refused(data.labels, data.texts, {.image_mean = view_of(mean)}),
            "cluster_names: expected image_mean of size 32, got 31");
  mean.resize(32);
  mean[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(refused(data.labels, data.texts, {.text_mean = view_of(mean)}),
            "cluster_names text_mean: expected finite values, got nan in row 0, column 4");

  Matrix<float> texts = random_rows(5, 32, 1);
  texts(2, 3) = std::numeric_limits<float>::infinity();
  EXPECT_EQ(refused(data.labels, texts),
            "cluster_names texts: expected finite values, got inf in row 2, column 3");
  std::fill_n(texts.view().row(2), 32, 0.0F);
  EXPECT_EQ(refused(data.labels, texts),
            "cluster_names texts: expected rows of length above 0, got a zero vector in row 2");
  // Two clusters of the same rows: both centres are the mean of all.
  Matrix<float> twice(6, 32);
  for (std::int64_t i = 0; i < 6; ++i) {
    std::copy_n(data.images.view().row(i % 3), 32, twice.view().row(i));
  }
  const std::vector<std::int32_t> halves{4, 4, 4, 9, 9, 9};
  EXPECT_EQ(
      error_of([&] { cluster_names(context, twice, halves, data.texts); }),
      "cluster_names: expected clusters whose centre differs from the mean of the images, got "
      "cluster 4, whose centre does not");
}

}  // namespace
}  // namespace clipk::test
