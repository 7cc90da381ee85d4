#pragma once

#include <cstdint>

namespace clipk {

/// Whether a row is the embedding of an image or of a text.
enum class Modality : std::uint8_t {
  image,  ///< of an image
  text,   ///< of a text
};

/// The name that messages and files use.
constexpr const char* to_string(Modality modality) {
  return modality == Modality::image ? "image" : "text";
}

}  // namespace clipk
