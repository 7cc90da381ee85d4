#pragma once

#include <cstdint>

#include "clipk/core/view.hpp"

namespace clipk {

/// The distance between two rows.
enum class Metric : std::uint8_t {
  squared_euclidean,  ///< |x - y|^2
  euclidean,          ///< |x - y|
  cosine,             ///< 1 - x.y / (|x| |y|), in [0, 2]; rows of length zero are an error
};

/// The name that files and options use.
const char* to_string(Metric metric);

}  // namespace clipk
