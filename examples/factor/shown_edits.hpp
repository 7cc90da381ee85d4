#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "factor/findings.hpp"

namespace clipk::study {

/// An edit of a vector, shown by what lies nearest to it before and after.
struct ShownEdit {
  /// The nearest rows, by cosine.
  struct Nearest {
    std::int64_t image = 0;                   ///< but for the edited one
    std::optional<std::int64_t> text = {};    ///< where there are texts
    std::optional<std::string> caption = {};  ///< of that text, where it is known
  };
  std::int64_t image = 0;  ///< the edited row
  std::string factor;      ///< whose block was exchanged
  std::string from, to;    ///< its class in the row and in the one that the block is from
  Nearest before = {}, after = {};
  bool outside = false;  ///< of the range of the training rows
};

/// Up to six edits of every factor of classes.
std::vector<ShownEdit> shown_edits(Context& context, const FactorModels& models);

}  // namespace clipk::study
