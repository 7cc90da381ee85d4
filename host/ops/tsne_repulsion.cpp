#include "clipk/ops/tsne_repulsion.hpp"

#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "core/library_handles.hpp"
#include "cpu/tsne_repulsion.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/tsne_repulsion.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "tsne_repulsion";

template <class T>
void no_forces(Context& context, MatrixView<T> forces, VectorView<double> z) {
  fill_zero(context, forces);
  fill_zero(context, z);
}

#if CLIPK_HAS_CUDA
void on_cuda(Context& context, Scratch& scratch, MatrixView<const float> y,
             MatrixView<const float> others, bool within, TsneMethod method,
             MatrixView<float> forces, VectorView<double> z) {
  if (method == TsneMethod::exact) {
    return gpu::tsne_repulsion_exact(scratch, y, others, within, forces, z.data, context.stream());
  }
  const VectorView<float> extent = scratch.vector<float>(5);
  gpu::tsne_extent(y, within ? MatrixView<const float>() : others, extent.data, context.stream());
  float read[5];
  copy<float>(context, extent, VectorView<float>(read, 5));
  if (read[4] != 0) check::fail(kOp, "finite points", "a value that is not");
  gpu::tsne_repulsion_fft(scratch, gpu::tsne_grid_cache(LibraryHandles::fft(context)),
                          TsneGridShape({read[0], read[1]}, {read[2], read[3]}), y, others, within,
                          forces, z.data, context.stream());
}
#endif

template <class T>
void run(Context& context, MatrixView<const T> y, MatrixView<const T> others, bool within,
         TsneMethod method, MatrixView<T> forces, VectorView<double> z) {
  check::matrix(kOp, "y", context, y, y.rows, 2);
  check::matrix(kOp, "others", context, others, others.rows, 2);
  check::matrix(kOp, "forces", context, forces, y.rows, 2);
  check::vector(kOp, "z", context, z, within ? 1 : y.rows);
  if (method == TsneMethod::automatic) {
    const bool few = y.rows == 0 || others.rows <= kTsneExactPairs / y.rows;
    method = few || std::is_same_v<T, double> ? TsneMethod::exact : TsneMethod::fft;
  }
  if (std::is_same_v<T, double> && method == TsneMethod::fft) {
    check::fail(kOp, "the exact method for double precision", to_string(method));
  }
  if (y.rows == 0 || others.rows == 0) return no_forces(context, forces, z);
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return on_cuda(context, scratch, y, others, within, method, forces, z);
    }
  }
#endif
  if constexpr (std::is_same_v<T, float>) {
    if (method == TsneMethod::fft) {
      return cpu::tsne_repulsion_fft(context.threads(), scratch, LibraryHandles::fft(context), y,
                                     others, within, forces, z);
    }
  }
  cpu::tsne_repulsion_exact(context.threads(), scratch, y, others, within, forces, z);
}

}  // namespace

const char* to_string(TsneMethod method) {
  switch (method) {
    case TsneMethod::automatic:
      return "automatic";
    case TsneMethod::exact:
      return "exact";
    case TsneMethod::fft:
      return "fft";
  }
  return "?";
}

void tsne_repulsion(Context& context, MatrixView<const float> y, TsneMethod method,
                    MatrixView<float> forces, VectorView<double> z) {
  run(context, y, y, true, method, forces, z);
}
void tsne_repulsion(Context& context, MatrixView<const double> y, TsneMethod method,
                    MatrixView<double> forces, VectorView<double> z) {
  check::cpu_only(kOp, context);
  run(context, y, y, true, method, forces, z);
}
void tsne_repulsion(Context& context, MatrixView<const float> y, MatrixView<const float> others,
                    TsneMethod method, MatrixView<float> forces, VectorView<double> z) {
  run(context, y, others, false, method, forces, z);
}
void tsne_repulsion(Context& context, MatrixView<const double> y, MatrixView<const double> others,
                    TsneMethod method, MatrixView<double> forces, VectorView<double> z) {
  check::cpu_only(kOp, context);
  run(context, y, others, false, method, forces, z);
}

}  // namespace clipk
