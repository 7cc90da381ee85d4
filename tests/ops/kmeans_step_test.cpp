#include "clipk/ops/kmeans_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

double squared_distance(const float* x, const float* y, std::int64_t d) {
  double sum = 0;
  for (std::int64_t j = 0; j < d; ++j) {
    sum += std::pow(static_cast<double>(x[j]) - static_cast<double>(y[j]), 2);
  }
  return sum;
}

// n points and r sets of k centres, on the host.
struct Data {
  std::int64_t n, d, r, k;
  std::vector<float> points, centres;

  Data(std::int64_t n_, std::int64_t d_, std::int64_t r_, std::int64_t k_, double offset = 0)
      : n(n_), d(d_), r(r_), k(k_), points(normals(n * d, 1)), centres(normals(r * k * d, 2)) {
    for (float& value : points) value += static_cast<float>(offset);
    for (float& value : centres) value += static_cast<float>(offset);
  }
  const float* point(std::int64_t i) const { return points.data() + i * d; }
  const float* centre(std::int64_t set, std::int64_t c) const {
    return centres.data() + (set * k + c) * d;
  }
  std::int32_t nearest(std::int64_t set, std::int64_t i) const {
    std::int32_t label = 0;
    for (std::int32_t c = 1; c < k; ++c) {
      if (squared_distance(point(i), centre(set, c), d) <
          squared_distance(point(i), centre(set, label), d)) {
        label = c;
      }
    }
    return label;
  }
};

// The arrays of a step on the device, with guards around them.
struct Arrays {
  Arrays(Context& context, const Data& data, std::int64_t padding = 0)
      : points(context, data.n, data.d, data.points, padding),
        centres(context, data.r * data.k, data.d, data.centres),
        labels(context, data.r, data.n,
               std::vector<std::int32_t>(static_cast<std::size_t>(data.r * data.n), -1), padding),
        sums(context, data.r * data.k, data.d,
             std::vector<double>(static_cast<std::size_t>(data.r * data.k * data.d))),
        counts(context, data.r, data.k,
               std::vector<std::int64_t>(static_cast<std::size_t>(data.r * data.k))),
        changed(context, 1, data.r),
        k(data.k) {}

  KMeansState state() {
    const auto split = [&](auto view) {
      return BatchView(view.data, view.rows / k, k, view.cols, view.device);
    };
    return {split(MatrixView<const float>(centres.view())), labels.view(), split(sums.view()),
            counts.view(), changed.flat()};
  }

  Guarded<float> points, centres;
  Guarded<std::int32_t> labels;
  Guarded<double> sums;
  Guarded<std::int64_t> counts, changed;
  std::int64_t k;
};

// Labels, counts and sums are those of plain double loops.
void expect_step_of(const Data& data, Arrays& arrays, const std::string& what) {
  const std::vector<std::int32_t> labels = arrays.labels.values();
  std::vector<double> sums(static_cast<std::size_t>(data.r * data.k * data.d));
  std::vector<std::int64_t> counts(static_cast<std::size_t>(data.r * data.k));
  std::int64_t wrong = 0;
  for (std::int64_t set = 0; set < data.r; ++set) {
    for (std::int64_t i = 0; i < data.n; ++i) {
      const std::int32_t label = data.nearest(set, i);
      wrong += labels[static_cast<std::size_t>(set * data.n + i)] != label;
      ++counts[static_cast<std::size_t>(set * data.k + label)];
      for (std::int64_t j = 0; j < data.d; ++j) {
        sums[static_cast<std::size_t>((set * data.k + label) * data.d + j)] += data.point(i)[j];
      }
    }
  }
  EXPECT_EQ(wrong, 0) << what;
  EXPECT_EQ(arrays.counts.values(), counts) << what;
  EXPECT_LE(max_error(arrays.sums.values(), sums), 1e-13 * (1 + largest_of(sums))) << what;
}

class KMeansStep : public DeviceTest {};

TEST_P(KMeansStep, LabelsSumsAndCountsAreThoseOfPlainLoops) {
  struct Case {
    std::int64_t n, d, r, k;
  };
  for (const Case& c : {Case{1, 1, 1, 1}, Case{2, 3, 1, 2}, Case{17, 2, 3, 5}, Case{113, 17, 1, 3},
                        Case{257, 33, 2, 10}, Case{300, 5, 1, 40}, Case{1021, 784, 3, 10},
                        Case{1300, 130, 2, 17}, Case{70000, 3, 2, 2}}) {
    if (simt() && c.n * c.d * c.r > 20000) continue;
    const Data data(c.n, c.d, c.r, c.k);
    for (const std::int64_t padding : {0, 3}) {
      Arrays arrays(context(), data, padding);
      kmeans_step(context(), arrays.points.view(), arrays.state());
      expect_step_of(data, arrays, std::to_string(c.n) + " points");
      EXPECT_EQ(arrays.changed.values(),
                std::vector<std::int64_t>(static_cast<std::size_t>(c.r), c.n));
    }
  }
}

