#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/factor.hpp"
#include "clipk/core/matrix.hpp"

namespace clipk {

/// How many images, and between which bounds their factors are drawn.
struct SyntheticImagesOptions {
  std::int64_t images = 22'000;  ///< how many
  std::int64_t side = 32;        ///< pixels; lengths below are for a side of 32 and scale with it
  std::uint64_t seed = 0;        ///< behind every image
  double smallest = 5;           ///< least radius of the shape
  double largest = 9;            ///< and largest
  double turn = 45;              ///< degrees to either side
  double reach = 4;              ///< of the centre from the middle, along x and y
  double first_hue = 0;          ///< degrees: red
  double last_hue = 240;         ///< over yellow and green to blue
};

/// Images and their known factors.
struct SyntheticImages {
  Matrix<float> pixels;         ///< [n, side * side * 3], from 0 to 1, row by row, red green blue
  std::vector<Factor> factors;  ///< shape (bar, chevron, half disc), colour (hue in degrees),
                                ///< size (radius), rotation (degrees), position (x, y; up is plus)
};

/// Images whose factors are known: one shape of one colour on a dark ground. All factors are
/// independent and uniform between their bounds, which leave none of them cyclic. Edges are as
/// wide as 2 pixels of a side of 32.
///
/// Deterministic: the same options give the same bytes on one machine; image i is the same whatever
/// the number of images. @throws Error if an option is out of range.
SyntheticImages synthetic_images(const SyntheticImagesOptions& options);

}  // namespace clipk
