#include "clipk/ops/quad_hinge_loss.hpp"

#include <limits>
#include <string>

#include "core/check.hpp"
#include "core/library_handles.hpp"
#include "cpu/quad_hinge_loss.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/quad_hinge_loss.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "quad_hinge_loss";

template <class T>
void check_target(const Context& context, const BasicTargetDistances<T>& target, std::int64_t n,
                  std::int64_t m, bool self) {
  if (!target.distances.empty()) {
    check::matrix(kOp, "target distances", context, target.distances, n, m);
    return;
  }
  if (target.rows_x.cols < 1) {
    check::fail(kOp, "target distances, or rows of at least 1 column",
                check::shape(target.rows_x.rows, target.rows_x.cols));
  }
  check::matrix(kOp, "target rows_x", context, target.rows_x, n, target.rows_x.cols);
  if (!self) check::matrix(kOp, "target rows_y", context, target.rows_y, m, target.rows_x.cols);
}

// The indices themselves can be read here on the CPU only.
void check_neighbors(const Context& context, const char* name, MatrixView<const std::int32_t> list,
                     std::int64_t queries, std::int64_t others, bool self) {
  if (list.cols < 1) {
    check::fail(kOp, std::string(name) + " with at least 1 column for a draw by query",
                check::shape(list.rows, list.cols));
  }
  check::matrix(kOp, name, context, list, queries, list.cols);
  if (context.device() != Device::cpu) return;
  for (std::int64_t i = 0; i < list.rows; ++i) {
    for (std::int64_t k = 0; k < list.cols; ++k) {
      const std::int64_t index = list(i, k);
      if (index < 0 || index >= others || (self && index == i)) {
        check::fail(kOp,
                    std::string(name) + " in [0, " + std::to_string(others) + ")" +
                        (self ? " other than the row itself" : ""),
                    std::to_string(index) + " in row " + std::to_string(i));
      }
    }
  }
}

template <class T>
void check_call(const Context& context, const cpu::QuadHinge<T>& call,
                VectorView<const std::uint64_t> step, VectorView<double> loss) {
  const std::int64_t n = call.x.rows;
  const std::int64_t m = call.self ? n : call.y.rows;
  const std::int64_t dim = call.x.cols;
  check::matrix(kOp, "x", context, call.x, n, dim);
  if (!call.self) check::matrix(kOp, "y", context, call.y, m, dim);
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (dim < 1) check::fail(kOp, "codes of at least 1 column", std::to_string(dim));
  if (n > most || m > most) {
    check::fail(kOp, "at most " + std::to_string(most) + " rows", check::shape(n, m));
  }
  const bool pairs = call.self ? n >= 2 : n >= 1 && m >= 1 && n * m >= 2;
  if (!pairs) check::fail(kOp, "a block of at least 2 pairs", check::shape(n, m));
  if (call.options.count < 1) {
    check::fail(kOp, "at least 1 quadruple", std::to_string(call.options.count));
  }
  check_target(context, call.target, n, m, call.self);
  if (call.options.draw == QuadDraw::query) {
    check_neighbors(context, "neighbors of_rows", call.neighbors.of_rows, n, m, call.self);
    if (!call.self) {
      check_neighbors(context, "neighbors of_cols", call.neighbors.of_cols, m, n, false);
    }
  }
  check::vector(kOp, "step", context, step, 1);
  check::vector(kOp, "loss", context, loss, 1);
  check::optional_matrix(kOp, call.self ? "grad" : "grad_x", context, call.grad_x, n, dim);
  check::optional_matrix(kOp, "grad_y", context, call.grad_y, m, dim);
}

template <class T>
void on_cpu(Context& context, cpu::QuadHinge<T> call, VectorView<const std::uint64_t> step,
            VectorView<double> loss) {
  call.step = step[0];
  call.loss = loss.data;
  cpu::quad_hinge_loss(context, call);
}

