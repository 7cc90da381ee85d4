#include "clipk/ops/gather_rows.hpp"

#include "core/check.hpp"
#include "cpu/gather_rows.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/gather_rows.hpp"
#endif

namespace clipk {

void gather_rows(Context& context, MatrixView<const float> x,
                 VectorView<const std::int32_t> indices, MatrixView<float> out) {
  constexpr const char* kOp = "gather_rows";
  check::matrix(kOp, "x", context, x, x.rows, x.cols);
  check::vector(kOp, "indices", context, indices, out.rows);
  check::matrix(kOp, "out", context, out, indices.size, x.cols);
  if (out.empty()) return;
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    return gpu::gather_rows(x, indices, out, context.stream());
  }
#endif
  for (const std::int32_t index : indices) {
    if (index < 0 || index >= x.rows) {
      check::fail(kOp, "indices in [0, " + std::to_string(x.rows) + ")", std::to_string(index));
    }
  }
  cpu::gather_rows(context.threads(), x, indices, out);
}

}  // namespace clipk
