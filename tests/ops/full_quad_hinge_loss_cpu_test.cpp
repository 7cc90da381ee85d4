// The gradient against central differences.
#include <vector>

#include "support/central_difference.hpp"
#include "support/full_quad_problem.hpp"

namespace clipk::test {
namespace {

// In double. A quadruple whose hinge is within the step of its kink would spoil them: the seeds are
// such that there is none.
TEST(FullQuadHingeLossGradient, CentralDifferences) {
  Context context = Context::cpu({.threads = 2});
  for (const bool self : {false, true}) {
    for (const QuadDraw draw : kQuadDraws) {
      for (const std::int64_t near : {0, 3}) {
        if (near > 0 && draw == QuadDraw::all) continue;
        const QuadProblem p = make_full_problem(9, 8, 5, self, draw, near, 0.4F);
        SCOPED_TRACE(describe_full(p));
        ASSERT_EQ(plain_full<double>(p).kinks, 0);
        const QuadResult<double> result = compute_full<double>(context, p);
        std::vector<double> x = converted<double>(p.x), y = converted<double>(p.y);
        const auto loss = [&] { return plain_full<double>(p, x, self ? x : y).loss; };
        EXPECT_NEAR(result.loss, loss(), 1e-13);
        expect_central_differences(loss, x, result.grad_x, 1e-6, 1e-8);
        if (!self) expect_central_differences(loss, y, result.grad_y, 1e-6, 1e-8);
      }
    }
  }
}

}  // namespace
}  // namespace clipk::test
