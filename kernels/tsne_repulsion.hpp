#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <optional>

#include "clipk/core/memory.hpp"
#include "clipk/ops/tsne_repulsion.hpp"
#include "kernels/detail/fft.hpp"
#include "shared/tsne_grid_shape.hpp"

namespace clipk::gpu {

/// Device memory; shapes as in clipk::tsne_repulsion, none of them empty. Within one map others is
/// y and z [1]; else z [y.rows].
void tsne_repulsion_exact(Scratch& scratch, MatrixView<const float> y,
                          MatrixView<const float> others, bool within, MatrixView<float> forces,
                          double* z, cudaStream_t stream);

/// extent [5]: lowest and highest value of both columns of all points (low 0, low 1, high 0, high
/// 1), and a number that is not 0 where a value is not finite.
void tsne_extent(MatrixView<const float> y, MatrixView<const float> others, float* extent,
                 cudaStream_t stream);

/// What a context keeps from one grid to the next.
struct TsneGridCache {
  std::optional<TsneGridShape> shape;  // that the spectrum is for
  std::unique_ptr<PlaneFft> fft;
  Buffer spectrum;  // float [lengths[0], lengths[1] / 2 + 1]
};

/// The cache in a context's slot for it (Context::fft), made at first use.
inline TsneGridCache& tsne_grid_cache(std::shared_ptr<void>& slot) {
  if (slot == nullptr) slot = std::make_shared<TsneGridCache>();
  return *static_cast<TsneGridCache*>(slot.get());
}

/// By interpolation on a grid that holds all points.
void tsne_repulsion_fft(Scratch& scratch, TsneGridCache& cache, const TsneGridShape& shape,
                        MatrixView<const float> y, MatrixView<const float> others, bool within,
                        MatrixView<float> forces, double* z, cudaStream_t stream);

}  // namespace clipk::gpu
