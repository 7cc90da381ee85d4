#include "clipk/ops/soft_assignment.hpp"

#include <cmath>
#include <string>

#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/soft_reference.hpp"

namespace clipk::test {
namespace {

constexpr float kWeight = 0.75F;

struct Shape {
  std::int64_t n, k, d;
};

// Points around the centres, as after a k-means; unit rows for von Mises-Fisher.
template <class T>
struct Problem {
  Shape shape;
  std::vector<T> points, centres, target;

  Problem(Shape s, SoftKernel kernel, std::uint64_t seed) : shape(s) {
    centres = normals<T>(s.k * s.d, seed, 1.5);
    points = normals<T>(s.n * s.d, seed + 1, 0.7);
    for (std::int64_t i = 0; i < s.n; ++i) {
      for (std::int64_t t = 0; t < s.d; ++t) {
        points[static_cast<std::size_t>(i * s.d + t)] +=
            centres[static_cast<std::size_t>(i % s.k * s.d + t)];
      }
    }
    if (kernel == SoftKernel::von_mises_fisher) {
      normalize(centres);
      normalize(points);
    }
    target = normals<T>(s.n * s.k, seed + 2);
    for (std::int64_t i = 0; i < s.n; ++i) {
      T sum = 0;
      T* const row = target.data() + i * s.k;
      for (std::int64_t j = 0; j < s.k; ++j) {
        row[j] = std::fabs(row[j]);
        if (s.k > 1 && (i + j) % 3 == 0) row[j] = 0;  // 0 log 0
        sum += row[j];
      }
      if (sum == 0) row[0] = sum = 1;
      for (std::int64_t j = 0; j < s.k; ++j) row[j] /= sum;
    }
  }

