#include "clipk/ops/target_distribution.hpp"

#include <string>
#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/target_distribution.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/target_distribution.hpp"
#endif

namespace clipk {
namespace {

template <class T>
void sharpen(Context& context, MatrixView<const T> q, VectorView<const double> column_sums,
             MatrixView<T> p) {
  constexpr const char* kOp = "target_distribution";
  check::matrix(kOp, "q", context, q, q.rows, q.cols);
  check::vector(kOp, "column_sums", context, column_sums, q.cols);
  check::matrix(kOp, "p", context, p, q.rows, q.cols);
  if (q.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::target_distribution(q, column_sums.data, p, context.stream());
    }
  }
#endif
  Scratch scratch(context);
  cpu::target_distribution(context.threads(), scratch, q, column_sums, p);
}

template <class T>
void balance(Context& context, MatrixView<const T> q, const BalancedTargetOptions& options,
             MatrixView<T> p, VectorView<double> column_sums) {
  constexpr const char* kOp = "balanced_target";
  check::matrix(kOp, "q", context, q, q.rows, q.cols);
  check::matrix(kOp, "p", context, p, q.rows, q.cols);
  check::optional_vector(kOp, "column_sums", context, column_sums, q.cols);
  if (!(options.power > 0)) check::fail(kOp, "power above 0", std::to_string(options.power));
  if (options.iterations < 1) {
    check::fail(kOp, "at least 1 iteration", std::to_string(options.iterations));
  }
  if (q.empty()) {
    if (column_sums.data != nullptr) fill_zero(context, column_sums);
    return;
  }
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::balanced_target(scratch, q, options, p, column_sums.data, context.stream());
    }
  }
#endif
  cpu::balanced_target(context.threads(), scratch, q, options, p, column_sums);
}

}  // namespace

void target_distribution(Context& context, MatrixView<const float> q,
                         VectorView<const double> column_sums, MatrixView<float> p) {
  sharpen(context, q, column_sums, p);
}
void target_distribution(Context& context, MatrixView<const double> q,
                         VectorView<const double> column_sums, MatrixView<double> p) {
  check::cpu_only("target_distribution", context);
  sharpen(context, q, column_sums, p);
}

void balanced_target(Context& context, MatrixView<const float> q,
                     const BalancedTargetOptions& options, MatrixView<float> p,
                     VectorView<double> column_sums) {
  balance(context, q, options, p, column_sums);
}
void balanced_target(Context& context, MatrixView<const double> q,
                     const BalancedTargetOptions& options, MatrixView<double> p,
                     VectorView<double> column_sums) {
  check::cpu_only("balanced_target", context);
  balance(context, q, options, p, column_sums);
}

}  // namespace clipk
