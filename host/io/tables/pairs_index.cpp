#include "clipk/io/pairs_index.hpp"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "clipk/core/error.hpp"
#include "clipk/io/array_file.hpp"
#include "clipk/io/caption_factors.hpp"

namespace clipk {
namespace {

// A number without blanks around it; none of other text.
std::optional<double> number_of(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<double> numbers_of_lines(const std::filesystem::path& path) {
  const std::vector<std::string> lines = read_lines(path);
  std::vector<double> numbers;
  numbers.reserve(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::optional<double> number = number_of(lines[i]);
    if (number) {
      numbers.push_back(*number);
    } else if (i > 0 || lines[i].find(',') != std::string::npos) {  // the first may be a name
      throw Error(path.string() + ": expected one number on line " + std::to_string(i + 1) +
                  ", got '" + lines[i].substr(0, 40) + "'");
    }
  }
  return numbers;
}

// Whole numbers without a fraction, others as they are.
std::string text_of(double value) {
  return std::abs(value) < 1e15 && value == std::floor(value)
             ? std::to_string(static_cast<std::int64_t>(value))
             : std::to_string(value);
}

}  // namespace

std::vector<std::int32_t> read_pairs_index(const std::filesystem::path& path, std::int64_t images,
                                           std::int64_t texts, const std::string& texts_name) {
  const std::vector<double> numbers = array_format(split_array_path(path).file)
                                          ? read_array_vector<double>(path)
                                          : numbers_of_lines(path);
  if (static_cast<std::int64_t>(numbers.size()) != texts) {
    throw Error(path.string() + ": expected " + std::to_string(texts) +
                " numbers of images, one for every row of " + texts_name + ", got " +
                std::to_string(numbers.size()));
  }
  std::vector<std::int32_t> index;
  index.reserve(numbers.size());
  bool any = false;
  for (std::size_t t = 0; t < numbers.size(); ++t) {
    const double number = numbers[t];
    // Written so that NaN fails.
    if (!(number >= -1 && number < static_cast<double>(images) && number == std::floor(number))) {
      throw Error(path.string() + ": expected an image from 0 to " + std::to_string(images - 1) +
                  ", or -1 for none, for text " + std::to_string(t) + ", got " + text_of(number));
    }
    any = any || number >= 0;
    index.push_back(static_cast<std::int32_t>(number));
  }
  if (!any) {
    throw Error(path.string() + ": expected at least 1 text with an image, got -1 for all " +
                std::to_string(texts));
  }
  return index;
}

}  // namespace clipk
