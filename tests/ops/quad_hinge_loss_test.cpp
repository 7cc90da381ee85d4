#include "clipk/ops/quad_hinge_loss.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/quad_problem.hpp"

namespace clipk::test {
namespace {

void expect_like_plain(Context& context, const QuadProblem& p) {
  SCOPED_TRACE(describe(p));
  const QuadResult<double> reference = plain<double>(p);
  const QuadResult<float> loop = plain<float>(p);
  ASSERT_EQ(reference.kinks, 0) << "choose another seed";
  const QuadResult<float> actual = compute<float>(context, p);
  // A hinge is a difference of distances, and rounds as they do.
  const double distance = std::sqrt(2 * static_cast<double>(p.dim));
  EXPECT_NEAR(actual.loss, reference.loss, 3e-7 * static_cast<double>(p.options.weight) * distance);
  expect_as_good_as(actual.grad_x, loop.grad_x, reference.grad_x, "grad_x");
  expect_as_good_as(actual.grad_y, loop.grad_y, reference.grad_y, "grad_y");
}

class QuadHingeLoss : public DeviceTest {};

TEST_P(QuadHingeLoss, FollowsThePlainLoop) {
  struct Size {
    std::int64_t n, m, dim, count;
  };
  for (const Size& size :
       {Size{1, 2, 1, 7}, Size{2, 1, 2, 5}, Size{2, 2, 3, 1}, Size{17, 2, 17, 100},
        Size{17, 31, 64, 1021}, Size{113, 57, 33, 3000}, Size{257, 113, 16, 2},
        Size{40, 257, 128, 9000}, Size{1021, 33, 5, 1500}}) {
    if (simt() && size.n * size.m > 7000) continue;
    for (const QuadDraw draw : kQuadDraws) {
      for (const QuadForm form : kQuadForms) {
        for (const bool self : {false, true}) {
          if (self && size.n < 2) continue;
          expect_like_plain(context(), make_problem(size.n, size.m, size.dim, self,
                                                    {.count = size.count,
                                                     .margin = 0.3F,
                                                     .weight = 1.5F,
                                                     .draw = draw,
                                                     .form = form,
                                                     .seed = 5}));
        }
      }
    }
  }
}

TEST_P(QuadHingeLoss, ManyRows) {
  if (simt()) GTEST_SKIP() << "capacity only";
  for (const QuadDraw draw : kQuadDraws) {
    for (const QuadForm form : kQuadForms) {
      expect_like_plain(
          context(),
          make_problem(70000, 3, 2, false,
                       {.count = 1000, .margin = 0.1F, .draw = draw, .form = form, .seed = 8}));
    }
  }
}

// More quadruples than one slot, one batch or one tile takes.
TEST_P(QuadHingeLoss, ManyQuadruples) {
  if (simt()) GTEST_SKIP() << "capacity only";
  for (const QuadDraw draw : kQuadDraws) {
    for (const bool self : {false, true}) {
      QuadProblem p = make_problem(300, 260, 24, self,
                                   {.count = 400'003, .margin = 0.2F, .draw = draw, .seed = 21});
      const QuadResult<double> reference = plain<double>(p);
      const double largest = largest_of(reference.grad_x);
      for (const QuadForm form : kQuadForms) {
        p.options.form = form;
        SCOPED_TRACE(describe(p));
        const QuadResult<float> actual = compute<float>(context(), p);
        // A quadruple at its kink may fall on either side: one unit vector in each of four rows.
        const double allowed = 2e-6 * largest + static_cast<double>(reference.kinks) / 400'003.0;
        EXPECT_NEAR(actual.loss, reference.loss, 3e-6 * reference.loss);
        EXPECT_LE(max_error(actual.grad_x, reference.grad_x), allowed);
        EXPECT_LE(max_error(actual.grad_y, reference.grad_y), allowed);
      }
    }
  }
}

TEST_P(QuadHingeLoss, TargetFromRows) {
  for (const Metric metric : {Metric::squared_euclidean, Metric::euclidean, Metric::cosine}) {
    for (const QuadDraw draw : kQuadDraws) {
      for (const QuadForm form : kQuadForms) {
        for (const bool self : {false, true}) {
          QuadProblem p = make_problem(simt() ? 9 : 61, simt() ? 13 : 43, 8, self,
                                       {.count = simt() ? 100 : 700,
                                        .margin = 0.1F,
                                        .draw = draw,
                                        .form = form,
                                        .seed = 32});
          p.d.clear();
          p.metric = metric;
          p.row_dim = 37;
          p.rows_x = normals(p.n * p.row_dim, 14);
          if (!self) p.rows_y = normals(p.m * p.row_dim, 15);
          expect_like_plain(context(), p);
        }
      }
    }
  }
}

// Equal d count nothing; equal codes have no gradient but a hinge.
TEST_P(QuadHingeLoss, TiesAndDuplicates) {
  for (const QuadDraw draw : kQuadDraws) {
    for (const QuadForm form : kQuadForms) {
      for (const bool self : {false, true}) {
        for (const float margin : {0.F, 0.25F}) {
          QuadProblem p = make_problem(
              19, 23, 6, self,
              {.count = 600, .margin = margin, .draw = draw, .form = form, .seed = 41});
          for (float& d : p.d) d = std::floor(d * 4);
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
          if (self) p.y = p.x;
          expect_like_plain(context(), p);
        }
      }
    }
  }
}

// Pairs a thousandth of their length apart, whose products cancel and whose coefficients are large.
TEST_P(QuadHingeLoss, NearTwins) {
  for (const QuadForm form : kQuadForms) {
    for (const bool self : {false, true}) {
      QuadProblem p =
          make_problem(21, 23, 8, self, {.count = 500, .margin = 0.25F, .form = form, .seed = 43});
      const std::vector<float> shift = normals(p.n * p.dim, 19, 1e-3);
      for (std::int64_t i = 0; i < p.n; ++i) {
        for (std::int64_t k = 0; k < p.dim; ++k) {
          const auto at = static_cast<std::size_t>(i * p.dim + k);
          p.x[at] = p.y[static_cast<std::size_t>(i % 6 * p.dim + k)] + shift[at];
        }
      }
      if (self) p.y = p.x;
      expect_like_plain(context(), p);
    }
  }
}

TEST_P(QuadHingeLoss, AddsToItsOutputsAndLeavesOutEmptyOnes) {
  for (const QuadForm form : kQuadForms) {
    const QuadProblem p =
        make_problem(12, 9, 4, false, {.count = 200, .margin = 0.5F, .form = form, .seed = 2});
    const QuadResult<float> once = compute<float>(context(), p);
    Guarded<float> x(context(), p.n, p.dim, p.x), y(context(), p.m, p.dim, p.y);
    Guarded<float> d(context(), p.n, p.m, p.d);
    Guarded<std::int32_t> rows(context(), p.n, p.near, p.near_rows);
    Guarded<std::int32_t> cols(context(), p.m, p.near, p.near_cols);
    Guarded<std::uint64_t> step(context(), 1, 1, std::vector<std::uint64_t>{p.step});
    Guarded<double> loss(context(), 1, 1, std::vector<double>{7.0});
    Guarded<float> grad_y(context(), p.m, p.dim, std::vector<float>(p.y.size(), 2.F));
    TargetDistances target;
    target.distances = d.view();
    quad_hinge_loss(context(), x.view(), y.view(), target, {rows.view(), cols.view()}, p.options,
                    step.flat(), loss.flat(), {}, grad_y.view());
    EXPECT_NEAR(loss.values()[0], 7 + once.loss, 1e-12);
    std::vector<float> expected = once.grad_y;
    for (float& g : expected) g += 2;
    EXPECT_LE(max_error(grad_y.values(), expected), 3e-7);
  }
}

TEST_P(QuadHingeLoss, TheStepIsReadFromTheDevice) {
  QuadProblem p = make_problem(15, 14, 4, false, {.count = 300, .margin = 0.1F, .seed = 4});
  const QuadResult<float> a = compute<float>(context(), p);
  p.step = 4;
  const QuadResult<float> b = compute<float>(context(), p);
  EXPECT_GT(std::fabs(a.loss - b.loss), 0);
  expect_like_plain(context(), p);
}

TEST_P(QuadHingeLoss, SameBytesEveryTime) {
  for (const QuadDraw draw : kQuadDraws) {
    for (const QuadForm form : kQuadForms) {
      for (const bool self : {false, true}) {
        const QuadProblem p = make_problem(simt() ? 21 : 211, simt() ? 18 : 180, 19, self,
                                           {.count = simt() ? 2000 : 300'000,
                                            .margin = 0.1F,
                                            .draw = draw,
                                            .form = form,
                                            .seed = 6});
        SCOPED_TRACE(describe(p));
        const QuadResult<float> two = compute<float>(context(), p);
        std::vector<QuadResult<float>> others = {compute<float>(context(), p)};
        if (on_cpu()) {
          for (const int threads : {1, 3}) {
            Context other = Context::cpu({.seed = 1, .threads = threads});
            others.push_back(compute<float>(other, p));
          }
        }
        for (const QuadResult<float>& other : others) {
          EXPECT_EQ(std::memcmp(&two.loss, &other.loss, sizeof(double)), 0);
          EXPECT_EQ(std::memcmp(two.grad_x.data(), other.grad_x.data(), 4 * two.grad_x.size()), 0);
          EXPECT_EQ(std::memcmp(two.grad_y.data(), other.grad_y.data(), 4 * two.grad_y.size()), 0);
        }
      }
    }
  }
}

TEST_P(QuadHingeLoss, NaNShows) {
  for (const QuadDraw draw : kQuadDraws) {
    for (const QuadForm form : kQuadForms) {
      QuadProblem p = make_problem(9, 8, 4, false, {.count = 400, .draw = draw, .form = form});
      p.x[5] = NAN;
      EXPECT_TRUE(std::isnan(compute<float>(context(), p).loss)) << describe(p);
    }
  }
}

TEST_P(QuadHingeLoss, NoAllocationOnceItHasRun) {
  for (const QuadForm form : kQuadForms) {
    const QuadProblem p = make_problem(30, 25, 8, false, {.count = 500, .form = form, .seed = 6});
    compute<float>(context(), p);
    compute<float>(context(), p);  // chunks of scratch have been merged into one
    const std::int64_t allocations = context().scratch().allocations();
    compute<float>(context(), p);
    EXPECT_EQ(context().scratch().allocations(), allocations);
  }
}

// Products in lower precision: distances are off by their rounding, and quadruples within that of
// their kink may change sides.
TEST_P(QuadHingeLoss, TensorCores) {
  if (on_cpu()) GTEST_SKIP() << "the CPU computes in float32";
  for (const QuadDraw draw : kQuadDraws) {
    const QuadProblem p = make_problem(
        33, 47, 24, false,
        {.count = 1000, .margin = 0.2F, .draw = draw, .form = QuadForm::dense, .seed = 9});
    const QuadResult<double> reference = plain<double>(p);
    const double largest = largest_of(reference.grad_x);
    for (const Precision precision : {Precision::tf32, Precision::bf16}) {
      Context other = Context::cuda({.seed = 1, .precision = precision});
      const QuadResult<float> actual = compute<float>(other, p);
      const double rounding = precision == Precision::tf32 ? 0x1p-10 : 0x1p-7;
      EXPECT_NEAR(actual.loss, reference.loss, 2 * rounding * std::sqrt(2.0 * 24));
      EXPECT_GT(std::fabs(actual.loss - compute<float>(context(), p).loss), 0)
          << "not in lower precision";
      const double allowed = 8 * rounding * largest + (precision == Precision::tf32 ? 2e-3 : 6e-3);
      EXPECT_LE(max_error(actual.grad_x, reference.grad_x), allowed);
      EXPECT_LE(max_error(actual.grad_y, reference.grad_y), allowed);
    }
  }
}

TEST_P(QuadHingeLoss, BadInput) {
  QuadProblem p = make_problem(6, 5, 3, false, {.count = 10, .seed = 2});
  Guarded<float> x(context(), 6, 3, p.x), y(context(), 5, 3, p.y), d(context(), 6, 5, p.d);
  Guarded<std::int32_t> rows(context(), 6, p.near, p.near_rows);
  Guarded<std::int32_t> cols(context(), 5, p.near, p.near_cols);
  Guarded<std::uint64_t> step(context(), 1, 1, std::vector<std::uint64_t>{0});
  Guarded<double> loss(context(), 1, 1, std::vector<double>{0.0});
  Guarded<float> grad_x(context(), 6, 3, p.x), grad_y(context(), 5, 3, p.y);
  TargetDistances target;
  target.distances = d.view();
  QuadNeighbors neighbors{rows.view(), cols.view()};
  QuadHingeOptions options = p.options;
  MatrixView<const float> vx = x.view(), vy = y.view();
  const auto message = [&] {
    return error_of([&] {
      quad_hinge_loss(context(), vx, vy, target, neighbors, options, step.flat(), loss.flat(),
                      grad_x.view(), grad_y.view());
    });
  };
  EXPECT_EQ(message(), "no error");
  options.count = 0;
  EXPECT_EQ(message(), "quad_hinge_loss: expected at least 1 quadruple, got 0");
  options.count = 10;
  vy = y.view().col_range(0, 2);
  EXPECT_EQ(message(), "quad_hinge_loss: expected y of shape [5, 3], got [5, 2]");
  vy = y.view();
  target.distances = d.view().row_range(0, 4);
  EXPECT_EQ(message(), "quad_hinge_loss: expected target distances of shape [6, 5], got [4, 5]");
  target.distances = {};
  EXPECT_EQ(message(),
            "quad_hinge_loss: expected target distances, or rows of at least 1 column, got [0, 0]");
  target.distances = d.view();
  neighbors.of_rows = {};
  EXPECT_EQ(message(),
            "quad_hinge_loss: expected neighbors of_rows with at least 1 column for a draw by "
            "query, got [0, 0]");
  options.draw = QuadDraw::all;
  EXPECT_EQ(message(), "no error");
  vx = x.view().row_range(0, 1);
  vy = y.view().row_range(0, 1);
  EXPECT_EQ(message(), "quad_hinge_loss: expected a block of at least 2 pairs, got [1, 1]");
  if (!on_cpu()) return;
  p.near_cols[7] = 6;
  Guarded<std::int32_t> wrong(context(), 5, p.near, p.near_cols);
  vx = x.view();
  vy = y.view();
  options.draw = QuadDraw::query;
  neighbors = {rows.view(), wrong.view()};
  EXPECT_EQ(message(), "quad_hinge_loss: expected neighbors of_cols in [0, 6), got 6 in row 1");
  neighbors = {rows.view(), cols.view()};
  options.count = 1000;
  std::vector<float> with_zero = p.x;
  std::fill_n(with_zero.begin() + 3, 3, 0.F);
  Guarded<float> zero_row(context(), 6, 3, with_zero);
  target.distances = {};
  target.metric = Metric::cosine;
  target.rows_x = zero_row.view();
  target.rows_y = y.view();
  for (const QuadForm form : kQuadForms) {
    options.form = form;
    EXPECT_HAS(message(), "with a length above");
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(QuadHingeLoss);

}  // namespace
}  // namespace clipk::test
