#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "clipk/io/attributes.hpp"
#include "study/json.hpp"

namespace clipk::study {

/// Rows that a class must have for a study to take it: one for each of five folds, or one for a
/// fifth that is held out.
inline constexpr std::int64_t kFewestOfClass = 5;

/// A class and how many rows have it.
struct RareClass {
  std::string name;
  std::int64_t rows = 0;
};

/// A copy of a factor of classes.
Factor copy_of_classes(const Factor& factor);

/// Makes classes of fewer rows than `least` unknown: their rows get class -1, and the others are
/// numbered anew. A factor of values stays as it is.
/// @return those classes, in their order; a class without any row is not among them
std::vector<RareClass> drop_rare_classes(Factor& factor, std::int64_t least);

/// Likewise of all factors. Factors that are then left with one class or none tell nothing and are
/// dropped too.
struct RareClasses {
  std::string factor;
  std::vector<RareClass> classes;  ///< that were left out
  std::int64_t least = 0;
  bool dropped = false;  ///< the factor, with fewer than two classes left
};
/// @return those factors of which something was left out
std::vector<RareClasses> drop_rare_classes(std::vector<Factor>& factors, std::int64_t least);

/// "label: left out classes of fewer than 5 rows: 1 (1), 2 (1)"
std::string words_of(const RareClasses& rare);
/// For results.json.
Json json_of(const std::vector<RareClasses>& rare);

}  // namespace clipk::study
