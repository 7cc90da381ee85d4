#include "clipk/ops/mse_loss.hpp"

#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/mse_loss.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/mse_loss.hpp"
#endif

namespace clipk {
namespace {

template <class T>
void check_arguments(const char* op, const Context& context, MatrixView<const T> y,
                     MatrixView<const T> target, VectorView<double> loss, MatrixView<T> grad) {
  check::matrix(op, "y", context, y, y.rows, y.cols);
  check::matrix(op, "target", context, target, y.rows, y.cols);
  check::vector(op, "loss", context, loss, 1);
  check::optional_matrix(op, "grad", context, grad, y.rows, y.cols);
}

template <class T>
void run(const char* op, bool known_only, Context& context, MatrixView<const T> y,
         MatrixView<const T> target, T weight, VectorView<double> loss, MatrixView<T> grad) {
  check_arguments(op, context, y, target, loss, grad);
  if (y.empty()) return;
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      const VectorView<std::uint8_t> bytes =
          scratch.vector<std::uint8_t>(static_cast<std::int64_t>(sizeof(gpu::MseScratch)));
      fill_zero(context, bytes);
      return gpu::mse_loss(known_only, y, target, weight, loss.data, grad,
                           reinterpret_cast<gpu::MseScratch*>(bytes.data), context.stream());
    }
  }
#endif
  const VectorView<double> parts =
      scratch.vector<double>((y.rows + cpu::kMseRows - 1) / cpu::kMseRows);
  cpu::mse_loss(context.threads(), known_only, y, target, weight, parts, loss, grad);
}

}  // namespace

void mse_loss(Context& context, MatrixView<const float> y, MatrixView<const float> target,
              float weight, VectorView<double> loss, MatrixView<float> grad) {
  run("mse_loss", false, context, y, target, weight, loss, grad);
}
void mse_loss(Context& context, MatrixView<const double> y, MatrixView<const double> target,
              double weight, VectorView<double> loss, MatrixView<double> grad) {
  check::cpu_only("mse_loss", context);
  run("mse_loss", false, context, y, target, weight, loss, grad);
}

void masked_mse_loss(Context& context, MatrixView<const float> y, MatrixView<const float> target,
                     float weight, VectorView<double> loss, MatrixView<float> grad) {
  run("masked_mse_loss", true, context, y, target, weight, loss, grad);
}
void masked_mse_loss(Context& context, MatrixView<const double> y, MatrixView<const double> target,
                     double weight, VectorView<double> loss, MatrixView<double> grad) {
  check::cpu_only("masked_mse_loss", context);
  run("masked_mse_loss", true, context, y, target, weight, loss, grad);
}

}  // namespace clipk
