// The isotonic loss: both draws, both forms, within one set and between two; and all quadruples.
#include "clipk/ops/full_quad_hinge_loss.hpp"
#include "clipk/ops/quad_hinge_loss.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

constexpr std::int64_t kRows = 123, kCols = 101, kNear = 4;

// Lists of neighbours: any columns but the row's own number.
Matrix<std::int32_t> lists(Run& run, std::int64_t n, std::int64_t m) {
  Matrix<std::int32_t> of = run.inputs.below(n, kNear, static_cast<std::uint32_t>(m - 1));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < kNear; ++j) of(i, j) += of(i, j) >= i ? 1 : 0;
  }
  return of;
}

template <class T>
void of_two(Run& run, const QuadHingeOptions& options, bool stored) {
  const std::uint64_t step = 3;
  for (const std::int64_t q : {3, 17, 64}) {
    const auto x = run.inputs.uniform<T>(kRows, q), y = run.inputs.uniform<T>(kCols, q);
    const auto distances = run.inputs.uniform<T>(kRows, kCols, 0, 2);
    const auto rows_x = run.inputs.uniform<T>(kRows, 70), rows_y = run.inputs.uniform<T>(kCols, 70);
    BasicTargetDistances<T> target;
    if (stored) {
      target.distances = distances;
    } else {
      target = {.rows_x = rows_x, .rows_y = rows_y, .metric = Metric::cosine};
    }
    const auto of_rows = lists(run, kRows, kCols), of_cols = lists(run, kCols, kRows);
    auto grad_x = run.inputs.uniform<T>(kRows, q), grad_y = run.inputs.uniform<T>(kCols, q);
    double loss = 0.25;
    quad_hinge_loss(run.context, x, y, target, {of_rows, of_cols}, options,
                    VectorView<const std::uint64_t>(&step, 1), VectorView<double>(&loss, 1), grad_x,
                    grad_y);
    run.add(loss, grad_x, grad_y);
  }
}

template <class T>
void of_one(Run& run, const QuadHingeOptions& options) {
  const std::uint64_t step = 3;
  for (const std::int64_t q : {3, 17, 64}) {
    const auto x = run.inputs.uniform<T>(kRows, q), rows = run.inputs.uniform<T>(kRows, 70);
    const auto of_rows = lists(run, kRows, kRows);
    auto grad = run.inputs.uniform<T>(kRows, q);
    double loss = 0.25;
    quad_hinge_loss(run.context, x, BasicTargetDistances<T>{.rows_x = rows, .rows_y = rows},
                    {of_rows, {}}, options, VectorView<const std::uint64_t>(&step, 1),
                    VectorView<double>(&loss, 1), grad);
    run.add(loss, grad);
  }
}

Registered quad_cases() {
  for (const QuadForm form : {QuadForm::dense, QuadForm::gather}) {
    for (const QuadDraw draw : {QuadDraw::query, QuadDraw::all}) {
      const QuadHingeOptions options{
          .count = 20'011, .margin = 0.1F, .weight = 0.7F, .draw = draw, .form = form, .seed = 9};
      const std::string name = std::string("ops/quad_hinge_loss/quad_hinge_loss.") +
                               (form == QuadForm::dense ? "dense" : "gather") +
                               (draw == QuadDraw::query ? "_query" : "_all");
      both(name + "_stored",
           [options](Run& run, auto zero) { of_two<decltype(zero)>(run, options, true); });
      both(name + "_rows",
           [options](Run& run, auto zero) { of_two<decltype(zero)>(run, options, false); });
      both(name + "_self",
           [options](Run& run, auto zero) { of_one<decltype(zero)>(run, options); });
    }
  }
  return {};
}

const Registered kQuadHingeLoss = quad_cases();

struct FullCase {
  const char* name;
  QuadOrderOptions options;
  bool ties;
};
constexpr FullCase kFullCases[] = {
    {"query", {.draw = QuadDraw::query}, false},
    {"query_ties", {.draw = QuadDraw::query}, true},
    {"near", {.draw = QuadDraw::query, .near = kNear}, true},
    {"near_sorted", {.draw = QuadDraw::query, .near = 99}, true},
    {"all", {.draw = QuadDraw::all}, false},
    {"query_self", {.draw = QuadDraw::query, .one_set = true}, false},
    {"all_self", {.draw = QuadDraw::all, .one_set = true}, false}};

// Target distances; of few values where they are to tie.
template <class T>
Matrix<T> full_target(Run& run, const FullCase& c) {
  const std::int64_t m = c.options.one_set ? kRows : kCols;
  Matrix<T> d = run.inputs.uniform<T>(kRows, m, 0, 2);
  for (std::int64_t i = 0; i < kRows; ++i) {
    for (std::int64_t j = 0; j < m; ++j) {
      if (c.ties) d(i, j) = static_cast<T>(static_cast<std::int64_t>(d(i, j) * 40));
      if (c.options.one_set && j < i) d(i, j) = d(j, i);
    }
  }
  return d;
}

template <class T>
void order(Run& run, const FullCase& c) {
  const Matrix<T> d = full_target<T>(run, c);
  const QuadOrder found =
      quad_order(run.context, BasicTargetDistances<T>{.distances = d}, c.options);
  run.add(found.count, found.of_rows, found.of_cols, found.near_rows, found.near_cols);
}

template <class T>
void full_loss(Run& run, const FullCase& c) {
  const Matrix<T> d = full_target<T>(run, c);
  const QuadOrder found =
      quad_order(run.context, BasicTargetDistances<T>{.distances = d}, c.options);
  const FullQuadHingeOptions options{.margin = 0.1F, .weight = 0.7F};
  for (const std::int64_t q : {3, 17, 64}) {
    const auto x = run.inputs.uniform<T>(kRows, q), y = run.inputs.uniform<T>(kCols, q);
    auto grad_x = run.inputs.uniform<T>(kRows, q), grad_y = run.inputs.uniform<T>(kCols, q);
    double loss = 0.25;
    const VectorView<double> sum(&loss, 1);
    if (c.options.one_set) {
      full_quad_hinge_loss(run.context, x, found, options, sum, grad_x);
    } else {
      full_quad_hinge_loss(run.context, x, y, found, options, sum, grad_x, grad_y);
    }
    run.add(loss, grad_x, grad_y);
  }
}

Registered full_cases() {
  for (const FullCase& c : kFullCases) {
    both(std::string("ops/quad_order/quad_order.") + c.name,
         [c](Run& run, auto zero) { order<decltype(zero)>(run, c); });
    both(std::string("ops/full_quad_hinge_loss/full_quad_hinge_loss.") + c.name,
         [c](Run& run, auto zero) { full_loss<decltype(zero)>(run, c); });
  }
  return {};
}

const Registered kFullQuadHingeLoss = full_cases();

}  // namespace
}  // namespace clipk::golden
