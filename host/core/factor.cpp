#include "clipk/core/factor.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "clipk/core/error.hpp"
#include "clipk/core/select_rows.hpp"

namespace clipk {

bool Factor::known(std::int64_t row) const {
  if (categorical()) return classes[static_cast<std::size_t>(row)] >= 0;
  const float* const value = values.view().row(row);
  return std::none_of(value, value + values.cols(), [](float v) { return std::isnan(v); });
}

Factor select_rows(const Factor& factor, const std::vector<std::int64_t>& rows) {
  Factor result{.name = factor.name, .class_names = factor.class_names};
  for (const std::int64_t row : rows) {
    if (row < 0 || row >= factor.rows()) {
      throw Error("factor " + factor.name + ": expected a row in [0, " +
                  std::to_string(factor.rows()) + "), got " + std::to_string(row));
    }
    if (factor.categorical()) {
      result.classes.push_back(factor.classes[static_cast<std::size_t>(row)]);
    }
  }
  if (!factor.categorical()) result.values = select_rows(factor.values, rows);
  return result;
}

Factor class_factor(const std::string& name, const std::vector<std::int32_t>& labels,
                    const std::vector<std::string>& names) {
  Factor factor{.name = name};
  std::map<std::int32_t, std::int32_t> index;
  for (const std::int32_t label : labels) {
    if (label >= 0) index[label] = 0;
  }
  for (auto& [label, number] : index) {
    number = static_cast<std::int32_t>(factor.class_names.size());
    if (!names.empty() && static_cast<std::size_t>(label) >= names.size()) {
      throw Error("factor " + name + ": expected a name for label " + std::to_string(label) +
                  ", got " + std::to_string(names.size()) + " names");
    }
    factor.class_names.push_back(names.empty() ? std::to_string(label)
                                               : names[static_cast<std::size_t>(label)]);
  }
  factor.classes.reserve(labels.size());
  for (const std::int32_t label : labels) {
    factor.classes.push_back(label < 0 ? -1 : index.at(label));
  }
  return factor;
}

}  // namespace clipk
