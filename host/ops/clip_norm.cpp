#include "clipk/ops/clip_norm.hpp"

#include <string>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/clip_norm.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/clip_norm.hpp"
#endif

namespace clipk {
namespace {

template <class T>
void check_arguments(const Context& context, T max_norm, VectorView<T> gradients) {
  if (!(max_norm > 0)) check::fail("clip_norm", "max_norm above 0", std::to_string(max_norm));
  check::vector("clip_norm", "gradients", context, gradients, gradients.size);
}

template <class T>
void on_cpu(Context& context, T max_norm, VectorView<T> gradients) {
  Scratch scratch(context);
  const VectorView<double> parts =
      scratch.vector<double>((gradients.size + cpu::kNormBlock - 1) / cpu::kNormBlock);
  cpu::clip_norm(context.threads(), max_norm, parts, gradients);
}

}  // namespace

void clip_norm(Context& context, float max_norm, VectorView<float> gradients) {
  check_arguments(context, max_norm, gradients);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    Scratch scratch(context);
    const VectorView<std::uint8_t> bytes =
        scratch.vector<std::uint8_t>(static_cast<std::int64_t>(sizeof(gpu::ClipScratch)));
    fill_zero(context, bytes);
    return gpu::clip_norm(max_norm, gradients.size, gradients.data,
                          reinterpret_cast<gpu::ClipScratch*>(bytes.data), context.stream());
  }
#endif
  on_cpu(context, max_norm, gradients);
}

void clip_norm(Context& context, double max_norm, VectorView<double> gradients) {
  check::cpu_only("clip_norm", context);
  check_arguments(context, max_norm, gradients);
  on_cpu(context, max_norm, gradients);
}

}  // namespace clipk
