#pragma once

#include "clipk/train/parameters.hpp"
#include "clipk/train/trainer.hpp"
#include "train/rate_table.hpp"

namespace clipk::train {

/// Updates parameters by their gradients, at the rates of the step that the table has selected.
/// @param first_moment [p], sgd's velocity  @param second_moment [p]; empty for sgd
void update_parameters(Context& context, Optimizer optimizer, const AdamOptions& adam_options,
                       const SgdOptions& sgd_options, const RateTable& table,
                       const ParameterSlice& parameters, VectorView<float> first_moment,
                       VectorView<float> second_moment);

}  // namespace clipk::train
