#include "clipk/ops/log_sum_exp.hpp"

#include <cmath>
#include <string>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/log_sum_exp.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/log_sum_exp.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "log_sum_exp";

template <class T>
void check_arguments(const Context& context, MatrixView<const T> x, MatrixView<const T> y,
                     double scale, VectorView<const double> offset, VectorView<double> out) {
  check::matrix(kOp, "x", context, x, x.rows, x.cols);
  check::matrix(kOp, "y", context, y, y.rows, x.cols);
  if (!std::isfinite(scale)) check::fail(kOp, "a finite scale", std::to_string(scale));
  if (offset.data != nullptr || offset.size != 0) {
    check::vector(kOp, "offset", context, offset, y.rows);
  }
  check::vector(kOp, "out", context, out, x.rows);
}

template <class T>
void sum_on_cpu(Context& context, MatrixView<const T> x, MatrixView<const T> y, double scale,
                VectorView<const double> offset, VectorView<double> out) {
  Scratch scratch(context);
  const cpu::ChunkPlan plan(x.rows, y.rows, cpu::kSumTileRows, cpu::kSumTileCols);
  T* tiles = scratch.vector<T>(context.threads() * cpu::kSumTileRows * cpu::kSumTileCols).data;
  auto* parts = scratch.vector<cpu::ScaledSum>(plan.chunks * x.rows).data;
  cpu::log_sum_exp(context.threads(), plan, x, y, scale, offset.data, tiles, parts, out.data);
}

}  // namespace

void log_sum_exp(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                 double scale, VectorView<const double> offset, VectorView<double> out) {
  check_arguments(context, x, y, scale, offset, out);
  if (x.rows == 0) return;
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    Scratch scratch(context);
    const gpu::ChunkPlan plan(x.rows, y.rows, context.multiprocessors());
    auto* parts = scratch.vector<gpu::ScaledSum>(plan.chunks * x.rows).data;
    return gpu::log_sum_exp(plan, context.precision(), x, y, scale, offset.data, parts, out.data,
                            context.stream());
  }
#endif
  sum_on_cpu(context, x, y, scale, offset, out);
}
void log_sum_exp(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                 double scale, VectorView<const double> offset, VectorView<double> out) {
  check::cpu_only(kOp, context);
  check_arguments(context, x, y, scale, offset, out);
  if (x.rows == 0) return;
  sum_on_cpu(context, x, y, scale, offset, out);
}

}  // namespace clipk
