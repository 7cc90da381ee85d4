#include "clipk/ops/corrupt.hpp"

#include <cmath>
#include <string>
#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/corrupt.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/corrupt.hpp"
#endif

namespace clipk {
namespace {

void check_amount(const char* op, const CorruptOptions& options) {
  const bool dropout = options.kind == Corruption::dropout;
  if (!(options.amount >= 0 && (!dropout || options.amount < 1) && options.amount < INFINITY)) {
    check::fail(op, dropout ? "an amount from 0, below 1" : "a finite amount from 0",
                std::to_string(options.amount));
  }
}

template <class T>
void run(const char* op, Context& context, MatrixView<const T> x, const CorruptOptions& options,
         VectorView<const std::uint64_t> step, MatrixView<T> out) {
  check_amount(op, options);
  check::matrix(op, "x", context, x, x.rows, x.cols);
  check::matrix(op, "out", context, out, x.rows, x.cols);
  check::vector(op, "step", context, step, 1);
  constexpr std::int64_t kMostBlocks = std::int64_t{1} << 32;
  const std::int64_t blocks = (x.cols + 3) / 4 * x.rows;
  if (blocks > kMostBlocks) {
    check::fail(op, "at most 2^32 groups of four columns", std::to_string(blocks));
  }
  if (x.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::corrupt(context.seed(), x, options, step.data, out, context.stream());
    }
  }
#endif
  cpu::corrupt(context.threads(), context.seed(), x, options, step[0], out);
}

template <class T>
void backward(Context& context, MatrixView<const T> grad_out, const CorruptOptions& options,
              VectorView<const std::uint64_t> step, MatrixView<T> grad_x) {
  // Dropout is linear with a diagonal matrix: its gradient goes through it as a value does.
  if (options.kind == Corruption::dropout) {
    return run("corrupt_backward", context, grad_out, options, step, grad_x);
  }
  check_amount("corrupt_backward", options);
  check::matrix("corrupt_backward", "grad_out", context, grad_out, grad_out.rows, grad_out.cols);
  check::matrix("corrupt_backward", "grad_x", context, grad_x, grad_out.rows, grad_out.cols);
  if (grad_x.data != grad_out.data) copy<T>(context, grad_out, grad_x);
}

}  // namespace

void corrupt(Context& context, MatrixView<const float> x, const CorruptOptions& options,
             VectorView<const std::uint64_t> step, MatrixView<float> out) {
  run("corrupt", context, x, options, step, out);
}
void corrupt(Context& context, MatrixView<const double> x, const CorruptOptions& options,
             VectorView<const std::uint64_t> step, MatrixView<double> out) {
  check::cpu_only("corrupt", context);
  run("corrupt", context, x, options, step, out);
}

void corrupt_backward(Context& context, MatrixView<const float> grad_out,
                      const CorruptOptions& options, VectorView<const std::uint64_t> step,
                      MatrixView<float> grad_x) {
  backward(context, grad_out, options, step, grad_x);
}
void corrupt_backward(Context& context, MatrixView<const double> grad_out,
                      const CorruptOptions& options, VectorView<const std::uint64_t> step,
                      MatrixView<double> grad_x) {
  check::cpu_only("corrupt_backward", context);
  backward(context, grad_out, options, step, grad_x);
}

}  // namespace clipk
