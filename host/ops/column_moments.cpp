#include "clipk/ops/column_moments.hpp"

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/column_moments.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/column_moments.hpp"
#endif

namespace clipk {

void column_moments(Context& context, MatrixView<const float> x, VectorView<double> mean,
                    VectorView<double> variance) {
  constexpr const char* kOp = "column_moments";
  check::matrix(kOp, "x", context, x, x.rows, x.cols);
  check::vector(kOp, "mean", context, mean, x.cols);
  check::optional_vector(kOp, "variance", context, variance, x.cols);
  if (x.cols == 0) return;
  if (x.rows == 0) check::fail(kOp, "x of at least 1 row", "0");
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    const auto parts = scratch.matrix<double>(gpu::column_moment_parts(x.rows), 2 * x.cols);
    return gpu::column_moments(x, parts.data, mean.data, variance.data, context.stream());
  }
#endif
  const auto parts = scratch.matrix<double>(cpu::column_moment_parts(x.rows), 2 * x.cols);
  cpu::column_moments(context.threads(), x, parts, mean, variance);
}

}  // namespace clipk
