#include "clipk/metrics/geometry.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "clipk/models/pca.hpp"
#include "golden/metrics.inc"
#include "support/arrays.hpp"
#include "support/coco500.hpp"
#include "support/error_of.hpp"
#include "support/uniform_rows.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 2) {
  return Context::cpu({.threads = threads});
}

// (1 - tau_a) / 2 by its definition, over every two distances.
double plain_kendall_distance(const std::vector<float>& d, const std::vector<float>& e) {
  double sum = 0, all = 0;
  for (std::size_t a = 0; a < d.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      const int sign_d = (d[a] > d[b]) - (d[a] < d[b]);
      const int sign_e = (e[a] > e[b]) - (e[a] < e[b]);
      sum += (1 - sign_d * sign_e) / 2.0;
      ++all;
    }
  }
  return sum / all;
}

double kendall_distance_of(int threads, const std::vector<float>& d, const std::vector<float>& e) {
  Context context = cpu(threads);
  return kendall_distance(context, {d.data(), static_cast<std::int64_t>(d.size())},
                          {e.data(), static_cast<std::int64_t>(e.size())});
}

// Small integers: almost every distance is tied.
std::vector<float> integers(std::size_t n, std::uint64_t seed, std::uint64_t below) {
  Random random(seed, RandomStream::data);
  std::vector<float> result(n);
  for (float& value : result) value = static_cast<float>(random.below(below));
  return result;
}

TEST(KendallDistance, AllPairsOfPairs) {
  for (const std::size_t n : {2, 3, 15, 16, 17, 33, 113, 257, 1021, 3000}) {
    for (const std::uint64_t below : {2, 7, 100000}) {
      const std::vector<float> d = integers(n, 1, below), e = integers(n, 2, below);
      EXPECT_DOUBLE_EQ(kendall_distance_of(2, d, e), plain_kendall_distance(d, e))
          << n << " " << below;
    }
  }
}

// Beyond one leaf and one piece of the merge sort, where the plain loop would take too long: the
// inversions of a known permutation.
TEST(KendallDistance, ManyPairsInKnownOrder) {
  const std::size_t n = 700001;
  std::vector<float> up(n), down(n), halves(n);
  for (std::size_t i = 0; i < n; ++i) {
    up[i] = static_cast<float>(i);
    down[i] = static_cast<float>(n - 1 - i);
    halves[i] = static_cast<float>((i + n / 2) % n);  // two ascending runs, exchanged
  }
  EXPECT_EQ(kendall_distance_of(2, up, up), 0);
  EXPECT_EQ(kendall_distance_of(2, up, down), 1);
  const double pairs = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
  const double runs = static_cast<double>(n / 2) * static_cast<double>(n - n / 2);
  EXPECT_DOUBLE_EQ(kendall_distance_of(2, up, halves), runs / pairs);
  EXPECT_EQ(kendall_distance_of(2, up, std::vector<float>(n)), 0.5);  // codes all equal: chance
  const std::vector<float> d = integers(n, 3, 5000000), e = integers(n, 4, 5000000);
  EXPECT_NEAR(kendall_distance_of(1, d, e), 0.5, 2e-3);
  EXPECT_EQ(kendall_distance_of(1, d, e), kendall_distance_of(2, d, e));
  // Reversing one side reverses every two distances that are not tied; their order does not matter.
  std::vector<float> turned = e;
  for (float& value : turned) value = 5000000 - value;
  EXPECT_NEAR(kendall_distance_of(2, d, e) + kendall_distance_of(2, d, turned), 1, 1e-12);
  EXPECT_EQ(kendall_distance_of(2, d, e), kendall_distance_of(2, e, d));
}

struct Blocks {
  Matrix<float> x = uniform_rows(50, 12, 3);
  Matrix<float> y = uniform_rows(40, 12, 4);
  DistanceBlock within() const { return {.x = x}; }
  DistanceBlock cross() const { return {.x = x, .y = y}; }
  DistanceBlock within(std::int64_t k) const { return {.x = x.view().col_range(0, k)}; }
  DistanceBlock cross(std::int64_t k) const {
    return {.x = x.view().col_range(0, k), .y = y.view().col_range(0, k)};
  }
};

