#include "clipk/ops/sgd.hpp"

#include "core/check.hpp"
#include "cpu/sgd.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/sgd.hpp"
#endif

namespace clipk {
namespace {

template <class T>
void check_arguments(const Context& context, VectorView<const T> rate,
                     VectorView<const T> gradients, VectorView<T> parameters,
                     VectorView<T> velocity) {
  check::vector("sgd", "rate", context, rate, 1);
  check::vector("sgd", "parameters", context, parameters, parameters.size);
  check::vector("sgd", "gradients", context, gradients, parameters.size);
  check::vector("sgd", "velocity", context, velocity, parameters.size);
}

}  // namespace

void sgd(Context& context, const SgdOptions& options, VectorView<const float> rate,
         VectorView<const float> gradients, VectorView<float> parameters,
         VectorView<float> velocity) {
  check_arguments(context, rate, gradients, parameters, velocity);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    return gpu::sgd(options, rate.data, gradients.data, parameters.size, parameters.data,
                    velocity.data, context.stream());
  }
#endif
  cpu::sgd(context.threads(), options, rate, gradients, parameters, velocity);
}

void sgd(Context& context, const SgdOptions& options, VectorView<const double> rate,
         VectorView<const double> gradients, VectorView<double> parameters,
         VectorView<double> velocity) {
  check::cpu_only("sgd", context);
  check_arguments(context, rate, gradients, parameters, velocity);
  cpu::sgd(context.threads(), options, rate, gradients, parameters, velocity);
}

}  // namespace clipk
