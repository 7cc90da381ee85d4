#include "clipk/core/check_finite.hpp"

#include <cmath>

#include "clipk/core/error.hpp"

namespace clipk {
namespace {

template <class T>
void check(MatrixView<const T> matrix, const std::string& name, std::int64_t first_row) {
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols; ++j) {
      const T value = matrix(i, j);
      if (std::isfinite(value)) continue;
      throw Error(name + ": expected finite values, got " +
                  (std::isnan(value) ? "nan"
                   : value > 0       ? "inf"
                                     : "-inf") +
                  " in row " + std::to_string(first_row + i) + ", column " + std::to_string(j));
    }
  }
}

}  // namespace

void check_finite(MatrixView<const float> matrix, const std::string& name, std::int64_t first_row) {
  check(matrix, name, first_row);
}
void check_finite(MatrixView<const double> matrix, const std::string& name,
                  std::int64_t first_row) {
  check(matrix, name, first_row);
}

}  // namespace clipk
