#include "clipk/ops/adam.hpp"

#include "core/check.hpp"
#include "cpu/adam.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/adam.hpp"
#endif

namespace clipk {
namespace {

template <class T>
void check_arguments(const Context& context, VectorView<const T> rates,
                     VectorView<const T> gradients, VectorView<T> parameters, VectorView<T> m,
                     VectorView<T> v) {
  check::vector("adam", "rates", context, rates, 3);
  check::vector("adam", "parameters", context, parameters, parameters.size);
  check::vector("adam", "gradients", context, gradients, parameters.size);
  check::vector("adam", "m", context, m, parameters.size);
  check::vector("adam", "v", context, v, parameters.size);
}

}  // namespace

void adam(Context& context, const AdamOptions& options, VectorView<const float> rates,
          VectorView<const float> gradients, VectorView<float> parameters, VectorView<float> m,
          VectorView<float> v) {
  check_arguments(context, rates, gradients, parameters, m, v);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    return gpu::adam(options, rates.data, gradients.data, parameters.size, parameters.data, m.data,
                     v.data, context.stream());
  }
#endif
  cpu::adam(context.threads(), options, rates, gradients, parameters, m, v);
}

void adam(Context& context, const AdamOptions& options, VectorView<const double> rates,
          VectorView<const double> gradients, VectorView<double> parameters, VectorView<double> m,
          VectorView<double> v) {
  check::cpu_only("adam", context);
  check_arguments(context, rates, gradients, parameters, m, v);
  cpu::adam(context.threads(), options, rates, gradients, parameters, m, v);
}

}  // namespace clipk
