#include "clipk/ops/quad_order.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/full_quad_problem.hpp"

namespace clipk::test {
namespace {

std::vector<std::int32_t> values_of(Context& context, const Matrix<std::int32_t>& matrix) {
  const Matrix<std::int32_t> host = matrix.to_host(context);
  return {host.data(), host.data() + host.rows() * host.cols()};
}

// Ranks and nearest as the header says, by counting.
template <class T>
void expect_like_counts(Context& context, const QuadProblem& p) {
  SCOPED_TRACE(describe_full(p));
  const QuadOrder order = order_of<T>(context, p);
  const auto size = static_cast<std::size_t>(p.n * p.m);
  std::vector<std::int32_t> of_rows(size, -1), of_cols(size, -1), near_rows, near_cols;
  bool ties = false;
  std::int64_t group_number = 0;
  for (const auto& group : groups_of<T>(p)) {
    const bool is_col = p.options.draw == QuadDraw::query && group_number >= p.n;
    std::int32_t rank = 0;
    for (std::size_t k = 0; k < group.size(); ++k) {
      const bool tie = k > 0 && target_of<T>(p, group[k]) == target_of<T>(p, group[k - 1]);
      ties = ties || tie;
      if (!tie) rank = static_cast<std::int32_t>(k);
      const auto [i, j] = group[k];
      (is_col ? of_cols[static_cast<std::size_t>(j * p.n + i)] : of_rows[p.at(i, j)]) = rank;
      if (static_cast<std::int64_t>(k) < p.near) {
        (is_col ? near_cols : near_rows).push_back(static_cast<std::int32_t>(is_col ? i : j));
      }
    }
    ++group_number;
  }
  EXPECT_EQ(values_of(context, order.of_rows), of_rows);
  if (p.options.draw == QuadDraw::query && !p.self) {
    EXPECT_EQ(values_of(context, order.of_cols), of_cols);
  } else {
    EXPECT_TRUE(order.of_cols.empty());
  }
  EXPECT_EQ(values_of(context, order.near_rows), near_rows);
  EXPECT_EQ(values_of(context, order.near_cols), near_cols);
  EXPECT_EQ(order.count, static_cast<std::int64_t>(all_quads<T>(p).size()));
  EXPECT_EQ(order.ties, ties);
  EXPECT_EQ(order.rows, p.n);
  EXPECT_EQ(order.cols, p.m);
}

class QuadOrders : public DeviceTest {};

TEST_P(QuadOrders, FollowTheDefinition) {
  struct Size {
    std::int64_t n, m;
  };
  for (const Size& size : {Size{1, 2}, Size{2, 1}, Size{3, 2}, Size{17, 40}, Size{40, 17},
                           Size{600, 3}, Size{3, 600}}) {
    if (simt() && size.n * size.m > 1000) continue;
    for (const bool self : {false, true}) {
      const std::int64_t n = size.n, m = size.m;
      if (self && (n < 2 || n > 100)) continue;
      const std::int64_t candidates = self ? n - 1 : std::min(n, m);
      for (const int levels : {0, 1, 7}) {
        for (const std::int64_t near : {std::int64_t{0}, std::int64_t{1}, candidates}) {
          for (const QuadDraw draw : kQuadDraws) {
            if (draw == QuadDraw::all && (near > 0 || n * m > 1000)) continue;
            QuadProblem p = make_full_problem(n, m, 1, self, draw, near, 0);
            for (float& d : p.d) d = levels == 0 ? d - .5F : std::floor(d * levels);
            expect_like_counts<float>(context(), p);
            if (on_cpu()) expect_like_counts<double>(context(), p);
          }
        }
      }
    }
  }
}

// A zero has no sign.
TEST_P(QuadOrders, ZerosAreEqual) {
  QuadProblem p = make_full_problem(2, 3, 1, false, QuadDraw::query, 0, 0);
  p.d = {0, -0.F, 1, -0.F, 2, 0};
  expect_like_counts<float>(context(), p);
}

// More than one thread or block sorts at once, and (on CUDA) than one sort takes.
TEST_P(QuadOrders, ManyDistances) {
  if (simt()) GTEST_SKIP() << "capacity only";
  const std::int64_t n = 3000, m = 2000;
  QuadProblem p = make_full_problem(n, m, 1, false, QuadDraw::all, 0, 0);
  const QuadOrder order = order_of<float>(context(), p);
  const std::vector<std::int32_t> ranks = values_of(context(), order.of_rows);
  std::vector<float> sorted = p.d;
  std::sort(sorted.begin(), sorted.end());
  std::size_t wrong = 0;
  std::int64_t count = 0;
  for (std::size_t k = 0; k < ranks.size(); ++k) {
    const auto rank = static_cast<std::size_t>(ranks[k]);
    const bool right = sorted[rank] == p.d[k] && (rank == 0 || sorted[rank - 1] < sorted[rank]);
    wrong += right ? 0 : 1;
    count += ranks[k];
  }
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(order.count, count);
  EXPECT_TRUE(order.ties);  // 6 M values of 24 bits
  p.options.draw = QuadDraw::query;
  const QuadOrder by_query = order_of<float>(context(), p);
  std::int64_t by_sums = 0;
  for (const auto* matrix : {&by_query.of_rows, &by_query.of_cols}) {
    for (const std::int32_t rank : values_of(context(), *matrix)) by_sums += rank;
  }
  EXPECT_EQ(by_query.count, by_sums);
}

TEST_P(QuadOrders, BadInput) {
  QuadProblem p = make_full_problem(6, 5, 3, false, QuadDraw::query, 2, 0);
  Guarded<float> d(context(), 6, 5, p.d), rows(context(), 6, 3, p.x), other(context(), 5, 3, p.y);
  TargetDistances target;
  QuadOrderOptions options;
  const auto message = [&] {
    return error_of([&] { static_cast<void>(quad_order(context(), target, options)); });
  };
  EXPECT_EQ(message(),
            "quad_order: expected target distances, or rows of at least 1 column, got [0, 0]");
  target.distances = d.view();
  EXPECT_EQ(message(), "no error");
  options.near = 6;
  EXPECT_EQ(message(), "quad_order: expected near in 0 ... 5, got 6");
  options.near = -1;
  EXPECT_EQ(message(), "quad_order: expected near in 0 ... 5, got -1");
  options = {.draw = QuadDraw::all, .near = 2};
  EXPECT_EQ(message(), "quad_order: expected near of 0 for a draw of all, got 2");
  options = {.one_set = true};
  EXPECT_EQ(message(), "quad_order: expected target distances of shape [6, 6], got [6, 5]");
  target.distances = d.view().row_range(0, 1).col_range(0, 1);
  EXPECT_EQ(message(), "quad_order: expected a block of at least 2 pairs, got [1, 1]");
  options = {};
  EXPECT_EQ(message(), "quad_order: expected a block of at least 2 pairs, got [1, 1]");
  target = {.rows_x = rows.view(), .rows_y = other.view().col_range(0, 2)};
  EXPECT_EQ(message(), "quad_order: expected target rows_y of shape [5, 3], got [5, 2]");
  float one = 0;
  target = {.distances = MatrixView<const float>(&one, 50'000, 50'000, context().device())};
  EXPECT_EQ(message(),
            "quad_order: expected a block of at most 2147483647 pairs, got [50000, 50000]");
  for (const float bad : {NAN, INFINITY}) {
    p.d[7] = bad;
    Guarded<float> wrong(context(), 6, 5, p.d);
    target = {.distances = wrong.view()};
    EXPECT_EQ(message(),
              "quad_order: expected finite target distances, got " +
                  (on_cpu() ? std::to_string(bad) + " in row 1" : std::string("2 that are not")));
  }
  if (!on_cpu()) return;
  std::vector<float> with_zero = p.x;
  std::fill_n(with_zero.begin() + 3, 3, 0.F);
  Guarded<float> zero_row(context(), 6, 3, with_zero);
  target = {.rows_x = zero_row.view(), .rows_y = other.view(), .metric = Metric::cosine};
  EXPECT_HAS(message(), "with a length above");
}

CLIPK_INSTANTIATE_DEVICE_TEST(QuadOrders);

}  // namespace
}  // namespace clipk::test
