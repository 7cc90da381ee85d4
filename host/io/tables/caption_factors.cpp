#include "clipk/io/caption_factors.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "clipk/core/error.hpp"
#include "io/tables/text_file.hpp"

namespace clipk {
namespace {

std::string trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::vector<std::string> parts_of(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Lower-case words separated by single spaces, with one at either end: " a dog s bed ".
std::string words_of(std::string_view text) {
  std::string words = " ";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || byte >= 0x80) {
      words += static_cast<char>(std::tolower(byte));
    } else if (words.back() != ' ') {
      words += ' ';
    }
  }
  if (words.back() != ' ') words += ' ';
  return words;
}

bool has_word(const std::string& caption, const std::string& word) {
  const std::string stem = words_of(word).substr(0, words_of(word).size() - 1);
  return caption.find(stem + " ") != std::string::npos ||
         caption.find(stem + "s ") != std::string::npos ||
         caption.find(stem + "es ") != std::string::npos;
}

}  // namespace

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::string text = io::read_text(path, "a text file", io::Markup::taken);
  if (text.empty()) {
    throw Error(path.string() + ": expected a text file with at least 1 line, got an empty one");
  }
  if (text.back() == '\n') text.pop_back();
  std::vector<std::string> lines;
  for (std::string_view rest = text;;) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.emplace_back(line);
    if (end == std::string_view::npos) return lines;
    rest.remove_prefix(end + 1);
  }
}

std::vector<FactorWords> read_factor_words(const std::filesystem::path& path) {
  std::vector<FactorWords> result;
  std::set<std::string> factors;
  std::size_t number = 0;
  for (const std::string& line : read_lines(path)) {
    ++number;
    const auto fail = [&](const std::string& expected, const std::string& got) {
      throw Error(path.string() + ": expected " + expected + " on line " + std::to_string(number) +
                  ", got " + got);
    };
    if (trimmed(line).empty() || trimmed(line).front() == '#') continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) fail("'factor: class, class'", "'" + line + "'");
    FactorWords factor{.factor = trimmed(line.substr(0, colon)), .classes = {}};
    if (factor.factor.empty()) fail("a factor's name before the colon", "none");
    if (!factors.insert(factor.factor).second) fail("each factor once", factor.factor + " again");
    std::set<std::string> words;
    for (const std::string& part : parts_of(line.substr(colon + 1), ',')) {
      FactorWords::Class entry{.name = {}, .words = parts_of(part, '|')};
      entry.name = entry.words.front();
      for (const std::string& word : entry.words) {
        if (words_of(word) == " ") fail("a word between commas and bars", "'" + word + "'");
        if (!words.insert(words_of(word)).second) fail("each word once", "'" + word + "' again");
      }
      factor.classes.push_back(std::move(entry));
    }
    if (factor.classes.size() < 2)
      fail("at least 2 classes", std::to_string(factor.classes.size()));
    result.push_back(std::move(factor));
  }
  if (result.empty()) throw Error(path.string() + ": expected at least 1 factor, got none");
  return result;
}

std::vector<Factor> caption_factors(const std::vector<std::string>& captions,
                                    const std::vector<FactorWords>& words) {
  std::vector<Factor> factors;
  for (const FactorWords& of_factor : words) {
    Factor factor{.name = of_factor.factor};
    for (const FactorWords::Class& entry : of_factor.classes) {
      factor.class_names.push_back(entry.name);
    }
    for (const std::string& text : captions) {
      const std::string caption = words_of(text);
      std::int32_t found = -1;
      int count = 0;
      for (std::size_t c = 0; c < of_factor.classes.size(); ++c) {
        const std::vector<std::string>& any = of_factor.classes[c].words;
        if (std::any_of(any.begin(), any.end(),
                        [&](const std::string& word) { return has_word(caption, word); })) {
          found = static_cast<std::int32_t>(c);
          ++count;
        }
      }
      factor.classes.push_back(count == 1 ? found : -1);
    }
    factors.push_back(std::move(factor));
  }
  return factors;
}

}  // namespace clipk