TEST(Geometry, AgreesWithScipy) {
  Context context = cpu();
  const Blocks rows;
  for (std::size_t g = 0; g < 3; ++g) {
    const std::int64_t k = std::array<std::int64_t, 3>{1, 2, 6}[g];
    EXPECT_NEAR(kendall_distance(context, rows.within(), rows.within(k)),
                golden::kendall_distance_within[g], 1e-12);
    EXPECT_NEAR(kendall_distance(context, rows.cross(), rows.cross(k)),
                golden::kendall_distance_cross[g], 1e-12);
    EXPECT_NEAR(stress1(context, rows.within(), rows.within(k)), golden::stress1_within[g], 1e-12);
    EXPECT_NEAR(stress1(context, rows.cross(), rows.cross(k)), golden::stress1_cross[g], 1e-12);
  }
}

TEST(Geometry, TiesAgreeWithScipy) {
  Matrix<float> lattice = uniform_rows(50, 12, 5);
  for (std::int64_t i = 0; i < lattice.rows() * 12; ++i) {
    lattice.data()[i] = std::nearbyint(lattice.data()[i] * 6);
  }
  Context context = cpu();
  for (const Metric metric : {Metric::squared_euclidean, Metric::euclidean}) {
    const DistanceBlock high{.x = lattice.view().col_range(0, 4), .metric = metric};
    const DistanceBlock low{.x = lattice.view().col_range(0, 2)};
    EXPECT_NEAR(kendall_distance(context, high, low), golden::kendall_distance_ties[0], 1e-12);
  }
}

TEST(Geometry, MetricsHaveTheirUnits) {
  Context context = cpu();
  const Blocks rows;
  const std::int64_t pairs = 50 * 40;
  std::vector<float> cosine(pairs), square(pairs);
  double cc = 0, cs = 0, ss = 0;
  for (std::int64_t i = 0; i < 50; ++i) {
    for (std::int64_t j = 0; j < 40; ++j) {
      double xy = 0, xx = 0, yy = 0, dd = 0;
      for (std::int64_t k = 0; k < 12; ++k) {
        const auto x = static_cast<double>(rows.x(i, k)), y = static_cast<double>(rows.y(j, k));
        xy += x * y;
        xx += x * x;
        yy += y * y;
        dd += (x - y) * (x - y);
      }
      const double c = 1 - xy / std::sqrt(xx * yy);
      cosine[static_cast<std::size_t>(i * 40 + j)] = static_cast<float>(c);
      square[static_cast<std::size_t>(i * 40 + j)] = static_cast<float>(dd);
      cc += c * c;
      cs += c * dd;
      ss += dd * dd;
    }
  }
  DistanceBlock high = rows.cross(), low = rows.cross();
  high.metric = Metric::cosine;
  low.metric = Metric::squared_euclidean;
  EXPECT_NEAR(stress1(context, high, low), std::sqrt(1 - cs * cs / cc / ss), 1e-12);
  EXPECT_NEAR(kendall_distance(context, high, low), plain_kendall_distance(cosine, square), 1e-6);
  const SampledKendallDistance sampled = sampled_kendall_distance(context, high, low, 100000, 1);
  EXPECT_NEAR(sampled.distance, plain_kendall_distance(cosine, square), 4 * sampled.standard_error);
}

TEST(Geometry, BlocksOfRowsLeaveNothingOut) {
  // More rows than one block of the stream has.
  const Matrix<float> x = uniform_rows(600, 12, 8);
  std::vector<float> d, e;
  for (std::int64_t i = 0; i < 600; ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      double high = 0, low = 0;
      for (std::int64_t k = 0; k < 12; ++k) {
        const double difference = static_cast<double>(x(i, k)) - static_cast<double>(x(j, k));
        high += difference * difference;
        if (k < 3) low = high;
      }
      d.push_back(static_cast<float>(std::sqrt(high)));
      e.push_back(static_cast<float>(std::sqrt(low)));
    }
  }
  Context one = cpu(1), two = cpu(2);
  const DistanceBlock high{.x = x}, low{.x = x.view().col_range(0, 3)};
  EXPECT_NEAR(kendall_distance(two, high, low), kendall_distance_of(2, d, e), 1e-9);
  EXPECT_EQ(kendall_distance(two, high, low), kendall_distance(one, high, low));
  EXPECT_EQ(stress1(two, high, low), stress1(one, high, low));
  EXPECT_EQ(sampled_kendall_distance(two, high, low, 5000, 1).distance,
            sampled_kendall_distance(one, high, low, 5000, 1).distance);
}

