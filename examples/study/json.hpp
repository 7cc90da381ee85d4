#pragma once

#include <nlohmann/json_fwd.hpp>

namespace clipk::study {

/// JSON whose objects keep the order of their keys. This header only declares it: a file that makes
/// or reads values includes nlohmann/json.hpp, which takes a second to compile.
using Json = nlohmann::ordered_json;

/// A number, null where it is NaN.
Json number_or_null(double value);

}  // namespace clipk::study
