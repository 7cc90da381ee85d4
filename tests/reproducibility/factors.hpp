#pragma once

#include <vector>

#include "clipk/io/attributes.hpp"
#include "reproducibility/inputs.hpp"

namespace clipk::golden {

/// What Inputs::clustered knows of its rows: the centre, and the first two coordinates.
inline std::vector<Factor> factors_of(MatrixView<const float> rows, std::int32_t k) {
  std::vector<Factor> factors(1);
  factors[0] = class_factor("kind", labels(rows.rows, k));
  Factor level{.name = "level", .values = Matrix<float>(rows.rows, 2)};
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < 2; ++j) level.values(i, j) = rows(i, j);
  }
  factors.push_back(std::move(level));
  return factors;
}

}  // namespace clipk::golden