TEST(Stress1, IgnoresScaleAndIsAtMostOne) {
  Context context = cpu();
  const Blocks rows;
  Matrix<float> scaled(50, 12), perturbed(50, 12), equal(50, 1);
  for (std::int64_t i = 0; i < 600; ++i) {
    scaled.data()[i] = 4 * rows.x.data()[i];
    perturbed.data()[i] = rows.x.data()[i] * (1 + (i % 2 == 0 ? 1e-5F : -1e-5F));
  }
  EXPECT_LT(stress1(context, rows.within(), {.x = scaled}), 1e-14);
  const double tiny = stress1(context, rows.within(), {.x = perturbed});
  EXPECT_GT(tiny, 1e-6);
  EXPECT_LT(tiny, 1e-5);
  EXPECT_EQ(stress1(context, rows.within(), {.x = equal}), 1);
}

TEST(SampledKendallDistance, ApproachesTheExactOne) {
  Context context = cpu();
  const Blocks rows;
  for (const auto& [high, low] :
       {std::pair{rows.within(), rows.within(2)}, std::pair{rows.cross(), rows.cross(2)}}) {
    const SampledKendallDistance sampled = sampled_kendall_distance(context, high, low, 200000, 7);
    EXPECT_NEAR(sampled.standard_error, 0.0007, 0.0003);
    EXPECT_NEAR(sampled.distance, kendall_distance(context, high, low), 4 * sampled.standard_error);
  }
  // Three points have three distances: one drawn twice would tie, and pull the error toward 1/2.
  const Matrix<float> three = uniform_rows(3, 4, 1);
  EXPECT_EQ(sampled_kendall_distance(context, {.x = three}, {.x = three}, 10000, 1).distance, 0);
}

TEST(Trustworthiness, AgreesWithScikitLearn) {
  Context context = cpu();
  const Matrix<float> x = uniform_rows(50, 12, 3);
  for (std::size_t g = 0; g < 3; ++g) {
    const std::int64_t k = std::array<std::int64_t, 3>{1, 5, 12}[g];
    EXPECT_NEAR(trustworthiness(context, x, x.view().col_range(0, 2), k),
                golden::trustworthiness[g], 1e-12);
    EXPECT_EQ(trustworthiness(context, x, x, k), 1);
  }
}

TEST(Trustworthiness, ManyRowsFollowTheDefinition) {
  const std::int64_t n = 300, k = 6;
  const Matrix<float> x = uniform_rows(n, 12, 9);
  const auto near = [&](std::int64_t i, std::int64_t dims) {
    std::vector<std::pair<double, std::int64_t>> order;
    for (std::int64_t j = 0; j < n; ++j) {
      double square = 0;
      for (std::int64_t c = 0; c < dims; ++c) {
        square += std::pow(static_cast<double>(x(i, c)) - static_cast<double>(x(j, c)), 2);
      }
      if (j != i) order.emplace_back(square, j);
    }
    std::sort(order.begin(), order.end());
    return order;
  };
  double penalty = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto high = near(i, 12), low = near(i, 2);
    for (std::int64_t a = 0; a < k; ++a) {
      const auto place = std::find_if(high.begin(), high.end(), [&](const auto& entry) {
        return entry.second == low[static_cast<std::size_t>(a)].second;
      });
      penalty += std::max(0.0, static_cast<double>(place - high.begin() + 1 - k));
    }
  }
  const double expected = 1 - 2 * penalty / static_cast<double>(n * k * (2 * n - 3 * k - 1));
  for (const int threads : {1, 2}) {
    Context context = cpu(threads);
    EXPECT_DOUBLE_EQ(trustworthiness(context, x, x.view().col_range(0, 2), k), expected);
  }
}

