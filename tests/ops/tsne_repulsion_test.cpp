#include "clipk/ops/tsne_repulsion.hpp"

#include <cmath>
#include <string>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/each_target.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

template <class T>
struct Repulsion {
  std::vector<T> forces;
  std::vector<double> z;  // of every point
};

// By plain loops; within one map a point does not repel itself.
template <class T>
Repulsion<T> plain(const std::vector<float>& y, const std::vector<float>& others, bool within) {
  Repulsion<T> result;
  const std::size_t n = y.size() / 2, m = others.size() / 2;
  for (std::size_t i = 0; i < n; ++i) {
    T fx = 0, fy = 0, z = 0;
    for (std::size_t j = 0; j < m; ++j) {
      if (within && i == j) continue;
      const T dx = static_cast<T>(y[2 * i]) - static_cast<T>(others[2 * j]);
      const T dy = static_cast<T>(y[2 * i + 1]) - static_cast<T>(others[2 * j + 1]);
      const T k = 1 / (1 + dx * dx + dy * dy);
      fx += k * k * dx;
      fy += k * k * dy;
      z += k;
    }
    result.forces.push_back(fx);
    result.forces.push_back(fy);
    result.z.push_back(static_cast<double>(z));
  }
  return result;
}

double total(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

// Root mean square of the error over the mean length.
double relative_error(const std::vector<float>& forces, const std::vector<double>& expected) {
  double squares = 0, lengths = 0;
  for (std::size_t i = 0; i < expected.size(); i += 2) {
    squares += std::pow(static_cast<double>(forces[i]) - expected[i], 2) +
               std::pow(static_cast<double>(forces[i + 1]) - expected[i + 1], 2);
    lengths += std::hypot(expected[i], expected[i + 1]);
  }
  const auto n = static_cast<double>(expected.size()) / 2;
  return std::sqrt(squares / n) / (lengths / n);
}

// Ten clusters within about `width`.
std::vector<float> clusters(std::int64_t n, double width, double height, std::uint64_t seed) {
  std::vector<float> centres = normals(20, seed + 1);
  std::vector<float> y = normals(2 * n, seed);
  for (std::int64_t i = 0; i < n; ++i) {
    for (int c = 0; c < 2; ++c) {
      const auto at = static_cast<std::size_t>(2 * i + c);
      const double scale = c == 0 ? width : height;
      const float centre = centres[static_cast<std::size_t>(i % 10 * 2 + c)];
      y[at] = static_cast<float>(
          scale * (0.2 * static_cast<double>(centre) + 0.04 * static_cast<double>(y[at])) + 3);
    }
  }
  return y;
}

class TsneRepulsion : public DeviceTest {};

TEST_P(TsneRepulsion, ExactForcesAreThoseOfAPlainLoop) {
  for (const std::int64_t n : {1, 2, 17, 113, 257, 1021, 3001}) {
    if (simt() && n > 300) continue;
    const std::vector<float> y = clusters(n, 20, 20, 5);
    const auto expected = plain<double>(y, y, true);
    const auto in_float = plain<float>(y, y, true);
    Guarded<float> points(context(), n, 2, y, 3);
    Guarded<float> forces(context(), n, 2, 1);
    Guarded<double> z(context(), 1, 1);
    tsne_repulsion(context(), points.view(), TsneMethod::exact, forces.view(), z.flat());
    expect_as_good_as(forces.values(), in_float.forces, expected.forces, "forces");
    EXPECT_NEAR(z.values()[0], total(expected.z), 1e-6 * total(expected.z) + 1e-30) << n;
  }
}

TEST_P(TsneRepulsion, ExactForcesOfAnotherMapAreThoseOfAPlainLoop) {
  for (const std::int64_t m : {1, 40, 600}) {
    const std::vector<float> y = clusters(19, 20, 20, 7), others = clusters(m, 20, 20, 8);
    const auto expected = plain<double>(y, others, false);
    const auto in_float = plain<float>(y, others, false);
    Guarded<float> points(context(), 19, 2, y, 1);
    Guarded<float> map(context(), m, 2, others, 2);
    Guarded<float> forces(context(), 19, 2, 1);
    Guarded<double> z(context(), 1, 19);
    tsne_repulsion(context(), points.view(), map.view(), TsneMethod::exact, forces.view(),
                   z.flat());
    expect_as_good_as(forces.values(), in_float.forces, expected.forces, "forces");
    EXPECT_LE(max_error(z.values(), expected.z), 1e-6 * static_cast<double>(m));
  }
}

// From the start of a descent to a finished map, a line, and one wider than long.
TEST_P(TsneRepulsion, TheGridIsAsExactAsItSays) {
  struct Case {
    double width, height;
  };
  for (const Case& map : {Case{1e-4, 1e-4}, Case{0.1, 0.1}, Case{2, 2}, Case{9, 5}, Case{25, 0},
                          Case{100, 80}, Case{30, 200}, Case{400, 400}}) {
    if (simt() && map.width + map.height > 15) continue;
    const std::int64_t n = simt() ? 300 : 3000;
    const std::vector<float> y = clusters(n, map.width, map.height, 3);
    const auto expected = plain<double>(y, y, true);
    Guarded<float> points(context(), n, 2, y, 1);
    Guarded<float> forces(context(), n, 2, 2);
    Guarded<double> z(context(), 1, 1);
    tsne_repulsion(context(), points.view(), TsneMethod::fft, forces.view(), z.flat());
    // The nodes of a narrow map lie close, and there are some in every kernel's width.
    const bool narrow = map.width <= 2,
               sparse = static_cast<double>(n) < 0.1 * map.width * map.height;
    EXPECT_LT(relative_error(forces.values(), expected.forces), narrow   ? 1e-5
                                                                : sparse ? 2e-3
                                                                         : 1e-3)
        << map.width << " x " << map.height;
    EXPECT_NEAR(z.values()[0], total(expected.z),
                3e-5 * (total(expected.z) + static_cast<double>(n)))
        << map.width << " x " << map.height;
  }
}

TEST_P(TsneRepulsion, TheGridServesNewPointsTheSame) {
  const std::int64_t n = simt() ? 40 : 500, m = simt() ? 300 : 3000;
  for (const double width : {1.0, 12.0, 60.0}) {
    if (simt() && width > 15) continue;
    const std::vector<float> y = clusters(n, 1.5 * width, width, 11);
    const std::vector<float> others = clusters(m, width, width, 12);
    const auto expected = plain<double>(y, others, false);
    Guarded<float> points(context(), n, 2, y, 1);
    Guarded<float> map(context(), m, 2, others, 2);
    Guarded<float> forces(context(), n, 2, 1);
    Guarded<double> z(context(), 1, n);
    tsne_repulsion(context(), points.view(), map.view(), TsneMethod::fft, forces.view(), z.flat());
    EXPECT_LT(relative_error(forces.values(), expected.forces), 1e-3) << width;
    EXPECT_LT(max_error(z.values(), expected.z), 3e-5 * static_cast<double>(m)) << width;
  }
}

TEST_P(TsneRepulsion, EqualPointsDoNotRepelEachOther) {
  for (const TsneMethod method : {TsneMethod::exact, TsneMethod::fft}) {
    const std::vector<float> y(40, 2.5F);
    Guarded<float> points(context(), 20, 2, y);
    Guarded<float> forces(context(), 20, 2);
    Guarded<double> z(context(), 1, 1);
    tsne_repulsion(context(), points.view(), method, forces.view(), z.flat());
    EXPECT_LT(max_error(forces.values(), std::vector<double>(40)), 1e-12) << to_string(method);
    EXPECT_NEAR(z.values()[0], 20 * 19, 1e-3) << to_string(method);
  }
}

TEST_P(TsneRepulsion, EmptyMapsAreFine) {
  for (const TsneMethod method : {TsneMethod::exact, TsneMethod::fft}) {
    Matrix<float> none(context(), 0, 2);
    Guarded<double> z(context(), 1, 1, std::vector<double>{7});
    tsne_repulsion(context(), none, method, none, z.flat());
    EXPECT_EQ(z.values()[0], 0);
    Guarded<float> y(context(), 1, 2, {1.0F, 2.0F});
    Guarded<float> forces(context(), 1, 2, {7.0F, 7.0F});
    tsne_repulsion(context(), y.view(), none.view(), method, forces.view(), z.flat());
    EXPECT_EQ(z.values()[0], 0);
    EXPECT_EQ(forces.values(), (std::vector<float>{0, 0}));
  }
}

TEST_P(TsneRepulsion, BytesDoNotDependOnThreads) {
  if (!on_cpu()) GTEST_SKIP() << "threads are the CPU's";
  const std::int64_t n = 9001;
  const std::vector<float> values = clusters(n, 100, 60, 21);
  const MatrixView<const float> y(values.data(), n, 2);
  for (const TsneMethod method : {TsneMethod::exact, TsneMethod::fft}) {
    std::vector<float> first;
    double first_z = 0;
    for (const int threads : {1, 2, 5}) {
      Context several = Context::cpu({.threads = threads});
      for (int repeat = 0; repeat < 2; ++repeat) {  // with the spectra made, and found
        std::vector<float> forces(static_cast<std::size_t>(2 * n));
        double z = 0;
        tsne_repulsion(several, y, method, MatrixView<float>(forces.data(), n, 2),
                       VectorView<double>(&z, 1));
        if (first.empty()) {
          first = forces;
          first_z = z;
        }
        EXPECT_EQ(std::memcmp(forces.data(), first.data(), forces.size() * sizeof(float)), 0);
        EXPECT_EQ(z, first_z);
      }
    }
  }
}

TEST_P(TsneRepulsion, BytesOfTheGridDoNotDependOnTheProcessor) {
  if (!on_cpu()) GTEST_SKIP() << "instruction sets are the CPU's";
  const std::int64_t n = 4001;
  for (const double width : {0.5, 12.0, 70.0}) {
    const std::vector<float> values = clusters(n, width, 0.7 * width, 22);
    const MatrixView<const float> y(values.data(), n, 2);
    std::vector<float> first;
    double first_z = 0;
    on_each_target([&] {
      Context fresh = Context::cpu({.threads = 2});  // which makes a spectrum of its own
      std::vector<float> forces(static_cast<std::size_t>(2 * n));
      double z = 0;
      tsne_repulsion(fresh, y, TsneMethod::fft, MatrixView<float>(forces.data(), n, 2),
                     VectorView<double>(&z, 1));
      if (first.empty()) {
        first = forces;
        first_z = z;
      }
      EXPECT_EQ(std::memcmp(forces.data(), first.data(), forces.size() * sizeof(float)), 0)
          << width;
      EXPECT_EQ(z, first_z) << width;
    });
  }
}

TEST_P(TsneRepulsion, BadInputIsNamed) {
  Matrix<float> forces(context(), 3, 2), wide(context(), 3, 4);
  Matrix<double> z(context(), 1, 1), many(context(), 1, 5);
  EXPECT_EQ(error_of([&] { tsne_repulsion(context(), wide, TsneMethod::exact, forces, z.flat()); }),
            "tsne_repulsion: expected y of shape [3, 2], got [3, 4]");
  EXPECT_EQ(error_of([&] { tsne_repulsion(context(), forces, TsneMethod::exact, wide, z.flat()); }),
            "tsne_repulsion: expected forces of shape [3, 2], got [3, 4]");
  EXPECT_EQ(
      error_of([&] { tsne_repulsion(context(), forces, TsneMethod::exact, forces, many.flat()); }),
      "tsne_repulsion: expected z of size 1, got 5");
  for (const float bad : {NAN, INFINITY}) {
    Guarded<float> y(context(), 3, 2, {0, 1, 2, bad, 4, 5});
    EXPECT_EQ(
        error_of([&] { tsne_repulsion(context(), y.view(), TsneMethod::fft, forces, z.flat()); }),
        "tsne_repulsion: expected finite points, got a value that is not");
  }
  if (!on_cpu()) return;
  Matrix<double> wide_forces(context(), 3, 2);
  EXPECT_EQ(error_of([&] {
              tsne_repulsion(context(), wide_forces, TsneMethod::fft, wide_forces, z.flat());
            }),
            "tsne_repulsion: expected the exact method for double precision, got fft");
}

CLIPK_INSTANTIATE_DEVICE_TEST(TsneRepulsion);

}  // namespace
}  // namespace clipk::test
