#pragma once

#include <cstdint>
#include <string>

#include "core/check.hpp"

namespace clipk {

/// @throws Error that begins with `name` if `what` [rows, got] has another number of columns.
inline void check_columns(const char* name, const char* what, std::int64_t rows,
                          std::int64_t expected, std::int64_t got) {
  if (got == expected) return;
  check::fail(name, std::string(what) + " of shape " + check::shape(rows, expected),
              check::shape(rows, got));
}

}  // namespace clipk
