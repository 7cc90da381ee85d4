#pragma once

#include <cmath>
#include <cstdint>

#include "clipk/core/matrix.hpp"

namespace clipk {

/// Whether all values of a row are 0.
bool is_zero_row(const float* row, std::int64_t n);

/// @param first_row index of the first row, for the message, where these rows are a block of a
/// larger matrix
/// @throws Error that begins with `name` if a row of a host matrix is not finite or has
/// length zero.
void check_nonzero_rows(MatrixView<const float> rows, const char* name, std::int64_t first_row = 0);

/// Host rows divided by their length (float64), after the same check.
Matrix<float> unit_rows(int threads, MatrixView<const float> rows, const char* name,
                        std::int64_t first_row = 0);

/// One row times the reciprocal of its length (float64), zeros where the length is 0; may be in
/// place. It may differ in the last bit from unit_rows, which divides.
/// @returns the square of the length
template <class T>
double scale_to_unit_length(const T* row, std::int64_t n, float* out) {
  double square = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    square += static_cast<double>(row[j]) * static_cast<double>(row[j]);
  }
  const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
  for (std::int64_t j = 0; j < n; ++j) {
    out[j] = static_cast<float>(static_cast<double>(row[j]) * scale);
  }
  return square;
}

}  // namespace clipk
