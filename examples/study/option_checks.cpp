#include "study/option_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace clipk::study {
namespace {

// CLI11 puts the option's name before what a validator says.
std::string got(const std::string& expected, const std::string& text) {
  return fmt::format("expected {}, got '{}'", expected, text);
}

// The whole text as a number. from_chars knows no locale, and no "+".
template <class T>
bool parse(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end;
}

}  // namespace

CLI::Validator whole_number(std::int64_t low, std::int64_t high) {
  return CLI::Validator(
      [=](std::string& text) {
        std::int64_t value = 0;
        if (parse(text, value) && value >= low && value <= high) return std::string();
        return got(fmt::format("a whole number from {} to {}", low, high), text);
      },
      "", "whole_number");
}

CLI::Validator real_number(double low, double high) {
  return CLI::Validator(
      [=](std::string& text) {
        double value = 0;
        if (parse(text, value) && value >= low && value <= high) return std::string();
        return got(fmt::format("a number from {} to {}", low, high), text);
      },
      "", "real_number");
}

CLI::Validator one_of(const std::vector<std::string>& words) {
  return CLI::Validator(
      [=](std::string& text) {
        if (std::find(words.begin(), words.end(), text) != words.end()) return std::string();
        return got(fmt::format("one of {}", fmt::join(words, ", ")), text);
      },
      "", "one_of");
}

}  // namespace clipk::study
