#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "clipk/core/error.hpp"

namespace clipk {

/// The value of which `name` is the to_string. Throws
///   "schedule: expected constant, linear, cosine or step, got 'cubic'".
template <class Enum>
Enum named(const char* what, std::string_view name, std::initializer_list<Enum> values) {
  std::string names;
  std::size_t at = 0;
  for (const Enum value : values) {
    if (name == to_string(value)) return value;
    if (at > 0) names += at + 1 == values.size() ? " or " : ", ";
    names += to_string(value);
    ++at;
  }
  throw Error(std::string(what) + ": expected " + names + ", got '" + std::string(name) + "'");
}

}  // namespace clipk
