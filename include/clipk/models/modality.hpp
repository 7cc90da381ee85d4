#pragma once

#include <cstdint>

namespace clipk {

/// Which of the two kinds of embedding a row is.
enum class Modality : std::uint8_t { image, text };

/// What is subtracted from rows before a linear map. The two modalities of CLIP lie apart by a
/// constant offset; `pooled` keeps it, and it then takes the first component.
enum class Centering : std::uint8_t {
  per_modality,  ///< from each modality its own mean
  pooled,        ///< from both the mean of all rows
  none,
};

const char* to_string(Modality modality);
const char* to_string(Centering centering);

}  // namespace clipk
