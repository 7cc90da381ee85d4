#include "core/unit_rows.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "clipk/core/check_finite.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"

namespace clipk {

bool is_zero_row(const float* row, std::int64_t n) {
  return std::all_of(row, row + n, [](float value) { return value == 0; });
}

void check_nonzero_rows(MatrixView<const float> rows, const char* name, std::int64_t first_row) {
  check_finite(rows, name, first_row);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    if (is_zero_row(rows.row(i), rows.cols)) {
      check::fail(name, "rows of length above 0",
                  "a zero vector in row " + std::to_string(first_row + i));
    }
  }
}

Matrix<float> unit_rows(int threads, MatrixView<const float> rows, const char* name,
                        std::int64_t first_row) {
  check_nonzero_rows(rows, name, first_row);
  Matrix<float> unit(rows.rows, rows.cols);
  cpu::parallel_chunks(threads, rows.rows, 256, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      const float* row = rows.row(i);
      double square = 0;
      for (std::int64_t j = 0; j < rows.cols; ++j) {
        square += static_cast<double>(row[j]) * static_cast<double>(row[j]);
      }
      const double length = std::sqrt(square);
      float* to = unit.view().row(i);
      for (std::int64_t j = 0; j < rows.cols; ++j) {
        to[j] = static_cast<float>(static_cast<double>(row[j]) / length);
      }
    }
  });
  return unit;
}

}  // namespace clipk
