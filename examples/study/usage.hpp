#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace clipk::study {

/// Options that are wrong in themselves, whatever the data: exit status 2. The message reads
/// "expected X, got Y".
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Checks for CLI11's options, which say what was expected and what came. On an option with a
// delimiter each part is checked.

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