// Many steps of changing centres: sums follow the changes, bounds pass over points that stay.
TEST_P(KMeansStep, StepsWithAndWithoutBoundsStayExact) {
  for (const double offset : {0.0, 50.0}) {
    Data data(simt() ? 60 : 700, simt() ? 9 : 21, 2, 7, offset);
    Arrays plain(context(), data), bounded(context(), data, 1);
    const std::vector<float> unknown(static_cast<std::size_t>(data.r * data.n), NAN);
    Guarded<float> upper(context(), data.r, data.n, unknown, 2);
    Guarded<float> lower(context(), data.r, data.n, unknown, 2);
    std::vector<double> moves(static_cast<std::size_t>(data.r * data.k));
    std::int64_t passed = 0;
    for (int step = 0; step < 12; ++step) {
      for (Arrays* arrays : {&plain, &bounded}) {
        copy<float>(context(),
                    MatrixView<const float>(data.centres.data(), data.r * data.k, data.d),
                    arrays->centres.view());
      }
      Guarded<double> device_moves(context(), data.r, data.k, moves);
      kmeans_step(context(), plain.points.view(), plain.state());
      kmeans_step(context(), bounded.points.view(), bounded.state(),
                  {upper.view(), lower.view(), device_moves.view()});
      expect_step_of(data, plain, "plain step " + std::to_string(step));
      expect_step_of(data, bounded, "bounded step " + std::to_string(step));
      EXPECT_EQ(plain.changed.values(), bounded.changed.values());
      if (on_cpu()) {
        const std::vector<float> high = upper.values(), low = lower.values();
        for (std::int64_t set = 0; set < data.r; ++set) {
          for (std::int64_t i = 0; i < data.n; ++i) {
            const auto at = static_cast<std::size_t>(set * data.n + i);
            const std::int32_t label = data.nearest(set, i);
            double other = INFINITY;
            for (std::int32_t c = 0; c < data.k; ++c) {
              const double distance =
                  std::sqrt(squared_distance(data.point(i), data.centre(set, c), data.d));
              if (c == label) {
                EXPECT_GE(static_cast<double>(high[at]), distance);
              } else {
                other = std::min(other, distance);
              }
            }
            EXPECT_LE(static_cast<double>(low[at]), other);
            passed += high[at] < low[at];
          }
        }
      }
      // Ever smaller moves, some centres not at all.
      const std::vector<float> by =
          normals(data.r * data.k * data.d, 100 + step, 0.5 / (1 << step));
      for (std::size_t c = 0; c < moves.size(); ++c) {
        double square = 0;
        for (std::size_t j = 0; j < static_cast<std::size_t>(data.d); ++j) {
          float& value = data.centres[c * static_cast<std::size_t>(data.d) + j];
          const float before = value;
          if (c % 3 != 0) value += by[c * static_cast<std::size_t>(data.d) + j];
          square += std::pow(static_cast<double>(value) - static_cast<double>(before), 2);
        }
        moves[c] = std::sqrt(square);
      }
    }
    if (on_cpu()) {
      EXPECT_GT(passed, data.n * 2 * 6) << "bounds too weak to be of use";
    }
  }
}

TEST_P(KMeansStep, ALabelThatSomebodyChangedIsPutRight) {
  Data data(simt() ? 50 : 300, 6, 1, 4);
  Arrays arrays(context(), data);
  Guarded<float> upper(context(), 1, data.n), lower(context(), 1, data.n);
  Guarded<double> still(context(), 1, data.k, std::vector<double>(4));
  const KMeansBounds bounds{upper.view(), lower.view(), still.view()};
  kmeans_step(context(), arrays.points.view(), arrays.state(), bounds);
  for (std::int64_t i = 0; i < data.n; i += 3) {
    const std::int32_t right = data.nearest(0, i), wrong = (right + 1) % 4;
    const float none = 0;
    copy<std::int32_t>(context(), VectorView<const std::int32_t>(&wrong, 1),
                       arrays.labels.flat().slice(i, 1));
    copy<float>(context(), VectorView<const float>(&none, 1), lower.flat().slice(i, 1));
    std::vector<double> sums = arrays.sums.values();
    std::vector<std::int64_t> counts = arrays.counts.values();
    for (std::int64_t j = 0; j < data.d; ++j) {
      sums[static_cast<std::size_t>(right * data.d + j)] -= data.point(i)[j];
      sums[static_cast<std::size_t>(wrong * data.d + j)] += data.point(i)[j];
    }
    --counts[static_cast<std::size_t>(right)];
    ++counts[static_cast<std::size_t>(wrong)];
    copy<double>(context(), MatrixView<const double>(sums.data(), data.k, data.d),
                 arrays.sums.view());
    copy<std::int64_t>(context(), MatrixView<const std::int64_t>(counts.data(), 1, data.k),
                       arrays.counts.view());
  }
  kmeans_step(context(), arrays.points.view(), arrays.state(), bounds);
  expect_step_of(data, arrays, "changed labels");
  EXPECT_EQ(arrays.changed.values()[0], (data.n + 2) / 3);
}

