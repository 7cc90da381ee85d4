#include "study/json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace clipk::study {

Json number_or_null(double value) {
  return std::isnan(value) ? Json() : Json(value);
}

}  // namespace clipk::study
