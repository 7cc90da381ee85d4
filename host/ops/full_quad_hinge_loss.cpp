#include "clipk/ops/full_quad_hinge_loss.hpp"

#include <cmath>
#include <string>

#include "core/check.hpp"
#include "core/library_handles.hpp"
#include "cpu/full_quad_hinge_loss.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/full_quad_hinge_loss.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "full_quad_hinge_loss";

void check_order(const Context& context, const QuadOrder& order, std::int64_t n, std::int64_t m,
                 bool self) {
  if (order.rows != n || order.cols != m) {
    check::fail(kOp, "an order of shape " + check::shape(n, m),
                check::shape(order.rows, order.cols));
  }
  if (order.options.one_set != self) {
    check::fail(kOp, std::string("an order ") + (self ? "within one set" : "between two sets"),
                self ? "one between two sets" : "one within one set");
  }
  check::matrix(kOp, "order of_rows", context, order.of_rows.view(), n, m);
  const bool both = order.options.draw == QuadDraw::query && !self;
  check::matrix(kOp, "order of_cols", context, order.of_cols.view(), both ? m : 0, both ? n : 0);
  const std::int64_t near = order.options.near;
  check::matrix(kOp, "order near_rows", context, order.near_rows.view(), near > 0 ? n : 0, near);
  check::matrix(kOp, "order near_cols", context, order.near_cols.view(), near > 0 && both ? m : 0,
                both ? near : 0);
}

template <class T>
void check_call(const Context& context, const cpu::FullQuadHinge<T>& call,
                VectorView<double> loss) {
  const std::int64_t n = call.x.rows, m = call.y.rows, dim = call.x.cols;
  check::matrix(kOp, "x", context, call.x, n, dim);
  if (!call.self) check::matrix(kOp, "y", context, call.y, m, dim);
  if (dim < 1) check::fail(kOp, "codes of at least 1 column", std::to_string(dim));
  check_order(context, *call.order, n, m, call.self);
  if (!std::isfinite(call.options.margin)) {
    check::fail(kOp, "a finite margin", std::to_string(call.options.margin));
  }
  check::vector(kOp, "loss", context, loss, 1);
  check::optional_matrix(kOp, call.self ? "grad" : "grad_x", context, call.grad_x, n, dim);
  check::optional_matrix(kOp, "grad_y", context, call.grad_y, m, dim);
}

void run(Context& context, cpu::FullQuadHinge<float> call, VectorView<double> loss) {
  check_call(context, call, loss);
  if (call.order->count == 0) return;
  call.loss = loss.data;
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    return gpu::full_quad_hinge_loss(
        context,
        {call.self, call.x, call.y, call.order, call.options, call.loss, call.grad_x, call.grad_y},
        gpu::gemm_handle(LibraryHandles::blas(context)));
  }
#endif
  cpu::full_quad_hinge_loss(context, call);
}
void run(Context& context, cpu::FullQuadHinge<double> call, VectorView<double> loss) {
  check::cpu_only(kOp, context);
  check_call(context, call, loss);
  if (call.order->count == 0) return;
  call.loss = loss.data;
  cpu::full_quad_hinge_loss(context, call);
}

}  // namespace

void full_quad_hinge_loss(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                          const QuadOrder& order, const FullQuadHingeOptions& options,
                          VectorView<double> loss, MatrixView<float> grad_x,
                          MatrixView<float> grad_y) {
  run(context, cpu::FullQuadHinge<float>{false, x, y, &order, options, nullptr, grad_x, grad_y},
      loss);
}

void full_quad_hinge_loss(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                          const QuadOrder& order, const FullQuadHingeOptions& options,
                          VectorView<double> loss, MatrixView<double> grad_x,
                          MatrixView<double> grad_y) {
  run(context, cpu::FullQuadHinge<double>{false, x, y, &order, options, nullptr, grad_x, grad_y},
      loss);
}

void full_quad_hinge_loss(Context& context, MatrixView<const float> x, const QuadOrder& order,
                          const FullQuadHingeOptions& options, VectorView<double> loss,
                          MatrixView<float> grad) {
  run(context, cpu::FullQuadHinge<float>{true, x, x, &order, options, nullptr, grad, {}}, loss);
}

void full_quad_hinge_loss(Context& context, MatrixView<const double> x, const QuadOrder& order,
                          const FullQuadHingeOptions& options, VectorView<double> loss,
                          MatrixView<double> grad) {
  run(context, cpu::FullQuadHinge<double>{true, x, x, &order, options, nullptr, grad, {}}, loss);
}

}  // namespace clipk
