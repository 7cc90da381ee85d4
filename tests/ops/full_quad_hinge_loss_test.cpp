#include "clipk/ops/full_quad_hinge_loss.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/full_quad_problem.hpp"

namespace clipk::test {
namespace {

void expect_like_plain(Context& context, const QuadProblem& p) {
  SCOPED_TRACE(describe_full(p));
  const QuadResult<double> reference = plain_full<double>(p);
  const QuadResult<float> loop = plain_full<float>(p);
  ASSERT_EQ(reference.kinks, 0) << "choose another seed";
  const QuadResult<float> actual = compute_full<float>(context, p);
  // A hinge is a difference of distances, and rounds as they do.
  const double distance = std::sqrt(2 * static_cast<double>(p.dim));
  EXPECT_NEAR(actual.loss, reference.loss, 3e-7 * static_cast<double>(p.options.weight) * distance);
  expect_as_good_as(actual.grad_x, loop.grad_x, reference.grad_x, "grad_x");
  expect_as_good_as(actual.grad_y, loop.grad_y, reference.grad_y, "grad_y");
}

// Both forms, within one set and between two, with and without nearest.
template <class F>
void for_problems(std::int64_t n, std::int64_t m, std::int64_t dim, float margin, F&& f) {
  for (const bool self : {false, true}) {
    if (self && n < 2) continue;
    const std::int64_t candidates = self ? n - 1 : std::min(n, m);
    f(make_full_problem(n, m, dim, self, QuadDraw::all, 0, margin));
    f(make_full_problem(n, m, dim, self, QuadDraw::query, 0, margin));
    f(make_full_problem(n, m, dim, self, QuadDraw::query, 1, margin));
    if (candidates > 3) {
      f(make_full_problem(n, m, dim, self, QuadDraw::query, 3, margin));
      f(make_full_problem(n, m, dim, self, QuadDraw::query, candidates, margin));
    }
  }
}

class FullQuadHingeLoss : public DeviceTest {};

TEST_P(FullQuadHingeLoss, FollowsTheDefinition) {
  struct Size {
    std::int64_t n, m, dim;
  };
  for (const Size& size : {Size{1, 2, 1}, Size{2, 1, 2}, Size{2, 2, 3}, Size{17, 2, 17},
                           Size{9, 13, 64}, Size{13, 9, 33}, Size{16, 16, 5}, Size{23, 19, 8}}) {
    if (simt() && size.n * size.m > 150) continue;
    for (const float margin : {0.F, 0.3F}) {
      for_problems(size.n, size.m, size.dim, margin,
                   [&](const QuadProblem& p) { expect_like_plain(context(), p); });
    }
  }
}

// Sizes past a word of ranks, a node of their tree, a vector, a tile of nearest, and (the last)
// what one thread counts alone. A quadruple at its kink may fall on either side: a unit vector in
// each of four rows.
TEST_P(FullQuadHingeLoss, LargerGroups) {
  struct Case {
    std::int64_t n, m;
    bool self;
    QuadDraw draw;
    std::int64_t near;
  };
  for (const Case& c :
       {Case{37, 51, false, QuadDraw::all, 0}, Case{51, 37, true, QuadDraw::all, 0},
        Case{5, 1100, false, QuadDraw::query, 0}, Case{150, 140, false, QuadDraw::query, 0},
        Case{150, 140, false, QuadDraw::query, 35}, Case{150, 140, false, QuadDraw::query, 100},
        Case{130, 130, true, QuadDraw::query, 110}, Case{141, 1, true, QuadDraw::query, 0}}) {
    if (simt() && c.n * c.m > 2000) continue;
    const QuadProblem p = make_full_problem(c.n, c.m, 6, c.self, c.draw, c.near, 0.2F);
    SCOPED_TRACE(describe_full(p));
    const QuadResult<double> reference = plain_full<double>(p);
    const QuadResult<float> actual = compute_full<float>(context(), p);
    const double quads = static_cast<double>(all_quads<double>(p).size());
    const double allowed =
        2e-6 * largest_of(reference.grad_x) + 3 * static_cast<double>(reference.kinks) / quads;
    EXPECT_NEAR(actual.loss, reference.loss, 3e-6 * reference.loss);
    EXPECT_LE(max_error(actual.grad_x, reference.grad_x), allowed);
    EXPECT_LE(max_error(actual.grad_y, reference.grad_y), allowed);
    if (!on_cpu()) continue;
    const QuadResult<double> wide = compute_full<double>(context(), p);
    EXPECT_NEAR(wide.loss, reference.loss, 1e-12);
    EXPECT_LE(max_error(wide.grad_x, reference.grad_x), 1e-12);
    EXPECT_LE(max_error(wide.grad_y, reference.grad_y), 1e-12);
  }
}

// Equal d count nothing; equal codes have no gradient but a hinge.
TEST_P(FullQuadHingeLoss, TiesAndDuplicates) {
  for (const float margin : {0.F, 0.25F}) {
    for (const int levels : {1, 2, 5}) {
      for_problems(simt() ? 9 : 19, simt() ? 11 : 23, 6, margin, [&](QuadProblem p) {
        for (float& d : p.d) d = std::floor(d * static_cast<float>(levels));
        for (std::int64_t i = 0; i < p.n; ++i) {
          for (std::int64_t k = 0; k < p.dim; ++k) {
            // Few distinct rows, far from the origin: the expanded form would cancel.
            p.x[static_cast<std::size_t>(i * p.dim + k)] =
                8 + p.y[static_cast<std::size_t>(i % 5 * p.dim + k)];
          }
        }
        for (std::int64_t j = 0; j < p.m; ++j) {
          for (std::int64_t k = 0; k < p.dim; ++k) {
            p.y[static_cast<std::size_t>(j * p.dim + k)] =
                p.x[static_cast<std::size_t>(j % 7 * p.dim + k)];
          }
        }
        if (p.self) p.y = p.x;
        const QuadOrder order = order_of<float>(context(), p);
        EXPECT_EQ(order.count, static_cast<std::int64_t>(all_quads<float>(p).size()));
        EXPECT_EQ(order.ties, true);
        expect_like_plain(context(), p);
      });
    }
  }
}

// A margin that is lost in the rounding of margin + e, and one below zero.
TEST_P(FullQuadHingeLoss, MarginsAtTheEdge) {
  for (const float margin : {1e-9F, -0.2F, 100.F}) {
    for_problems(8, 11, 4, margin, [&](const QuadProblem& p) { expect_like_plain(context(), p); });
  }
}

TEST_P(FullQuadHingeLoss, TargetFromRows) {
  for (const Metric metric : {Metric::squared_euclidean, Metric::euclidean, Metric::cosine}) {
    for_problems(8, 11, 5, 0.1F, [&](QuadProblem p) {
      p.d.clear();
      p.metric = metric;
      p.row_dim = 37;
      p.rows_x = normals(p.n * p.row_dim, 14);
      if (!p.self) p.rows_y = normals(p.m * p.row_dim, 15);
      expect_like_plain(context(), p);
    });
  }
}

TEST_P(FullQuadHingeLoss, AddsToItsOutputsAndLeavesOutEmptyOnes) {
  const QuadProblem p = make_full_problem(12, 9, 4, false, QuadDraw::query, 0, 0.5F);
  const QuadResult<float> once = compute_full<float>(context(), p);
  const QuadOrder order = order_of<float>(context(), p);
  Guarded<float> x(context(), p.n, p.dim, p.x), y(context(), p.m, p.dim, p.y);
  Guarded<double> loss(context(), 1, 1, std::vector<double>{7.0});
  Guarded<float> grad_y(context(), p.m, p.dim, std::vector<float>(p.y.size(), 2.F));
  full_quad_hinge_loss(context(), x.view(), y.view(), order, {.margin = 0.5F, .weight = 1.5F},
                       loss.flat(), {}, grad_y.view());
  EXPECT_NEAR(loss.values()[0], 7 + once.loss, 1e-12);
  std::vector<float> expected = once.grad_y;
  for (float& g : expected) g += 2;
  EXPECT_LE(max_error(grad_y.values(), expected), 3e-7);
}

TEST_P(FullQuadHingeLoss, NoTwoDistancesDiffer) {
  for_problems(6, 7, 3, 0.5F, [&](QuadProblem p) {
    std::fill(p.d.begin(), p.d.end(), 1.F);
    const QuadResult<float> result = compute_full<float>(context(), p);
    EXPECT_EQ(result.loss, 0);
    EXPECT_EQ(largest_of(result.grad_x), 0);
  });
}

// What quad_hinge_loss estimates: the mean of its draws, less those whose two distances are one.
TEST_P(FullQuadHingeLoss, IsTheMeanOfManyDraws) {
  if (simt()) GTEST_SKIP() << "many draws";
  for (const bool self : {false, true}) {
    for (const QuadDraw draw : kQuadDraws) {
      const std::int64_t n = 24, candidates = self ? n - 1 : n;
      QuadProblem p = make_full_problem(n, n, 6, self, draw, 0, 0.2F);
      const QuadResult<float> full = compute_full<float>(context(), p);
      p.near = candidates;
      p.near_rows = nearest_of(p, false);
      if (!self) p.near_cols = nearest_of(p, true);
      p.options.count = 4'000'000;
      p.options.seed = 5;
      const QuadResult<float> drawn = compute<float>(context(), p);
      // Within one set (i, j) and (j, i) are one distance.
      const double group = draw == QuadDraw::query ? static_cast<double>(candidates)
                           : self                  ? static_cast<double>(n * (n - 1)) / 2
                                                   : static_cast<double>(n * n);
      const double scale = group / (group - 1);
      SCOPED_TRACE(describe_full(p));
      EXPECT_NEAR(drawn.loss * scale, full.loss, 3e-3 * full.loss);
      std::vector<double> scaled = converted<double>(drawn.grad_x);
      for (double& g : scaled) g *= scale;
      EXPECT_LE(max_error(scaled, full.grad_x), 2e-2 * largest_of(full.grad_x));
    }
  }
}

TEST_P(FullQuadHingeLoss, SameBytesEveryTime) {
  struct Case {
    std::int64_t n, m;
    bool self;
    QuadDraw draw;
    std::int64_t near;
    bool ties;
  };
  // The blocks are larger than what one thread counts alone.
  for (const Case& c : {Case{300, 280, false, QuadDraw::all, 0, false},
                        Case{420, 420, true, QuadDraw::all, 0, true},
                        Case{211, 180, false, QuadDraw::query, 0, true},
                        Case{211, 180, false, QuadDraw::query, 5, false},
                        Case{211, 211, true, QuadDraw::query, 120, false}}) {
    QuadProblem p = make_full_problem(simt() ? c.n / 20 : c.n, simt() ? c.m / 20 : c.m, 19, c.self,
                                      c.draw, simt() ? c.near / 20 : c.near, 0.1F);
    for (float& d : p.d) d = c.ties ? std::floor(d * 1000) : d;
    SCOPED_TRACE(describe_full(p));
    const QuadResult<float> two = compute_full<float>(context(), p);
    std::vector<QuadResult<float>> others = {compute_full<float>(context(), p)};
    if (on_cpu()) {
      for (const int threads : {1, 3}) {
        Context other = Context::cpu({.seed = 1, .threads = threads});
        others.push_back(compute_full<float>(other, p));
      }
    }
    EXPECT_GT(two.loss, 0);
    for (const QuadResult<float>& other : others) {
      EXPECT_EQ(std::memcmp(&two.loss, &other.loss, sizeof(double)), 0);
      EXPECT_EQ(std::memcmp(two.grad_x.data(), other.grad_x.data(), 4 * two.grad_x.size()), 0);
      EXPECT_EQ(std::memcmp(two.grad_y.data(), other.grad_y.data(), 4 * two.grad_y.size()), 0);
    }
  }
}

TEST_P(FullQuadHingeLoss, NaNShows) {
  for_problems(9, 8, 4, 0.1F, [&](QuadProblem p) {
    for (const float sign : {1.F, -1.F}) {
      p.x[5] = std::copysign(std::numeric_limits<float>::quiet_NaN(), sign);
      if (p.self) p.y = p.x;
      EXPECT_TRUE(std::isnan(compute_full<float>(context(), p).loss)) << describe_full(p);
    }
  });
}

TEST_P(FullQuadHingeLoss, NoAllocationOnceItHasRun) {
  for_problems(30, 25, 8, 0.1F, [&](const QuadProblem& p) {
    const QuadOrder order = order_of<float>(context(), p);
    compute_full<float>(context(), p, order);
    compute_full<float>(context(), p, order);  // chunks of scratch have been merged into one
    const std::int64_t allocations = context().scratch().allocations();
    compute_full<float>(context(), p, order);
    EXPECT_EQ(context().scratch().allocations(), allocations);
  });
}

TEST_P(FullQuadHingeLoss, BadInput) {
  const QuadProblem p = make_full_problem(6, 5, 3, false, QuadDraw::query, 2, 0.1F);
  Guarded<float> x(context(), 6, 3, p.x), y(context(), 5, 3, p.y);
  Guarded<double> loss(context(), 1, 1, std::vector<double>{0.0});
  Guarded<float> grad_x(context(), 6, 3, p.x), grad_y(context(), 5, 3, p.y);
  QuadOrder order = order_of<float>(context(), p);
  FullQuadHingeOptions options;
  MatrixView<const float> vx = x.view(), vy = y.view();
  MatrixView<float> gy = grad_y.view();
  const auto message = [&] {
    return error_of([&] {
      full_quad_hinge_loss(context(), vx, vy, order, options, loss.flat(), grad_x.view(), gy);
    });
  };
  EXPECT_EQ(message(), "no error");
  vy = y.view().col_range(0, 2);
  EXPECT_EQ(message(), "full_quad_hinge_loss: expected y of shape [5, 3], got [5, 2]");
  vy = y.view().row_range(0, 4);
  EXPECT_EQ(message(), "full_quad_hinge_loss: expected an order of shape [6, 4], got [6, 5]");
  vx = x.view().col_range(0, 0);
  vy = y.view().col_range(0, 0);
  EXPECT_EQ(message(), "full_quad_hinge_loss: expected codes of at least 1 column, got 0");
  vx = x.view();
  vy = y.view();
  options.margin = NAN;
  EXPECT_EQ(message(), "full_quad_hinge_loss: expected a finite margin, got nan");
  options.margin = 0;
  gy = grad_x.view();
  EXPECT_EQ(message(), "full_quad_hinge_loss: expected grad_y of shape [5, 3], got [6, 3]");
  gy = grad_y.view();
  EXPECT_EQ(error_of([&] {
              full_quad_hinge_loss(context(), vx, vy, order, options, {}, grad_x.view(), gy);
            }),
            "full_quad_hinge_loss: expected loss of size 1, got 0");
  order.of_cols = {};
  EXPECT_EQ(message(), "full_quad_hinge_loss: expected order of_cols of shape [5, 6], got [0, 0]");
  order = order_of<float>(context(), make_full_problem(6, 6, 3, true, QuadDraw::all, 0, 0));
  vy = x.view();
  gy = grad_x.view();
  EXPECT_EQ(message(),
            "full_quad_hinge_loss: expected an order between two sets, got one within one set");
  order = order_of<float>(context(), make_full_problem(6, 6, 3, false, QuadDraw::all, 0, 0));
  EXPECT_EQ(error_of([&] {
              full_quad_hinge_loss(context(), vx, order, options, loss.flat(), grad_x.view());
            }),
            "full_quad_hinge_loss: expected an order within one set, got one between two sets");
}

CLIPK_INSTANTIATE_DEVICE_TEST(FullQuadHingeLoss);

}  // namespace
}  // namespace clipk::test
