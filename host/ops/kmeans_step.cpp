#include "clipk/ops/kmeans_step.hpp"

#include <limits>
#include <string>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "core/library_handles.hpp"
#include "cpu/detail/kmeans_labels.hpp"
#include "cpu/kmeans_step.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/kmeans_step.hpp"
#endif

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

void check_bounds(const Context& context, const KMeansState& state, const KMeansBounds& bounds) {
  if (bounds.upper.data == nullptr) return;
  constexpr const char* kOp = "kmeans_step";
  const MatrixView<std::int32_t> labels = state.labels;
  check::matrix(kOp, "upper", context, bounds.upper, labels.rows, labels.cols);
  check::matrix(kOp, "lower", context, bounds.lower, labels.rows, labels.cols);
  check::matrix(kOp, "moves", context, bounds.moves, labels.rows, state.counts.cols);
}

void step_on_cpu(Context& context, MatrixView<const float> points, const KMeansState& state,
                 const KMeansBounds& bounds) {
  const std::int64_t r = state.centres.batch, k = state.centres.rows, d = points.cols;
  Scratch scratch(context);
  const cpu::KMeansPlan plan(points.rows, k, d);
  const cpu::KMeansScratch arrays{
      scratch.vector<float>(r * plan.panel_values).data,
      scratch.vector<float>(r * plan.padded).data,
      scratch.vector<float>(r * k).data,
      scratch.vector<float>(r * k).data,
      scratch.vector<float>(context.threads() * cpu::kPanelRows * plan.padded).data,
      scratch.vector<double>(plan.pieces * r * k * d).data,
      scratch.vector<std::int64_t>(plan.pieces * r * (k + 1)).data};
  cpu::kmeans_step(context.threads(), plan, points, state, bounds, arrays);
}

#if CLIPK_HAS_CUDA
void step_on_cuda(Context& context, MatrixView<const float> points, const KMeansState& state) {
  const std::int64_t r = state.centres.batch, k = state.centres.rows, d = points.cols;
  Scratch scratch(context);
  const gpu::KMeansPlan plan(points.rows, r, k, d);
  const gpu::KMeansScratch arrays{scratch.vector<double>(r * d).data,
                                  scratch.vector<float>(r * k * d).data,
                                  scratch.vector<float>(r * k).data,
                                  scratch.vector<float>(r * k).data,
                                  scratch.vector<float>(plan.block_rows).data,
                                  scratch.vector<float>(r * k * plan.block_rows).data,
                                  scratch.vector<double>(plan.pieces * r * k * d).data,
                                  scratch.vector<std::int32_t>(plan.pieces * r * k * 2).data};
  const MatrixView<std::int32_t> labels = scratch.matrix<std::int32_t>(r, points.rows);
  gpu::kmeans_step(gpu::gemm_handle(LibraryHandles::blas(context)), plan, context.precision(),
                   points, state, labels, arrays, context.stream());
  copy<std::int32_t>(context, labels, state.labels);
}
#endif

}  // namespace

void kmeans_step(Context& context, MatrixView<const float> points, const KMeansState& state,
                 const KMeansBounds& bounds) {
  check_state(context, points, state);
  check_bounds(context, state, bounds);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) return step_on_cuda(context, points, state);
#endif
  step_on_cpu(context, points, state, bounds);
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
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    const std::int64_t blocks = gpu::kmeans_inertia_blocks(points.rows);
    return gpu::kmeans_inertia(points, centres, labels,
                               scratch.vector<double>(blocks * centres.batch).data, squared,
                               inertia.data, context.stream());
  }
#endif
  const cpu::KMeansPlan plan(points.rows, centres.rows, points.cols);
  cpu::kmeans_inertia(context.threads(), plan, points, centres, labels,
                      scratch.vector<double>(plan.pieces * centres.batch).data, squared, inertia);
}

}  // namespace clipk
