#include "clipk/ops/tsne_attraction.hpp"

#include <cmath>

#include "clipk/ops/tsne_repulsion.hpp"
#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

struct Sparse {
  std::vector<std::int64_t> starts{0};
  std::vector<std::int32_t> columns;
  std::vector<float> values;
};

// Rows of 0 to `most` entries.
Sparse random_rows(std::int64_t n, std::int64_t columns, std::uint64_t most, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Sparse p;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::uint64_t left = random.below(most + 1); left > 0; --left) {
      p.columns.push_back(
          static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(columns))));
      p.values.push_back(random.uniform() / static_cast<float>(n));
    }
    p.starts.push_back(static_cast<std::int64_t>(p.columns.size()));
  }
  return p;
}

template <class T>
struct Attraction {
  std::vector<T> forces;
  double loss = 0;
};

template <class T>
Attraction<T> plain(const Sparse& p, const std::vector<float>& y,
                    const std::vector<float>& others) {
  Attraction<T> result;
  for (std::size_t i = 0; i + 1 < p.starts.size(); ++i) {
    T fx = 0, fy = 0;
    for (auto e = static_cast<std::size_t>(p.starts[i]);
         e < static_cast<std::size_t>(p.starts[i + 1]); ++e) {
      const auto j = static_cast<std::size_t>(p.columns[e]);
      const T dx = static_cast<T>(y[2 * i]) - static_cast<T>(others[2 * j]);
      const T dy = static_cast<T>(y[2 * i + 1]) - static_cast<T>(others[2 * j + 1]);
      const T weight = static_cast<T>(p.values[e]) / (1 + dx * dx + dy * dy);
      fx += weight * dx;
      fy += weight * dy;
      result.loss +=
          static_cast<double>(p.values[e]) * std::log1p(static_cast<double>(dx * dx + dy * dy));
    }
    result.forces.push_back(fx);
    result.forces.push_back(fy);
  }
  return result;
}

class TsneAttraction : public DeviceTest {};

