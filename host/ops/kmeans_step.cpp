#include "clipk/ops/kmeans_step.hpp"

#include <limits>
#include <string>

#include "clipk/core/memory.hpp"
#include "cpu/kmeans_step.hpp"
#include "ops/check.hpp"

namespace clipk {
namespace {

void check_arguments(const char* op, const Context& context, MatrixView<const float> points,
                     BatchView<const float> centres) {
  check::matrix(op, "points", context, points, points.rows, points.cols);
  if (points.cols < 1) check::fail(op, "points of at least 1 column", "0");
  if (points.rows > std::numeric_limits<std::int32_t>::max()) {
    check::fail(op, "less than 2^31 points", std::to_string(points.rows));
  }
  if (centres.batch < 1) check::fail(op, "at least 1 set of centres", "0");
  if (centres.rows < 1) check::fail(op, "at least 1 centre", "0");
  check::matrix(op, "centres", context, centres[0], centres.rows, points.cols);
}

void check_state(const Context& context, MatrixView<const float> points, const KMeansState& state) {
  constexpr const char* kOp = "kmeans_step";
  const BatchView<const float> centres = state.centres;
  check_arguments(kOp, context, points, centres);
  check::matrix(kOp, "labels", context, state.labels, centres.batch, points.rows);
  if (state.sums.batch != centres.batch) {
    check::fail(kOp, std::to_string(centres.batch) + " sets of sums",
                std::to_string(state.sums.batch));
  }
  check::matrix(kOp, "sums", context, state.sums[0], centres.rows, points.cols);
  if (state.sums.stride != points.cols || state.sums.batch_stride != centres.rows * points.cols) {
    check::fail(kOp, "contiguous sums", "a row stride of " + std::to_string(state.sums.stride));
  }
  check::matrix(kOp, "counts", context, state.counts, centres.batch, centres.rows);
  check::vector(kOp, "changed", context, state.changed, centres.batch);
}

}  // namespace

void kmeans_step(Context& context, MatrixView<const float> points, const KMeansState& state) {
  check_state(context, points, state);
  check::cpu_only("kmeans_step", context);
  const std::int64_t r = state.centres.batch, k = state.centres.rows, d = points.cols;
  Scratch scratch(context);
  const cpu::KMeansPlan plan(points.rows, k, d);
  const cpu::KMeansScratch arrays{
      {scratch.vector<float>(r * k * d).data, scratch.vector<float>(r * k).data,
       scratch.vector<float>(r).data, scratch.vector<float>(r).data},
      scratch.vector<float>(context.threads() * r * k * plan.pitch).data,
      scratch.vector<double>(plan.pieces * r * k * d).data,
      scratch.vector<std::int64_t>(plan.pieces * r * (k + 1)).data};
  cpu::kmeans_step(context.threads(), plan, points, state, arrays);
}

void kmeans_inertia(Context& context, MatrixView<const float> points,
                    BatchView<const float> centres, MatrixView<const std::int32_t> labels,
                    MatrixView<double> squared, VectorView<double> inertia) {
  constexpr const char* kOp = "kmeans_inertia";
  check_arguments(kOp, context, points, centres);
  check::matrix(kOp, "labels", context, labels, centres.batch, points.rows);
  check::optional_matrix(kOp, "squared", context, squared, centres.batch, points.rows);
  check::vector(kOp, "inertia", context, inertia, centres.batch);
  Scratch scratch(context);
  const cpu::KMeansPlan plan(points.rows, centres.rows, points.cols);
  cpu::kmeans_inertia(context.threads(), plan, points, centres, labels,
                      scratch.vector<double>(plan.pieces * centres.batch).data, squared, inertia);
}

}  // namespace clipk
