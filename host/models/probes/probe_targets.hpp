#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/factor.hpp"
#include "clipk/core/matrix.hpp"

namespace clipk {

/// Converts factors to columns of values to be predicted, and back.
class ProbeTargets {
 public:
  /// @throws Error as Probe::fit does.
  ProbeTargets(const std::vector<Factor>& factors, std::int64_t rows);

  std::int64_t columns() const { return columns_; }
  /// [n, columns]: 1 for a row's class and 0 for the others, NaN where it is not known. Numeric
  /// factors are standardised.
  Matrix<float> encode(const std::vector<Factor>& factors) const;
  /// @param outputs [m, columns] on the host
  std::vector<Factor> decode(MatrixView<const float> outputs) const;

 private:
  struct Part {
    std::string name;
    std::vector<std::string> class_names;
    std::int64_t first = 0, classes = 0;  // 0 classes: values
    std::vector<double> means = {}, deviations = {};
    std::int64_t columns() const {
      return classes > 0 ? classes : static_cast<std::int64_t>(means.size());
    }
  };
  std::vector<Part> parts_;
  std::int64_t columns_ = 0;
};

}  // namespace clipk
