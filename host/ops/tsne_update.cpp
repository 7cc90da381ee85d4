#include "clipk/ops/tsne_update.hpp"

#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/tsne_update.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/tsne_update.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "tsne_update";

template <class T>
void run(Context& context, const TsneUpdateOptions& options, MatrixView<const T> attraction,
         MatrixView<const T> repulsion, VectorView<const double> z, MatrixView<T> y,
         MatrixView<T> velocity, MatrixView<T> gains) {
  check::matrix(kOp, "y", context, y, y.rows, 2);
  check::matrix(kOp, "attraction", context, attraction, y.rows, 2);
  check::matrix(kOp, "repulsion", context, repulsion, y.rows, 2);
  check::vector(kOp, "z", context, z, z.size == 1 ? 1 : y.rows);
  check::matrix(kOp, "velocity", context, velocity, y.rows, 2);
  check::matrix(kOp, "gains", context, gains, y.rows, 2);
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::tsne_update(scratch, options, attraction, repulsion, z, y, velocity, gains,
                              context.stream());
    }
  }
#endif
  cpu::tsne_update(context.threads(), scratch, options, attraction, repulsion, z, y, velocity,
                   gains);
}

}  // namespace

void tsne_update(Context& context, const TsneUpdateOptions& options,
                 MatrixView<const float> attraction, MatrixView<const float> repulsion,
                 VectorView<const double> z, MatrixView<float> y, MatrixView<float> velocity,
                 MatrixView<float> gains) {
  run(context, options, attraction, repulsion, z, y, velocity, gains);
}
void tsne_update(Context& context, const TsneUpdateOptions& options,
                 MatrixView<const double> attraction, MatrixView<const double> repulsion,
                 VectorView<const double> z, MatrixView<double> y, MatrixView<double> velocity,
                 MatrixView<double> gains) {
  check::cpu_only(kOp, context);
  run(context, options, attraction, repulsion, z, y, velocity, gains);
}

}  // namespace clipk
