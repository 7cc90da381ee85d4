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
  std::vector<std::int32_t> classes = {};     ///< [n], an index into class_names, -1: not known
  std::vector<std::string> class_names = {};  ///< by rising label or name
  /// [n, m] on the host, in place of classes; a row of NaN is not known
  Matrix<float> values = {};

  bool categorical() const { return values.empty(); }  ///< whether it holds classes, not values
  /// Rows that it is known of, or known not to be.
  std::int64_t rows() const {
    return categorical() ? static_cast<std::int64_t>(classes.size()) : values.rows();
  }
  /// Whether it is known of a row in [0, rows()).
  bool known(std::int64_t row) const;
};

/// The factor of these rows alone, each in [0, rows()); class names stay.
Factor select_rows(const Factor& factor, const std::vector<std::int64_t>& rows);

/// A factor of labels: any whole numbers, negative ones not known.
/// @param names of the labels from 0, or empty: a class is then named by its number
/// @throws Error if a label that occurs has no name.
Factor class_factor(const std::string& name, const std::vector<std::int32_t>& labels,
                    const std::vector<std::string>& names = {});

}  // namespace clipk