// Centres that differ in the last bits, or not at all, far from the origin: float32 products cannot
// tell them apart.
TEST_P(KMeansStep, NearTiesAreDecidedInDoubleAndTiesByTheLowerIndex) {
  Data data(simt() ? 80 : 400, 24, 1, 6, 8);
  for (std::int64_t j = 0; j < data.d; ++j) {
    const float first = data.centre(0, 0)[j];
    data.centres[static_cast<std::size_t>(2 * data.d + j)] = first;  // equal
    data.centres[static_cast<std::size_t>(4 * data.d + j)] = std::nextafterf(first, 100.F);
  }
  Arrays arrays(context(), data);
  kmeans_step(context(), arrays.points.view(), arrays.state());
  expect_step_of(data, arrays, "near ties");
  EXPECT_EQ(arrays.counts.values()[2], 0);
  EXPECT_GT(arrays.counts.values()[0], 0);
  EXPECT_GT(arrays.counts.values()[4], 0);
}

TEST_P(KMeansStep, EveryPrecisionGivesTheSameLabels) {
  if (on_cpu()) GTEST_SKIP() << "the CPU has one precision";
  const Data data(simt() ? 100 : 5000, 32, 2, 8);
  for (const Precision precision : {Precision::tf32, Precision::bf16}) {
    Context context = Context::cuda({.precision = precision});
    Arrays arrays(context, data);
    kmeans_step(context, arrays.points.view(), arrays.state());
    expect_step_of(data, arrays, "precision");
  }
}

TEST_P(KMeansStep, AClusterThatEmptiesHasSumsOfExactlyZero) {
  Data data(200, 3, 1, 2);
  // Of so different sizes that sums are rounded.
  for (std::size_t i = 0; i < data.points.size(); ++i) {
    data.points[i] = std::ldexp(data.points[i], static_cast<int>(i * 7 % 60) - 50);
  }
  Arrays arrays(context(), data);
  // It loses its points in steps, and so in another order than it has got them.
  for (const float at : {0.1F, 0.5F, 1.F, 1e4F}) {
    std::fill_n(data.centres.begin(), data.d, -0.3F);
    std::fill_n(data.centres.begin() + data.d, data.d, at);
    copy<float>(context(), MatrixView<const float>(data.centres.data(), 2, data.d),
                arrays.centres.view());
    kmeans_step(context(), arrays.points.view(), arrays.state());
    expect_step_of(data, arrays, "a cluster that empties");
  }
  EXPECT_EQ(arrays.counts.values(), (std::vector<std::int64_t>{200, 0}));
  const std::vector<double> sums = arrays.sums.values();
  EXPECT_EQ(std::vector<double>(sums.begin() + data.d, sums.end()), std::vector<double>(3));
}

TEST_P(KMeansStep, NoPointsAndPointsThatAreNotNumbers) {
  Data none(0, 4, 2, 3);
  Arrays empty(context(), none);
  kmeans_step(context(), empty.points.view(), empty.state());
  EXPECT_EQ(empty.counts.values(), std::vector<std::int64_t>(6));
  EXPECT_EQ(empty.changed.values(), std::vector<std::int64_t>(2));

  Data data(20, 4, 1, 3);
  data.points[7] = NAN;
  Arrays arrays(context(), data);
  kmeans_step(context(), arrays.points.view(), arrays.state());
  for (const std::int32_t label : arrays.labels.values()) EXPECT_TRUE(label >= 0 && label < 3);
}

