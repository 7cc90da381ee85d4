#include "clipk/models/manifold_denoising.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "clipk/core/random.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

Matrix<float> normal_rows(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Random random(seed);
  Matrix<float> rows(n, d);
  for (float& value : rows.flat()) value = static_cast<float>(random.normal());
  return rows;
}

// The same in plain loops.
Matrix<double> reference(const Matrix<float>& rows, std::int64_t neighbors, std::int64_t times) {
  const std::int64_t n = rows.rows(), d = rows.cols();
  Matrix<double> current(n, d);
  for (std::int64_t i = 0; i < n * d; ++i) current.data()[i] = rows.data()[i];
  for (std::int64_t t = 0; t < times; ++t) {
    Matrix<double> next(n, d);
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<std::pair<double, std::int64_t>> order;
      for (std::int64_t j = 0; j < n; ++j) {
        double square = 0;
        for (std::int64_t c = 0; c < d; ++c) {
          square += (double{rows(i, c)} - rows(j, c)) * (double{rows(i, c)} - rows(j, c));
        }
        order.emplace_back(square, j);
      }
      std::sort(order.begin(), order.end());
      for (std::int64_t j = 0; j < neighbors; ++j) {
        for (std::int64_t c = 0; c < d; ++c) {
          next(i, c) += current(order[static_cast<std::size_t>(j)].second, c) /
                        static_cast<double>(neighbors);
        }
      }
    }
    current = std::move(next);
  }
  return current;
}

TEST(ManifoldDenoising, IsTheMeanOfTheNearest) {
  Context context = Context::cpu();
  const Matrix<float> rows = normal_rows(113, 5, 1);
  for (const std::int64_t times : {1, 3}) {
    const Matrix<float> found =
        denoise_manifold(context, rows, {.neighbors = 7, .iterations = times});
    const Matrix<double> expected = reference(rows, 7, times);
    for (std::int64_t i = 0; i < 113 * 5; ++i) {
      EXPECT_NEAR(found.data()[i], expected.data()[i], 1e-6);
    }
  }
}

TEST(ManifoldDenoising, MovesBridgesIntoClusters) {
  Context context = Context::cpu();
  Matrix<float> rows = normal_rows(400, 8, 2);
  for (std::int64_t i = 0; i < 400; ++i) rows(i, 0) += i % 2 == 0 ? 3.F : -3.F;
  const Matrix<float> found = denoise_manifold(context, rows);
  const auto between = [](const Matrix<float>& points) {  // half way between centres and middle
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < points.rows(); ++i) count += std::abs(points(i, 0)) < 1.5F;
    return count;
  };
  EXPECT_GT(between(rows), 20);
  EXPECT_LT(between(found), between(rows) / 4);
}

TEST(ManifoldDenoising, ThreadsChangeNothing) {
  Context one = Context::cpu({.threads = 1}), two = Context::cpu({.threads = 2});
  const Matrix<float> rows = normal_rows(3001, 4, 3);
  const Matrix<float> a = denoise_manifold(one, rows), b = denoise_manifold(two, rows);
  EXPECT_EQ(std::memcmp(a.data(), b.data(), 3001 * 4 * sizeof(float)), 0);
}

TEST(ManifoldDenoising, BadInput) {
  Context context = Context::cpu();
  Matrix<float> rows = normal_rows(20, 2, 4);
  const auto message = [&](const ManifoldDenoisingOptions& options) {
    return test::error_of([&] { denoise_manifold(context, rows, options); });
  };
  EXPECT_EQ(message({.neighbors = 1}), "denoise_manifold: expected 2 to 128 neighbors, got 1");
  EXPECT_EQ(message({.neighbors = 21}),
            "denoise_manifold: expected at least 21 rows, one a neighbour, got 20");
  EXPECT_EQ(message({.iterations = 0}), "denoise_manifold: expected at least 1 iteration, got 0");
  rows(3, 1) = NAN;
  EXPECT_EQ(message({}), "denoise_manifold: expected finite values, got nan in row 3, column 1");
}

}  // namespace
}  // namespace clipk
