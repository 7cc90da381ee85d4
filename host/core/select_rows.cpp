#include "clipk/core/select_rows.hpp"

#include <algorithm>
#include <string>

#include "core/check.hpp"

namespace clipk {
namespace {

template <class Index>
Matrix<float> selected(MatrixView<const float> from, std::span<const Index> rows) {
  if (!from.empty()) check::same_device("select_rows", "rows", Device::cpu, from.device);
  Matrix<float> result(static_cast<std::int64_t>(rows.size()), from.cols);
  std::int64_t i = 0;
  for (const Index row : rows) {
    if (row < 0 || row >= from.rows) {
      check::fail("select_rows", "a row in [0, " + std::to_string(from.rows) + ")",
                  std::to_string(row));
    }
    std::copy_n(from.row(row), from.cols, result.view().row(i++));
  }
  return result;
}

}  // namespace

Matrix<float> select_rows(MatrixView<const float> from, std::span<const std::int64_t> rows) {
  return selected(from, rows);
}

Matrix<float> select_rows(MatrixView<const float> from, std::span<const std::int32_t> rows) {
  return selected(from, rows);
}

}  // namespace clipk