// Said before any memory is taken, as the system would grant it and then end the process.
TEST(Geometry, KendallDistanceSaysWhatMemoryItNeeds) {
  Context context = cpu();
  const Matrix<float> many(1'000'000, 1);
  const std::string error = error_of([&] { kendall_distance(context, {.x = many}, {.x = many}); });
  EXPECT_TRUE(error.starts_with(
      "kendall_distance: expected 8000.0 GB of memory to sort 499999500000 distances, got "))
      << error;
  EXPECT_HAS(error, " GB (sampled_kendall_distance needs none)");
}

TEST(Geometry, BadInputIsNamed) {
  Context context = cpu();
  const Blocks rows;
  const Matrix<float> six = uniform_rows(6, 12, 1), five = uniform_rows(5, 3, 1);
  EXPECT_EQ(error_of([&] { stress1(context, {.x = six}, {.x = five}); }),
            "stress1: expected low of 6 and 0 rows, got 5 and 0");
  EXPECT_EQ(error_of([&] { kendall_distance(context, rows.cross(), rows.within(2)); }),
            "kendall_distance: expected low of 50 and 40 rows, got 50 and 0");
  const Matrix<float> two = uniform_rows(2, 12, 1);
  EXPECT_EQ(error_of([&] { kendall_distance(context, {.x = two}, {.x = two}); }),
            "kendall_distance: expected at least 2 distances, got 1");
  EXPECT_EQ(error_of([&] { sampled_kendall_distance(context, {.x = two}, {.x = two}, 9, 1); }),
            "sampled_kendall_distance: expected at least 2 distances, got 1");
  EXPECT_EQ(error_of([&] { stress1(context, {.x = six, .y = five}, {.x = six, .y = five}); }),
            "stress1: expected high.y of 12 columns, got 3");
  EXPECT_EQ(error_of([&] { trustworthiness(context, six, six, 3); }),
            "trustworthiness: expected a k from 1 to 2 for 6 rows, got 3");
  const std::vector<float> d{1, 2, 3}, e{1, -2, 3};
  EXPECT_EQ(error_of([&] { kendall_distance_of(1, d, e); }),
            "kendall_distance: expected finite distances of 0 or more, got -2.000000 at 1");
  Matrix<float> bad = uniform_rows(6, 12, 1);
  bad(4, 2) = NAN;
  EXPECT_EQ(error_of([&] { stress1(context, {.x = six}, {.x = bad}); }),
            "stress1 low.x: expected finite values, got nan in row 4, column 2");
  Matrix<float> zero(6, 2);
  EXPECT_EQ(error_of([&] { stress1(context, {.x = zero}, {.x = six}); }),
            "stress1: expected rows that differ, got all distances of high zero");
  EXPECT_EQ(error_of([&] { stress1(context, {.x = six}, {.x = zero, .metric = Metric::cosine}); }),
            "stress1: expected low.x of length above 0 under cosine, got a zero vector in row 0");
}

// PCA of the images alone; distances of unit rows against those of the codes as they are.
TEST(Geometry, Coco500ImagesUnderPca) {
  CLIPK_COCO500_OR_SKIP(data, false);
  struct Row {
    std::int64_t dim;
    double order, stress;
  };
  Context context = cpu();
  const Pca pca = Pca::fit(context, data.images);
  for (const Row& row :
       {Row{256, .004856, .003435}, Row{128, .030785, .016006}, Row{64, .096114, .040468},
        Row{32, .176258, .079202}, Row{16, .243744, .131732}}) {
    const Matrix<float> codes = pca.transform(context, data.images, Modality::image, row.dim);
    EXPECT_NEAR(kendall_distance(context, {.x = data.images}, {.x = codes}), row.order, 1e-6)
        << row.dim;
    EXPECT_NEAR(stress1(context, {.x = data.images}, {.x = codes}), row.stress, 1e-6) << row.dim;
  }
}

}  // namespace
}  // namespace clipk::test
