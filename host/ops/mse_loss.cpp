#include "clipk/ops/mse_loss.hpp"

#include "clipk/core/memory.hpp"
#include "cpu/mse_loss.hpp"
#include "ops/check.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/mse_loss.hpp"
#endif

namespace clipk {
namespace {

template <class T>
void check_arguments(const Context& context, MatrixView<const T> y, MatrixView<const T> target,
                     VectorView<double> loss, MatrixView<T> grad) {
  check::matrix("mse_loss", "y", context, y, y.rows, y.cols);
  check::matrix("mse_loss", "target", context, target, y.rows, y.cols);
  check::vector("mse_loss", "loss", context, loss, 1);
  check::optional_matrix("mse_loss", "grad", context, grad, y.rows, y.cols);
}

template <class T>
void on_cpu(Context& context, MatrixView<const T> y, MatrixView<const T> target, T weight,
            VectorView<double> loss, MatrixView<T> grad) {
  Scratch scratch(context);
  const VectorView<double> parts =
      scratch.vector<double>((y.rows + cpu::kMseRows - 1) / cpu::kMseRows);
  cpu::mse_loss(context.threads(), y, target, weight, parts, loss, grad);
}

}  // namespace

void mse_loss(Context& context, MatrixView<const float> y, MatrixView<const float> target,
              float weight, VectorView<double> loss, MatrixView<float> grad) {
  check_arguments(context, y, target, loss, grad);
  if (y.empty()) return;
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    Scratch scratch(context);
    const VectorView<std::uint8_t> bytes =
        scratch.vector<std::uint8_t>(static_cast<std::int64_t>(sizeof(gpu::MseScratch)));
    fill_zero(context, bytes);
    return gpu::mse_loss(y, target, weight, loss.data, grad,
                         reinterpret_cast<gpu::MseScratch*>(bytes.data), context.stream());
  }
#endif
  on_cpu(context, y, target, weight, loss, grad);
}

void mse_loss(Context& context, MatrixView<const double> y, MatrixView<const double> target,
              double weight, VectorView<double> loss, MatrixView<double> grad) {
  check::cpu_only("mse_loss", context);
  check_arguments(context, y, target, loss, grad);
  if (y.empty()) return;
  on_cpu(context, y, target, weight, loss, grad);
}

}  // namespace clipk