 private:
  void normalize(std::vector<T>& rows) const {
    for (std::size_t at = 0; at < rows.size(); at += static_cast<std::size_t>(shape.d)) {
      T sum = 0;
      for (std::int64_t t = 0; t < shape.d; ++t) {
        sum += rows[at + static_cast<std::size_t>(t)] * rows[at + static_cast<std::size_t>(t)];
      }
      for (std::int64_t t = 0; t < shape.d; ++t) {
        rows[at + static_cast<std::size_t>(t)] /= std::sqrt(sum);
      }
    }
  }
};

const SoftAssignmentOptions kKernels[] = {
    {.alpha = 1},
    {.alpha = 3.5F},
    {.alpha = 0.3F},
    {.kernel = SoftKernel::von_mises_fisher, .kappa = 20},
};

class SoftAssignment : public DeviceTest {
 protected:
  // Shapes of every path: points or dimensions as lanes, tiles of 256, 64 and 16 points.
  std::vector<Shape> shapes() const {
    if (simt()) return {{1, 1, 1}, {300, 3, 5}, {70, 10, 12}, {40, 70, 33}, {18, 300, 6}};
    return {{1, 1, 1},     {2, 17, 1},     {17, 2, 3},      {113, 10, 10},
            {257, 5, 64},  {1021, 10, 10}, {300, 40, 40},   {66, 300, 130},
            {70, 7, 1025}, {20, 11, 2048}, {70001, 10, 10}, {100, 520, 3}};
  }
};

TEST_P(SoftAssignment, SharesAndColumnSumsFollowPlainLoops) {
  for (const Shape shape : shapes()) {
    for (const SoftAssignmentOptions& options : kKernels) {
      if (shape.n > 5000 && options.alpha != 1) continue;
      SCOPED_TRACE(std::to_string(shape.n) + " " + std::to_string(shape.k) + " " +
                   std::to_string(shape.d) + " " + to_string(options.kernel) + " " +
                   std::to_string(options.alpha));
      const Problem<float> problem(shape, options.kernel, 1);
      const auto plain = plain_soft<float>(problem.points, problem.centres, shape.n, shape.k,
                                           shape.d, options, {}, 1);
      const auto exact =
          plain_soft<double>(converted<double>(problem.points), converted<double>(problem.centres),
                             shape.n, shape.k, shape.d, options, {}, 1);
      for (const std::int64_t padding : {0, 3, 4}) {
        if (simt() && padding == 4) continue;
        Guarded<float> points(context(), shape.n, shape.d, problem.points, padding),
            centres(context(), shape.k, shape.d, problem.centres, padding),
            q(context(), shape.n, shape.k, padding);
        Guarded<double> sums(context(), 1, shape.k);
        soft_assignment(context(), points.view(), centres.view(), options, q.view(), sums.flat());
        expect_as_good_as(q.values(), plain.q, exact.q, "q");
        expect_as_good_as(sums.values(), plain.sums, exact.sums, "column sums");
      }
    }
  }
}

TEST_P(SoftAssignment, LossAndGradientsFollowPlainLoops) {
  for (const Shape shape : shapes()) {
    for (const SoftAssignmentOptions& options : kKernels) {
      if (shape.n > 5000 && options.alpha != 1) continue;
      for (const bool formed : {true, false}) {
        SCOPED_TRACE(std::to_string(shape.n) + " " + std::to_string(shape.k) + " " +
                     std::to_string(shape.d) + " " + to_string(options.kernel) + " " +
                     std::to_string(options.alpha) + (formed ? " p formed" : " p given"));
        const Problem<float> problem(shape, options.kernel, 1);
        const auto target = formed ? std::vector<float>() : problem.target;
        const auto plain = plain_soft<float>(problem.points, problem.centres, shape.n, shape.k,
                                             shape.d, options, target, kWeight, 1e-4F);
        const auto exact = plain_soft<double>(
            converted<double>(problem.points), converted<double>(problem.centres), shape.n, shape.k,
            shape.d, options, converted<double>(target), static_cast<double>(kWeight));
        const std::int64_t padding = shape.n % 2 == 0 ? 3 : 0;
        Guarded<float> points(context(), shape.n, shape.d, problem.points, padding),
            centres(context(), shape.k, shape.d, problem.centres, padding),
            p(context(), shape.n, shape.k, problem.target, padding),
            grad_points(context(), shape.n, shape.d,
                        std::vector<float>(problem.points.size(), 1e-4F), padding),
            grad_centres(context(), shape.k, shape.d,
                         std::vector<float>(problem.centres.size(), 1e-4F), padding);
        Guarded<double> sums(context(), 1, shape.k, exact.sums);
        Guarded<double> loss(context(), 1, 1, std::vector<double>{100});
        soft_assignment_kl(context(), points.view(), centres.view(), options,
                           formed ? MatrixView<float>() : p.view(), sums.flat(), kWeight,
                           loss.flat(), grad_points.view(), grad_centres.view());
        expect_as_good_as(grad_points.values(), plain.grad_points, exact.grad_points,
                          "gradient of the points");
        expect_as_good_as(grad_centres.values(), plain.grad_centres, exact.grad_centres,
                          "gradient of the centres");
        EXPECT_NEAR(loss.values()[0] - 100, exact.loss,
                    3 * worse(0, std::fabs(static_cast<double>(plain.loss) - exact.loss)) +
                        1e-6 * (std::fabs(exact.loss) + 0.1));
      }
    }
  }
}

TEST_P(SoftAssignment, OutputsThatAreNotWantedMayBeEmpty) {
  const Shape shape{50, 4, 6};
  const Problem<float> problem(shape, SoftKernel::student_t, 5);
  Guarded<float> points(context(), shape.n, shape.d, problem.points),
      centres(context(), shape.k, shape.d, problem.centres),
      p(context(), shape.n, shape.k, problem.target);
  const auto zeros = [](std::int64_t count) {
    return std::vector<float>(static_cast<std::size_t>(count));
  };
  Guarded<float> both_points(context(), shape.n, shape.d, zeros(shape.n * shape.d)),
      both_centres(context(), shape.k, shape.d, zeros(shape.k * shape.d)),
      only_points(context(), shape.n, shape.d, zeros(shape.n * shape.d)),
      only_centres(context(), shape.k, shape.d, zeros(shape.k * shape.d));
  Guarded<double> loss(context(), 1, 4, std::vector<double>(4));
  const auto run = [&](std::int64_t place, MatrixView<float> to_points,
                       MatrixView<float> to_centres) {
    soft_assignment_kl(context(), points.view(), centres.view(), {}, p.view(), {}, 1,
                       loss.flat().slice(place, 1), to_points, to_centres);
  };
  run(0, both_points.view(), both_centres.view());
  run(1, only_points.view(), {});
  run(2, {}, only_centres.view());
  run(3, {}, {});
  EXPECT_EQ(both_points.values(), only_points.values());
  EXPECT_EQ(both_centres.values(), only_centres.values());
  const auto losses = loss.values();
  for (const double value : losses) EXPECT_EQ(value, losses[0]);

  Guarded<float> q(context(), shape.n, shape.k), q_alone(context(), shape.n, shape.k);
  Guarded<double> sums(context(), 1, shape.k), sums_alone(context(), 1, shape.k);
  soft_assignment(context(), points.view(), centres.view(), {}, q.view(), sums.flat());
  soft_assignment(context(), points.view(), centres.view(), {}, q_alone.view(), {});
  soft_assignment(context(), points.view(), centres.view(), {}, {}, sums_alone.flat());
  EXPECT_EQ(q.values(), q_alone.values());
  EXPECT_EQ(sums.values(), sums_alone.values());
}

// Centres that every point is infinitely far from, and a target that asks for them.
TEST_P(SoftAssignment, FarCentresAndZerosInTheTargetStayFinite) {
  const std::vector<float> points{0, 0, 1, 1}, centres{0, 0, 1e18F, 1e18F};
  const std::vector<float> target{0.5F, 0.5F, 1, 0};
  for (const float alpha : {1.F, 8.F}) {
    Guarded<float> z(context(), 2, 2, points), m(context(), 2, 2, centres),
        p(context(), 2, 2, target), q(context(), 2, 2), grad_z(context(), 2, 2, {0, 0, 0, 0}),
        grad_m(context(), 2, 2, {0, 0, 0, 0});
    Guarded<double> loss(context(), 1, 1, std::vector<double>{0});
    soft_assignment(context(), z.view(), m.view(), {.alpha = alpha}, q.view(), {});
    EXPECT_FLOAT_EQ(q.values()[0], 1);
    soft_assignment_kl(context(), z.view(), m.view(), {.alpha = alpha}, p.view(), {}, 1,
                       loss.flat(), grad_z.view(), grad_m.view());
    EXPECT_TRUE(std::isfinite(loss.values()[0]));
    EXPECT_GT(loss.values()[0], 10);
    for (const float g : grad_z.values()) EXPECT_TRUE(std::isfinite(g));
    for (const float g : grad_m.values()) EXPECT_TRUE(std::isfinite(g));
  }
}

TEST_P(SoftAssignment, WhatIsNoNumberDoesNotPass) {
  for (const SoftAssignmentOptions& options : kKernels) {
    for (const Shape shape : {Shape{20, 4, 6}, Shape{20, 40, 40}}) {
      Problem<float> problem(shape, options.kernel, 5);
      problem.points[1] = NAN;
      problem.centres[static_cast<std::size_t>(2 * shape.d)] = NAN;
      Guarded<float> z(context(), shape.n, shape.d, problem.points),
          m(context(), shape.k, shape.d, problem.centres), q(context(), shape.n, shape.k),
          p(context(), shape.n, shape.k, problem.target);
      Guarded<double> loss(context(), 1, 1, std::vector<double>{0});
      soft_assignment(context(), z.view(), m.view(), options, q.view(), {});
      for (const float value : q.values()) EXPECT_TRUE(std::isnan(value));
      soft_assignment_kl(context(), z.view(), m.view(), options, p.view(), {}, 1, loss.flat(), {},
                         {});
      EXPECT_TRUE(std::isnan(loss.values()[0]));
    }
  }
}

TEST_P(SoftAssignment, GradientFollowsCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  for (const Shape shape : {Shape{11, 3, 4}, Shape{9, 35, 30}}) {
    for (const SoftAssignmentOptions& options : kKernels) {
      Problem<double> problem(shape, options.kernel, 7);
      Guarded<double> p(context(), shape.n, shape.k, problem.target);
      const auto value = [&](MatrixView<double> grad_points, MatrixView<double> grad_centres) {
        Guarded<double> z(context(), shape.n, shape.d, problem.points),
            m(context(), shape.k, shape.d, problem.centres);
        Guarded<double> loss(context(), 1, 1, std::vector<double>{0});
        soft_assignment_kl(context(), z.view(), m.view(), options, p.view(), {}, 1.5, loss.flat(),
                           grad_points, grad_centres);
        return loss.values()[0];
      };
      Matrix<double> grad_points(shape.n, shape.d), grad_centres(shape.k, shape.d);
      value(grad_points, grad_centres);
      const auto compare = [&](std::vector<double>& values, const Matrix<double>& gradient) {
        const auto every = static_cast<std::ptrdiff_t>(values.size() / 30 + 1);
        expect_central_differences([&] { return value({}, {}); }, values, gradient.flat(), 1e-5,
                                   2e-8, every);
      };
      SCOPED_TRACE(::testing::Message() << to_string(options.kernel) << " alpha " << options.alpha);
      compare(problem.points, grad_points);
      compare(problem.centres, grad_centres);
    }
  }
}

// A formed target is what a stored one would be.
TEST_P(SoftAssignment, AFormedTargetIsAConstant) {
  const Shape shape{200, 6, 5};
  const Problem<float> problem(shape, SoftKernel::student_t, 9);
  const auto exact =
      plain_soft<double>(converted<double>(problem.points), converted<double>(problem.centres),
                         shape.n, shape.k, shape.d, {}, {}, 1.0);
  Guarded<float> z(context(), shape.n, shape.d, problem.points),
      m(context(), shape.k, shape.d, problem.centres),
      p(context(), shape.n, shape.k, converted<float>(exact.p));
  Guarded<double> sums(context(), 1, shape.k, exact.sums);
  Guarded<double> loss(context(), 1, 2, std::vector<double>(2));
  Matrix<float> formed(context(), shape.n, shape.d), stored(context(), shape.n, shape.d);
  soft_assignment_kl(context(), z.view(), m.view(), {}, {}, sums.flat(), 1, loss.flat().slice(0, 1),
                     formed, {});
  soft_assignment_kl(context(), z.view(), m.view(), {}, p.view(), {}, 1, loss.flat().slice(1, 1),
                     stored, {});
  const Matrix<float> a = formed.to_host(context()), b = stored.to_host(context());
  for (std::int64_t i = 0; i < shape.n * shape.d; ++i) {
    EXPECT_NEAR(a.data()[i], b.data()[i], 1e-8);
  }
  EXPECT_NEAR(loss.values()[0], loss.values()[1], 1e-6);
}

TEST_P(SoftAssignment, EmptyAddsNothing) {
  Matrix<float> none(context(), 0, 4), centres(context(), 3, 4), grad(context(), 3, 4),
      p(context(), 0, 3);
  Guarded<double> loss(context(), 1, 1, std::vector<double>{3});
  Guarded<double> sums(context(), 1, 3, std::vector<double>{1, 2, 3});
  soft_assignment(context(), none, centres, {}, {}, sums.flat());
  EXPECT_EQ(sums.values(), (std::vector<double>{0, 0, 0}));
  soft_assignment_kl(context(), none, centres, {}, p, sums.flat(), 1, loss.flat(), {}, grad);
  EXPECT_EQ(loss.values()[0], 3);
}

TEST_P(SoftAssignment, OneAndTwoThreadsGiveTheSameBytes) {
  if (!on_cpu()) GTEST_SKIP() << "threads of the CPU";
  for (const Shape shape : {Shape{5000, 10, 10}, Shape{3000, 33, 40}}) {
    const Problem<float> problem(shape, SoftKernel::student_t, 3);
    const auto run = [&](int threads) {
      Context some = Context::cpu({.threads = threads});
      Guarded<float> z(some, shape.n, shape.d, problem.points),
          m(some, shape.k, shape.d, problem.centres), q(some, shape.n, shape.k);
      Matrix<float> grad_z(some, shape.n, shape.d), grad_m(some, shape.k, shape.d);
      Guarded<double> sums(some, 1, shape.k), loss(some, 1, 1, std::vector<double>{0});
      soft_assignment(some, z.view(), m.view(), {}, q.view(), sums.flat());
      soft_assignment_kl(some, z.view(), m.view(), {}, {}, sums.flat(), 1, loss.flat(), grad_z,
                         grad_m);
      std::vector<float> gradients(grad_z.flat().begin(), grad_z.flat().end());
      gradients.insert(gradients.end(), grad_m.flat().begin(), grad_m.flat().end());
      return std::tuple(q.values(), sums.values(), loss.values(), gradients);
    };
    EXPECT_EQ(run(1), run(2));
  }
}

TEST_P(SoftAssignment, WhatDoesNotFitIsNamed) {
  Matrix<float> points(context(), 5, 3), centres(context(), 2, 4), right(context(), 2, 3),
      q(context(), 5, 3);
  Matrix<double> sums(context(), 1, 3), loss(context(), 1, 1);
  EXPECT_EQ(error_of([&] { soft_assignment(context(), points, centres, {}, {}, {}); }),
            "soft_assignment: expected points of shape [5, 4], got [5, 3]");
  EXPECT_EQ(error_of([&] { soft_assignment(context(), points, right, {}, q, {}); }),
            "soft_assignment: expected q of shape [5, 2], got [5, 3]");
  EXPECT_EQ(error_of([&] { soft_assignment(context(), points, right, {.alpha = 0}, {}, {}); }),
            "soft_assignment: expected alpha above 0, got 0.000000");
  EXPECT_EQ(error_of([&] {
              soft_assignment_kl(context(), points, right, {}, {}, {}, 1, loss.flat(), {}, {});
            }),
            "soft_assignment_kl: expected column_sums of size 2, got 0");
  EXPECT_EQ(error_of([&] {
              soft_assignment(context(), points, Matrix<float>(context(), 0, 3), {}, {}, {});
            }),
            "soft_assignment: expected at least 1 centre, got 0");
}

CLIPK_INSTANTIATE_DEVICE_TEST(SoftAssignment);

}  // namespace
}  // namespace clipk::test