TEST_P(KMeansStep, InertiaIsTheSumOfPlainDifferences) {
  for (const std::int64_t n : {0, 1, 17, 113, 3000}) {
    if (simt() && n > 200) continue;
    const Data data(n, 19, 3, 4, 100);
    Arrays arrays(context(), data, 2);
    kmeans_step(context(), arrays.points.view(), arrays.state());
    Guarded<double> squared(context(), data.r, n, 1), inertia(context(), 1, data.r);
    const BatchView<const float> centres = arrays.state().centres;
    kmeans_inertia(context(), arrays.points.view(), centres, arrays.labels.view(), squared.view(),
                   inertia.flat());
    const std::vector<std::int32_t> labels = arrays.labels.values();
    std::vector<double> expected, totals(3);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto set = static_cast<std::int64_t>(i) / n;
      expected.push_back(squared_distance(data.point(static_cast<std::int64_t>(i) % n),
                                          data.centre(set, labels[i]), data.d));
      totals[static_cast<std::size_t>(set)] += expected.back();
    }
    EXPECT_LE(max_error(squared.values(), expected), 1e-13 * 100);
    EXPECT_LE(max_error(inertia.values(), totals), 1e-13 * (1 + totals[0]));
    kmeans_inertia(context(), arrays.points.view(), centres, arrays.labels.view(), {},
                   inertia.flat());
    EXPECT_LE(max_error(inertia.values(), totals), 1e-13 * (1 + totals[0]));
  }
}

TEST_P(KMeansStep, ThreadsAndCompanyChangeNoBit) {
  if (!on_cpu()) GTEST_SKIP() << "of the CPU";
  const Data data(5000, 40, 3, 6);
  Context one = Context::cpu({.threads = 1});
  Arrays first(one, data), second(context(), data);
  kmeans_step(one, first.points.view(), first.state());
  kmeans_step(context(), second.points.view(), second.state());
  EXPECT_EQ(first.labels.values(), second.labels.values());
  const std::vector<double> sums = first.sums.values();
  EXPECT_EQ(sums, second.sums.values());

  Data alone = data;
  alone.r = 1;
  alone.centres.assign(data.centre(2, 0), data.centre(2, 0) + data.k * data.d);
  Arrays single(context(), alone);
  kmeans_step(context(), single.points.view(), single.state());
  EXPECT_EQ(single.sums.values(),
            std::vector<double>(sums.begin() + 2 * data.k * data.d, sums.end()));
}

TEST_P(KMeansStep, ShapesThatDifferAreNamed) {
  const Data data(12, 4, 2, 3);
  Arrays arrays(context(), data);
  const KMeansState good = arrays.state();
  Matrix<std::int32_t> labels(context(), 2, 11);
  Matrix<double> sums(context(), 6, 5);
  Matrix<std::int64_t> counts(context(), 2, 4);
  Matrix<float> upper(context(), 2, 12), narrow(context(), 12, 3);
  const auto step = [&](const KMeansState& state, const KMeansBounds& bounds = {}) {
    return [&, state, bounds] { kmeans_step(context(), arrays.points.view(), state, bounds); };
  };
  KMeansState state = good;
  state.labels = labels;
  EXPECT_EQ(error_of(step(state)), "kmeans_step: expected labels of shape [2, 12], got [2, 11]");
  state = good;
  state.sums = BatchView<double>(sums.data(), 2, 3, 5, sums.device());
  EXPECT_EQ(error_of(step(state)), "kmeans_step: expected sums of shape [3, 4], got [3, 5]");
  state = good;
  state.sums = BatchView<double>(sums.data(), 1, 3, 4, sums.device());
  EXPECT_EQ(error_of(step(state)), "kmeans_step: expected 2 sets of sums, got 1");
  state = good;
  state.counts = counts;
  EXPECT_EQ(error_of(step(state)), "kmeans_step: expected counts of shape [2, 3], got [2, 4]");
  state = good;
  state.changed.size = 1;
  EXPECT_EQ(error_of(step(state)), "kmeans_step: expected changed of size 2, got 1");
  state = good;
  state.centres.batch = 0;
  EXPECT_EQ(error_of(step(state)), "kmeans_step: expected at least 1 set of centres, got 0");
  state = good;
  state.centres.rows = 0;
  EXPECT_EQ(error_of(step(state)), "kmeans_step: expected at least 1 centre, got 0");
  EXPECT_EQ(error_of(step(good, {upper.view(), {}, {}})),
            "kmeans_step: expected lower of shape [2, 12], got [0, 0]");
  EXPECT_EQ(error_of([&] { kmeans_step(context(), narrow, good); }),
            "kmeans_step: expected centres of shape [3, 3], got [3, 4]");
  EXPECT_EQ(error_of([&] {
              kmeans_inertia(context(), arrays.points.view(), good.centres, good.labels, {}, {});
            }),
            "kmeans_inertia: expected inertia of size 2, got 0");
}

CLIPK_INSTANTIATE_DEVICE_TEST(KMeansStep);

}  // namespace
}  // namespace clipk::test