#if CLIPK_HAS_CUDA
// The dense form costs a few passes over all n x m distances, whatever the count. It is not used
// where they do not fit, or are many more than the quadruples.
constexpr double kMostDensePairs = 0x1p31;
constexpr double kMostPairsOfQuad = 64;

void on_cuda(Context& context, const cpu::QuadHinge<float>& call,
             VectorView<const std::uint64_t> step, VectorView<double> loss) {
  const QuadHingeOptions& options = call.options;
  for (const auto& lists : {call.neighbors.of_rows, call.neighbors.of_cols}) {
    if (options.draw == QuadDraw::query && lists.cols > gpu::kQuadMaxNear) {
      check::fail(kOp, "at most " + std::to_string(gpu::kQuadMaxNear) + " nearest on cuda",
                  std::to_string(lists.cols));
    }
  }
  Scratch scratch(context);
  const gpu::QuadHinge on_device{call.self, call.x,    call.y,    call.target, call.neighbors,
                                 options,   step.data, loss.data, call.grad_x, call.grad_y};
  const double pairs = static_cast<double>(call.x.rows) * static_cast<double>(call.y.rows);
  const bool prefer_dense =
      pairs <= kMostDensePairs && pairs <= kMostPairsOfQuad * static_cast<double>(options.count);
  if (options.form == QuadForm::dense || (options.form == QuadForm::automatic && prefer_dense)) {
    gpu::quad_dense(on_device, context.precision(), gpu::gemm_handle(LibraryHandles::blas(context)),
                    scratch, context.stream());
  } else {
    gpu::quad_gather(on_device, scratch, context.stream());
  }
}
#endif

void run(Context& context, const cpu::QuadHinge<float>& call, VectorView<const std::uint64_t> step,
         VectorView<double> loss) {
  check_call(context, call, step, loss);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) return on_cuda(context, call, step, loss);
#endif
  on_cpu(context, call, step, loss);
}
void run(Context& context, const cpu::QuadHinge<double>& call, VectorView<const std::uint64_t> step,
         VectorView<double> loss) {
  check::cpu_only(kOp, context);
  check_call(context, call, step, loss);
  on_cpu(context, call, step, loss);
}

}  // namespace

void quad_hinge_loss(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                     const TargetDistances& target, const QuadNeighbors& neighbors,
                     const QuadHingeOptions& options, VectorView<const std::uint64_t> step,
                     VectorView<double> loss, MatrixView<float> grad_x, MatrixView<float> grad_y) {
  run(context,
      cpu::QuadHinge<float>{false, x, y, target, neighbors, options, 0, nullptr, grad_x, grad_y},
      step, loss);
}

void quad_hinge_loss(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                     const BasicTargetDistances<double>& target, const QuadNeighbors& neighbors,
                     const QuadHingeOptions& options, VectorView<const std::uint64_t> step,
                     VectorView<double> loss, MatrixView<double> grad_x,
                     MatrixView<double> grad_y) {
  run(context,
      cpu::QuadHinge<double>{false, x, y, target, neighbors, options, 0, nullptr, grad_x, grad_y},
      step, loss);
}

void quad_hinge_loss(Context& context, MatrixView<const float> x, const TargetDistances& target,
                     const QuadNeighbors& neighbors, const QuadHingeOptions& options,
                     VectorView<const std::uint64_t> step, VectorView<double> loss,
                     MatrixView<float> grad) {
  run(context, cpu::QuadHinge<float>{true, x, x, target, neighbors, options, 0, nullptr, grad, {}},
      step, loss);
}

void quad_hinge_loss(Context& context, MatrixView<const double> x,
                     const BasicTargetDistances<double>& target, const QuadNeighbors& neighbors,
                     const QuadHingeOptions& options, VectorView<const std::uint64_t> step,
                     VectorView<double> loss, MatrixView<double> grad) {
  run(context, cpu::QuadHinge<double>{true, x, x, target, neighbors, options, 0, nullptr, grad, {}},
      step, loss);
}

}  // namespace clipk
