#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "clipk/core/context.hpp"
#include "models/paired_axes/paired_covariances.hpp"

namespace clipk {

/// A setting of PairedAxes and how well retrieval did by it among pairs that were held out.
struct ChosenSetting {
  PairedAxesSetting setting;
  double mrr = 0;  ///< mean reciprocal rank of both directions
};

/// The best setting for each of `dims` by cross-validation, as PairedAxes describes it; empty
/// where there are too few pairs.
std::optional<std::vector<ChosenSetting>> choose_settings(Context& context, const PairRows& pairs,
                                                          std::span<const std::int64_t> dims,
                                                          std::int64_t folds);

}  // namespace clipk
