#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "study/usage_error.hpp"

namespace clipk::study {

// Checks for CLI11's options, which say what was expected and what came. On an option with a
// delimiter each part is checked. Only files that add options include this header: CLI11 takes
// seconds to compile.

/// A whole number from low to high.
CLI::Validator whole_number(std::int64_t low, std::int64_t high);
/// A finite number from low to high.
CLI::Validator real_number(double low, double high);
/// One of these words.
CLI::Validator one_of(const std::vector<std::string>& words);

/// For options that take a list. @throws UsageError that names a value that comes twice.
template <class T>
void check_distinct(const char* option, const std::vector<T>& values) {
  std::set<T> seen;
  for (const T& value : values) {
    if (!seen.insert(value).second) {
      throw UsageError(fmt::format("{}: expected each value once, got {} twice", option, value));
    }
  }
}

}  // namespace clipk::study
