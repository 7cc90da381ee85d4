#include "train/optimizer.hpp"

#include "core/enum_names.hpp"

namespace clipk {

const char* to_string(Optimizer optimizer) {
  return optimizer == Optimizer::adam ? "adam" : "sgd";
}

Optimizer optimizer_named(std::string_view name) {
  return named("optimizer", name, {Optimizer::adam, Optimizer::sgd});
}

namespace train {

void update_parameters(Context& context, Optimizer optimizer, const AdamOptions& adam_options,
                       const SgdOptions& sgd_options, const RateTable& table,
                       const ParameterSlice& parameters, VectorView<float> first_moment,
                       VectorView<float> second_moment) {
  if (optimizer == Optimizer::adam) {
    adam(context, adam_options, table.rates(), parameters.gradients, parameters.values,
         first_moment, second_moment);
  } else {
    sgd(context, sgd_options, table.rates().slice(0, 1), parameters.gradients, parameters.values,
        first_moment);
  }
}

}  // namespace train
}  // namespace clipk
