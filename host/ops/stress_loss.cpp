#include "clipk/ops/stress_loss.hpp"

#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/stress_loss.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/stress_loss.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "stress_loss";

template <class T>
void check_target(const Context& context, const BasicTargetDistances<T>& target, std::int64_t n,
                  std::int64_t m, bool within) {
  if (target.distances.data != nullptr) {
    return check::matrix(kOp, "target.distances", context, target.distances, n, m);
  }
  check::matrix(kOp, "target.rows_x", context, target.rows_x, n, target.rows_x.cols);
  if (!within) {
    check::matrix(kOp, "target.rows_y", context, target.rows_y, m, target.rows_x.cols);
  }
  if (target.rows_x.cols == 0) check::fail(kOp, "target.distances or target.rows_x", "neither");
}

template <class T>
void run(Context& context, MatrixView<const T> x, MatrixView<const T> y, bool within,
         const BasicTargetDistances<T>& target, const StressOptions& options,
         VectorView<double> loss, MatrixView<T> grad_x, MatrixView<T> grad_y) {
  if (x.cols < 1) check::fail(kOp, "codes of at least 1 column", std::to_string(x.cols));
  check::matrix(kOp, "x", context, x, x.rows, x.cols);
  check::matrix(kOp, "y", context, y, y.rows, x.cols);
  check::vector(kOp, "loss", context, loss, 1);
  check::optional_matrix(kOp, within ? "grad" : "grad_x", context, grad_x, x.rows, x.cols);
  check::optional_matrix(kOp, "grad_y", context, grad_y, y.rows, x.cols);
  if (x.rows == 0 || y.rows == 0) return;
  check_target(context, target, x.rows, y.rows, within);
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::stress_loss(scratch, x, y, within, target, options, loss.data, grad_x, grad_y,
                              context.precision(), context.stream());
    }
  }
#endif
  cpu::stress_loss(context.threads(), scratch, x, y, within, target, options, loss[0], grad_x,
                   grad_y);
}

}  // namespace

void stress_loss(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                 const TargetDistances& target, const StressOptions& options,
                 VectorView<double> loss, MatrixView<float> grad_x, MatrixView<float> grad_y) {
  run(context, x, y, false, target, options, loss, grad_x, grad_y);
}

void stress_loss(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                 const BasicTargetDistances<double>& target, const StressOptions& options,
                 VectorView<double> loss, MatrixView<double> grad_x, MatrixView<double> grad_y) {
  check::cpu_only(kOp, context);
  run(context, x, y, false, target, options, loss, grad_x, grad_y);
}

void stress_loss(Context& context, MatrixView<const float> x, const TargetDistances& target,
                 const StressOptions& options, VectorView<double> loss, MatrixView<float> grad) {
  run(context, x, x, true, target, options, loss, grad, MatrixView<float>());
}

void stress_loss(Context& context, MatrixView<const double> x,
                 const BasicTargetDistances<double>& target, const StressOptions& options,
                 VectorView<double> loss, MatrixView<double> grad) {
  check::cpu_only(kOp, context);
  run(context, x, x, true, target, options, loss, grad, MatrixView<double>());
}

}  // namespace clipk
