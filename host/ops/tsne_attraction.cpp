#include "clipk/ops/tsne_attraction.hpp"

#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/tsne_attraction.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/tsne_attraction.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "tsne_attraction";

template <class T>
void run(Context& context, const BasicTsneAffinities<T>& p, MatrixView<const T> y,
         MatrixView<const T> others, MatrixView<T> forces, VectorView<double> loss) {
  check::matrix(kOp, "y", context, y, y.rows, 2);
  check::matrix(kOp, "others", context, others, others.rows, 2);
  check::vector(kOp, "starts", context, p.starts, y.rows + 1);
  check::vector(kOp, "columns", context, p.columns, p.columns.size);
  check::vector(kOp, "values", context, p.values, p.columns.size);
  check::matrix(kOp, "forces", context, forces, y.rows, 2);
  check::optional_vector(kOp, "loss", context, loss, 1);
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::tsne_attraction(scratch, p, y, others, forces, loss.data, context.stream());
    }
  }
#endif
  cpu::tsne_attraction(context.threads(), scratch, p, y, others, forces, loss.data);
}

}  // namespace

void tsne_attraction(Context& context, const TsneAffinities& p, MatrixView<const float> y,
                     MatrixView<const float> others, MatrixView<float> forces,
                     VectorView<double> loss) {
  run(context, p, y, others, forces, loss);
}
void tsne_attraction(Context& context, const BasicTsneAffinities<double>& p,
                     MatrixView<const double> y, MatrixView<const double> others,
                     MatrixView<double> forces, VectorView<double> loss) {
  check::cpu_only(kOp, context);
  run(context, p, y, others, forces, loss);
}

}  // namespace clipk
