#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"

namespace clipk {

/// Something that is known of every row and varies between rows: a class (shape, category), or one
/// or more numbers (size; a position of two columns).
struct Factor {
  std::string name = {};                      ///< as users read it
  std::vector<std::int32_t> classes = {};     ///< [n] index into class_names; -1: not known
  std::vector<std::string> class_names = {};  ///< in ascending order of label or name
  /// [n, m] on the host, in place of classes; a row of NaN is not known
  Matrix<float> values = {};

  bool categorical() const { return values.empty(); }  ///< whether it holds classes, not values
  /// The number of rows, known and not known.
  std::int64_t rows() const {
    return categorical() ? static_cast<std::int64_t>(classes.size()) : values.rows();
  }
  /// Whether the factor is known for a row in [0, rows()).
  bool known(std::int64_t row) const;
};

/// The factor restricted to these rows, each in [0, rows()). Class names do not change.
Factor select_rows(const Factor& factor, const std::vector<std::int64_t>& rows);

/// A factor from labels: any integers; a negative one means not known.
/// @param names of the labels from 0, or empty: a class is then named by its number
/// @throws Error if a label that occurs has no name.
Factor class_factor(const std::string& name, const std::vector<std::int32_t>& labels,
                    const std::vector<std::string>& names = {});

}  // namespace clipk
