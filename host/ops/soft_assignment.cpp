#include "clipk/ops/soft_assignment.hpp"

#include <string>
#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/soft_assignment.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/soft_assignment.hpp"
#endif

namespace clipk {
namespace {

template <class T>
void check_arguments(const char* op, const Context& context, MatrixView<const T> points,
                     MatrixView<const T> centres, const SoftAssignmentOptions& options) {
  if (centres.rows < 1) check::fail(op, "at least 1 centre", std::to_string(centres.rows));
  if (centres.cols < 1) {
    check::fail(op, "centres of at least 1 column", std::to_string(centres.cols));
  }
  check::matrix(op, "centres", context, centres, centres.rows, centres.cols);
  check::matrix(op, "points", context, points, points.rows, centres.cols);
  const bool student = options.kernel == SoftKernel::student_t;
  const float constant = student ? options.alpha : options.kappa;
  if (!(constant > 0)) {
    check::fail(op, student ? "alpha above 0" : "kappa above 0", std::to_string(constant));
  }
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda && centres.rows > gpu::kSoftMaxCentres) {
    check::fail(op, "at most " + std::to_string(gpu::kSoftMaxCentres) + " centres on CUDA",
                std::to_string(centres.rows));
  }
#endif
}

template <class T>
void assign(Context& context, MatrixView<const T> points, MatrixView<const T> centres,
            const SoftAssignmentOptions& options, MatrixView<T> q, VectorView<double> column_sums) {
  constexpr const char* kOp = "soft_assignment";
  check_arguments(kOp, context, points, centres, options);
  check::optional_matrix(kOp, "q", context, q, points.rows, centres.rows);
  check::optional_vector(kOp, "column_sums", context, column_sums, centres.rows);
  if (points.rows == 0) {
    if (column_sums.data != nullptr) fill_zero(context, column_sums);
    return;
  }
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::soft_assignment(scratch, points, centres, options, q, column_sums.data,
                                  context.stream());
    }
  }
#endif
  cpu::SoftCall<T> call;
  call.points = points;
  call.centres = centres;
  call.options = options;
  call.q = q;
  call.column_sums = column_sums;
  cpu::soft_assignment(context.threads(), scratch, call);
}

template <class T>
void divergence(Context& context, MatrixView<const T> points, MatrixView<const T> centres,
                const SoftAssignmentOptions& options, MatrixView<const T> p,
                VectorView<const double> column_sums, T weight, VectorView<double> loss,
                MatrixView<T> grad_points, MatrixView<T> grad_centres) {
  constexpr const char* kOp = "soft_assignment_kl";
  check_arguments(kOp, context, points, centres, options);
  if (p.data == nullptr) {
    check::vector(kOp, "column_sums", context, column_sums, centres.rows);
  } else {
    check::matrix(kOp, "p", context, p, points.rows, centres.rows);
  }
  check::vector(kOp, "loss", context, loss, 1);
  check::optional_matrix(kOp, "grad_points", context, grad_points, points.rows, points.cols);
  check::optional_matrix(kOp, "grad_centres", context, grad_centres, centres.rows, centres.cols);
  if (points.rows == 0) return;
  const double share = static_cast<double>(weight) / static_cast<double>(points.rows);
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::soft_assignment_kl(scratch, points, centres, options, p, column_sums.data, share,
                                     loss.data, grad_points, grad_centres, context.stream());
    }
  }
#endif
  cpu::SoftCall<T> call;
  call.points = points;
  call.centres = centres;
  call.options = options;
  call.with_loss = true;
  call.p = p;
  call.target_sums = column_sums;
  call.share = share;
  call.grad_points = grad_points;
  call.grad_centres = grad_centres;
  loss[0] += cpu::soft_assignment(context.threads(), scratch, call);
}

}  // namespace

const char* to_string(SoftKernel kernel) {
  return kernel == SoftKernel::student_t ? "student_t" : "von_mises_fisher";
}

void soft_assignment(Context& context, MatrixView<const float> points,
                     MatrixView<const float> centres, const SoftAssignmentOptions& options,
                     MatrixView<float> q, VectorView<double> column_sums) {
  assign(context, points, centres, options, q, column_sums);
}
void soft_assignment(Context& context, MatrixView<const double> points,
                     MatrixView<const double> centres, const SoftAssignmentOptions& options,
                     MatrixView<double> q, VectorView<double> column_sums) {
  check::cpu_only("soft_assignment", context);
  assign(context, points, centres, options, q, column_sums);
}

void soft_assignment_kl(Context& context, MatrixView<const float> points,
                        MatrixView<const float> centres, const SoftAssignmentOptions& options,
                        MatrixView<const float> p, VectorView<const double> column_sums,
                        float weight, VectorView<double> loss, MatrixView<float> grad_points,
                        MatrixView<float> grad_centres) {
  divergence(context, points, centres, options, p, column_sums, weight, loss, grad_points,
             grad_centres);
}
void soft_assignment_kl(Context& context, MatrixView<const double> points,
                        MatrixView<const double> centres, const SoftAssignmentOptions& options,
                        MatrixView<const double> p, VectorView<const double> column_sums,
                        double weight, VectorView<double> loss, MatrixView<double> grad_points,
                        MatrixView<double> grad_centres) {
  check::cpu_only("soft_assignment_kl", context);
  divergence(context, points, centres, options, p, column_sums, weight, loss, grad_points,
             grad_centres);
}

}  // namespace clipk
