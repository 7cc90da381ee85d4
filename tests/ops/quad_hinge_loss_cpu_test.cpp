// The gradient against central differences, and the draws.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "support/central_difference.hpp"
#include "support/quad_problem.hpp"

namespace clipk::test {
namespace {

// Against central differences in double. A quadruple whose hinge is within the step of its kink
// would spoil them: the seeds are such that there is none.
TEST(QuadHingeLossGradient, CentralDifferences) {
  Context context = Context::cpu({.threads = 2});
  for (const QuadDraw draw : kQuadDraws) {
    for (const QuadForm form : kQuadForms) {
      for (const bool self : {false, true}) {
        const QuadProblem p = make_problem(
            11, 9, 5, self,
            {.count = 300, .margin = 0.4F, .weight = 2, .draw = draw, .form = form, .seed = 17});
        SCOPED_TRACE(describe(p));
        ASSERT_EQ(plain<double>(p).kinks, 0);
        const QuadResult<double> result = compute<double>(context, p);
        std::vector<double> x = converted<double>(p.x), y = converted<double>(p.y);
        const auto loss = [&] { return plain<double>(p, x, self ? x : y).loss; };
        EXPECT_NEAR(result.loss, plain<double>(p).loss, 1e-13);
        expect_central_differences(loss, x, result.grad_x, 1e-6, 1e-8);
        if (!self) expect_central_differences(loss, y, result.grad_y, 1e-6, 1e-8);
      }
    }
  }
}

// Pearson's statistic of counts that should be equal, less its mean, in standard deviations.
double excess(const std::vector<std::int64_t>& counts) {
  const double total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), 0LL));
  const double cells = static_cast<double>(counts.size());
  double statistic = 0;
  for (const std::int64_t count : counts) {
    const double off = static_cast<double>(count) - total / cells;
    statistic += off * off * cells / total;
  }
  return (statistic - (cells - 1)) / std::sqrt(2 * (cells - 1));
}

TEST(QuadDraws, AreUniformAndUseTheLists) {
  for (const bool self : {false, true}) {
    QuadProblem p = make_problem(23, 19, 1, self, {.count = 200'000, .seed = 77});
    const auto cell = [&](const TwoRows& pair) {
      const std::int64_t j = pair.j - (self && pair.j > pair.i ? 1 : 0);
      return static_cast<std::size_t>(pair.i * (p.m - (self ? 1 : 0)) + j);
    };
    const auto cells = static_cast<std::size_t>(p.n * (p.m - (self ? 1 : 0)));
    p.options.draw = QuadDraw::all;
    std::vector<std::int64_t> first(cells), second(cells);
    for (const Quad& quad : replay(p)) {
      ++first[cell(quad.first)];
      ++second[cell(quad.second)];
      ASSERT_TRUE(!self || (quad.first.i != quad.first.j && quad.second.i != quad.second.j));
    }
    EXPECT_LT(std::fabs(excess(first)), 4);
    EXPECT_LT(std::fabs(excess(second)), 4);

    p.options.draw = QuadDraw::query;
    std::vector<std::int64_t> places(static_cast<std::size_t>(p.n * p.near)), others(cells);
    std::int64_t number = 0;
    for (const Quad& quad : replay(p)) {
      if (number++ % (self ? p.n : p.n + p.m) >= p.n) {
        ASSERT_EQ(quad.first.j, quad.second.j);
        continue;
      }
      ASSERT_EQ(quad.first.i, quad.second.i);
      const auto list = p.near_rows.begin() + quad.first.i * p.near;
      const auto found = std::find(list, list + p.near, quad.first.j);
      ASSERT_NE(found, list + p.near);
      ++places[static_cast<std::size_t>(found - p.near_rows.begin())];
      ++others[cell(quad.second)];
    }
    EXPECT_LT(std::fabs(excess(places)), 4);
    EXPECT_LT(std::fabs(excess(others)), 4);
  }
}

}  // namespace
}  // namespace clipk::test
