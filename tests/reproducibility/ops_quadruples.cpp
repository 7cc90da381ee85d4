// The isotonic loss: both draws, both forms, within one set and between two.
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

}  // namespace
}  // namespace clipk::golden
