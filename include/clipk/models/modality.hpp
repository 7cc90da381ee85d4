#pragma once

#include <cstdint>

#include "clipk/core/modality.hpp"

namespace clipk {

/// What is subtracted from rows before a linear map. The two modalities of CLIP lie apart by a
/// constant offset; `pooled` keeps it, and it then takes the first component.
enum class Centering : std::uint8_t {
  per_modality,  ///< from each modality its own mean
  pooled,        ///< from both the mean of all rows
  none,          ///< nothing is subtracted
};

/// The name that files and options use.
const char* to_string(Centering centering);

}  // namespace clipk