TEST_P(TsneAttraction, ForcesAndLossAreThoseOfAPlainLoop) {
  struct Case {
    std::int64_t n, m;
    std::uint64_t most;
  };
  for (const Case& size :
       {Case{1, 1, 0}, Case{1, 3, 1}, Case{2, 2, 5}, Case{17, 17, 40}, Case{113, 20, 3},
        Case{257, 257, 150}, Case{1021, 1021, 64}, Case{70'000, 5000, 6}}) {
    if (simt() && size.n > 300) continue;
    const Sparse p = random_rows(size.n, size.m, size.most, 4);
    const std::vector<float> y = normals(2 * size.n, 1, 5), others = normals(2 * size.m, 2, 5);
    const auto expected = plain<double>(p, y, others);
    const auto in_float = plain<float>(p, y, others);
    const auto entries = static_cast<std::int64_t>(p.columns.size());
    Guarded<std::int64_t> starts(context(), 1, size.n + 1, p.starts);
    Guarded<std::int32_t> columns(context(), 1, entries, p.columns);
    Guarded<float> values(context(), 1, entries, p.values);
    for (const std::int64_t padding : {0, 3}) {
      Guarded<float> points(context(), size.n, 2, y, padding);
      Guarded<float> map(context(), size.m, 2, others, padding);
      Guarded<float> forces(context(), size.n, 2, padding);
      Guarded<double> loss(context(), 1, 1);
      tsne_attraction(context(), {starts.flat(), columns.flat(), values.flat()}, points.view(),
                      map.view(), forces.view(), loss.flat());
      expect_as_good_as(forces.values(), in_float.forces, expected.forces, "forces");
      EXPECT_NEAR(loss.values()[0], expected.loss, 1e-6 * expected.loss);
      Guarded<float> again(context(), size.n, 2, padding);
      tsne_attraction(context(), {starts.flat(), columns.flat(), values.flat()}, points.view(),
                      map.view(), again.view(), {});
      EXPECT_EQ(again.values(), forces.values()) << "without the loss";
    }
  }
}

TEST_P(TsneAttraction, BytesDoNotDependOnThreads) {
  if (!on_cpu()) GTEST_SKIP() << "threads are the CPU's";
  const Sparse p = random_rows(3000, 3000, 90, 4);
  const std::vector<float> y = normals(6000, 1, 5);
  const MatrixView<const float> points(y.data(), 3000, 2);
  const auto run = [&](int threads) {
    Context several = Context::cpu({.threads = threads});
    std::vector<float> forces(6000);
    double loss = 0;
    const auto entries = static_cast<std::int64_t>(p.columns.size());
    tsne_attraction(
        several, {{p.starts.data(), 3001}, {p.columns.data(), entries}, {p.values.data(), entries}},
        points, points, MatrixView<float>(forces.data(), 3000, 2), {&loss, 1});
    return std::pair(forces, loss);
  };
  EXPECT_EQ(run(1), run(2));
}

// KL(P || Q) = sum p log p + loss + log Z, and its gradient is four times attraction - repulsion /
// Z.
TEST_P(TsneAttraction, WithTheRepulsionItIsTheGradientOfKl) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  constexpr std::int64_t kPoints = 23;
  Sparse p = random_rows(kPoints, kPoints, 9, 6);
  std::vector<double> dense(kPoints * kPoints);  // symmetric, without a diagonal, of sum one
  double sum = 0;
  for (std::size_t i = 0; i < kPoints; ++i) {
    for (auto e = p.starts[i]; e < p.starts[i + 1]; ++e) {
      const auto j = static_cast<std::size_t>(p.columns[static_cast<std::size_t>(e)]);
      if (i == j) continue;
      dense[i * kPoints + j] += 1 + static_cast<double>(e);
      dense[j * kPoints + i] += 1 + static_cast<double>(e);
      sum += 2 + 2 * static_cast<double>(e);
    }
  }
  std::vector<std::int64_t> starts{0};
  std::vector<std::int32_t> columns;
  std::vector<double> values;
  for (std::size_t i = 0; i < kPoints; ++i) {
    for (std::size_t j = 0; j < kPoints; ++j) {
      if (dense[i * kPoints + j] == 0) continue;
      columns.push_back(static_cast<std::int32_t>(j));
      values.push_back(dense[i * kPoints + j] / sum);
    }
    starts.push_back(static_cast<std::int64_t>(columns.size()));
  }
  const auto entries = static_cast<std::int64_t>(columns.size());
  const BasicTsneAffinities<double> sparse{
      {starts.data(), kPoints + 1}, {columns.data(), entries}, {values.data(), entries}};
  std::vector<double> attraction(2 * kPoints), repulsion(2 * kPoints);
  double loss = 0, z = 0;
  std::vector<double> y = normals<double>(2 * kPoints, 8, 1.5);
  const auto kl = [&] {
    const MatrixView<const double> map(y.data(), kPoints, 2);
    tsne_attraction(context(), sparse, map, map, {attraction.data(), kPoints, 2}, {&loss, 1});
    tsne_repulsion(context(), map, TsneMethod::exact, {repulsion.data(), kPoints, 2}, {&z, 1});
    return loss + std::log(z);
  };
  kl();
  std::vector<double> gradient(2 * kPoints);
  for (std::size_t e = 0; e < gradient.size(); ++e) {
    gradient[e] = 4 * (attraction[e] - repulsion[e] / z);
  }
  expect_central_differences(kl, y, gradient, 1e-5, 1e-9);
}

TEST_P(TsneAttraction, SizesThatDifferAreNamed) {
  Matrix<float> y(context(), 3, 2);
  Matrix<std::int64_t> starts(context(), 1, 3);
  EXPECT_EQ(error_of([&] {
              tsne_attraction(context(), {starts.flat(), {}, {}}, y, y, y, {});
            }),
            "tsne_attraction: expected starts of size 4, got 3");
}

CLIPK_INSTANTIATE_DEVICE_TEST(TsneAttraction);

}  // namespace
}  // namespace clipk::test
