#include "clipk/io/attributes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "clipk/core/error.hpp"
#include "io/input_file.hpp"

namespace clipk {
namespace {

struct Cell {
  std::string text;
  std::int64_t line = 0;  // in the file, from 1
};
using Record = std::vector<Cell>;

// RFC 4180: fields may stand in quotes, where commas and line ends are text and "" is a quote.
class CsvParser {
 public:
  CsvParser(const io::InputFile& file, std::string_view text) : file_(file), text_(text) {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") text_.remove_prefix(3);
  }

  /// The next line; an empty one is a single empty field. Nothing at the end.
  std::optional<Record> next() {
    if (at_end()) return std::nullopt;
    Record record;
    while (true) {
      record.push_back(field());
      if (at_end()) return record;
      const char end = peek();
      advance();
      if (end == '\r' && !at_end() && peek() == '\n') advance();
      if (end != ',') return record;
    }
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return text_[at_]; }
  void advance() {
    if (text_[at_++] == '\n') ++line_;
  }

  Cell field() {
    Cell cell{{}, line_};
    if (!at_end() && peek() == '"') {
      quoted(cell.text);
      if (!at_end() && peek() != ',' && peek() != '\n' && peek() != '\r') {
        file_.fail("a comma after the quote on line " + std::to_string(line_),
                   std::string("'") + peek() + "'");
      }
      return cell;
    }
    while (!at_end() && peek() != ',' && peek() != '\n' && peek() != '\r') {
      cell.text += peek();
      advance();
    }
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!cell.text.empty() && blank(cell.text.back())) cell.text.pop_back();
    cell.text.erase(
        0, static_cast<std::size_t>(std::find_if_not(cell.text.begin(), cell.text.end(), blank) -
                                    cell.text.begin()));
    return cell;
  }

  void quoted(std::string& text) {
    const std::int64_t opened = line_;
    advance();
    while (!at_end()) {
      const char c = peek();
      advance();
      if (c != '"') {
        text += c;
      } else if (!at_end() && peek() == '"') {
        text += '"';
        advance();
      } else {
        return;
      }
    }
    file_.fail("an end to the quote of line " + std::to_string(opened), "the end of the file");
  }

  const io::InputFile& file_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

std::optional<double> number_in(const std::string& text) {
  const char* const first = text.data() + (text.starts_with('+') ? 1 : 0);
  double value = 0;
  const auto [end, error] = std::from_chars(first, text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return value;
}

// One column of the file, with its numbers if all that stands there are numbers.
struct Column {
  std::string name;
  std::vector<Cell> cells = {};
  std::vector<double> numbers = {};

  bool numeric() const { return !numbers.empty(); }
  bool whole(std::size_t most) const {
    std::set<double> different;
    for (const double number : numbers) {
      if (!std::isfinite(number) || number != std::floor(number)) return false;
      different.insert(number);
      if (different.size() > most) return false;
    }
    return true;
  }
};

void find_numbers(Column& column) {
  std::vector<double> numbers;
  for (const Cell& cell : column.cells) {
    const std::optional<double> number = number_in(cell.text);
    if (number.has_value()) {
      numbers.push_back(*number);
    } else if (!cell.text.empty()) {
      return;
    }
  }
  // Empty fields among numbers stay for the caller to refuse.
  if (!numbers.empty()) column.numbers = std::move(numbers);
}

Factor classes_of(const Column& column) {
  Factor factor{.name = column.name};
  // Numbers by their value, names by the alphabet.
  const auto less = [&](const std::string& a, const std::string& b) {
    if (!column.numeric()) return a < b;
    const double x = *number_in(a), y = *number_in(b);
    return x != y ? x < y : a < b;
  };
  std::map<std::string, std::int32_t, decltype(less)> index(less);
  for (const Cell& cell : column.cells) {
    if (!cell.text.empty()) index[cell.text] = 0;
  }
  for (auto& [name, number] : index) {
    number = static_cast<std::int32_t>(factor.class_names.size());
    factor.class_names.push_back(name);
  }
  for (const Cell& cell : column.cells) {
    factor.classes.push_back(cell.text.empty() ? -1 : index.at(cell.text));
  }
  return factor;
}

class AttributeTable {
 public:
  explicit AttributeTable(const std::filesystem::path& path) : file_(path, "a CSV file") {
    std::string text(static_cast<std::size_t>(file_.size()), '\0');
    file_.read(text.data(), text.size());
    CsvParser parser(file_, text);
    const std::optional<Record> header = parser.next();
    if (!header) file_.fail("a first line of column names", "an empty file");
    std::set<std::string> names;
    for (const Cell& cell : *header) {
      if (cell.text.empty()) file_.fail("a name for every column", "an empty one");
      if (!names.insert(cell.text).second) {
        file_.fail("columns of different names", "'" + cell.text + "' twice");
      }
      columns_.push_back({.name = cell.text});
    }
    std::vector<Cell> empty_lines;  // at the end they are no rows
    while (const std::optional<Record> record = parser.next()) {
      if (record->size() == 1 && record->front().text.empty()) {
        empty_lines.push_back(record->front());
        continue;
      }
      for (const Cell& cell : empty_lines) {
        if (columns_.size() > 1) {
          file_.fail(
              std::to_string(columns_.size()) + " fields on line " + std::to_string(cell.line),
              "an empty line");
        }
        columns_.front().cells.push_back(cell);
      }
      empty_lines.clear();
      if (record->size() != columns_.size()) {
        file_.fail(std::to_string(columns_.size()) + " fields on line " +
                       std::to_string(record->front().line),
                   std::to_string(record->size()));
      }
      for (std::size_t j = 0; j < columns_.size(); ++j) {
        columns_[j].cells.push_back((*record)[j]);
      }
    }
    if (columns_.front().cells.empty()) file_.fail("a line for every row", "column names alone");
    for (Column& column : columns_) find_numbers(column);
  }

  std::vector<Factor> factors(std::int64_t most_classes) const {
    std::vector<Factor> result;
    std::set<std::string> done;
    for (const Column& column : columns_) {
      const std::string name = column.name.substr(0, column.name.find(':'));
      if (!done.insert(name).second) continue;
      std::vector<const Column*> parts;
      for (const Column& other : columns_) {
        if (other.name.substr(0, other.name.find(':')) == name) parts.push_back(&other);
      }
      const bool classes =
          parts.size() == 1 &&
          (!column.numeric() ||
           column.whole(static_cast<std::size_t>(std::max<std::int64_t>(most_classes, 0))));
      result.push_back(classes ? classes_of(column) : values_of(name, parts));
    }
    return result;
  }

 private:
  Factor values_of(const std::string& name, const std::vector<const Column*>& parts) const {
    const auto rows = static_cast<std::int64_t>(parts.front()->cells.size());
    Factor factor{.name = name,
                  .values = Matrix<float>(rows, static_cast<std::int64_t>(parts.size()))};
    for (std::size_t j = 0; j < parts.size(); ++j) {
      for (std::int64_t i = 0; i < rows; ++i) {
        const Cell& cell = parts[j]->cells[static_cast<std::size_t>(i)];
        const auto value = static_cast<float>(number_in(cell.text).value_or(NAN));
        if (!std::isfinite(value)) {
          file_.fail("a finite number in column " + parts[j]->name + " on line " +
                         std::to_string(cell.line),
                     cell.text.empty() ? "an empty field" : "'" + cell.text + "'");
        }
        factor.values(i, static_cast<std::int64_t>(j)) = value;
      }
    }
    return factor;
  }

  io::InputFile file_;
  std::vector<Column> columns_;
};

}  // namespace

Factor select_rows(const Factor& factor, const std::vector<std::int64_t>& rows) {
  Factor result{.name = factor.name, .class_names = factor.class_names};
  const auto n = static_cast<std::int64_t>(rows.size());
  if (!factor.categorical()) result.values = Matrix<float>(n, factor.values.cols());
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t row = rows[static_cast<std::size_t>(i)];
    if (row < 0 || row >= factor.rows()) {
      throw Error("factor " + factor.name + ": expected a row in [0, " +
                  std::to_string(factor.rows()) + "), got " + std::to_string(row));
    }
    if (factor.categorical()) {
      result.classes.push_back(factor.classes[static_cast<std::size_t>(row)]);
    } else {
      std::copy_n(factor.values.view().row(row), factor.values.cols(), result.values.view().row(i));
    }
  }
  return result;
}

Factor class_factor(const std::string& name, const std::vector<std::int32_t>& labels,
                    const std::vector<std::string>& names) {
  Factor factor{.name = name};
  std::map<std::int32_t, std::int32_t> index;
  for (const std::int32_t label : labels) {
    if (label >= 0) index[label] = 0;
  }
  for (auto& [label, number] : index) {
    number = static_cast<std::int32_t>(factor.class_names.size());
    if (!names.empty() && static_cast<std::size_t>(label) >= names.size()) {
      throw Error("factor " + name + ": expected a name for label " + std::to_string(label) +
                  ", got " + std::to_string(names.size()) + " names");
    }
    factor.class_names.push_back(names.empty() ? std::to_string(label)
                                               : names[static_cast<std::size_t>(label)]);
  }
  factor.classes.reserve(labels.size());
  for (const std::int32_t label : labels) {
    factor.classes.push_back(label < 0 ? -1 : index.at(label));
  }
  return factor;
}

std::vector<Factor> read_attributes(const std::filesystem::path& path, std::int64_t most_classes) {
  return AttributeTable(path).factors(most_classes);
}

}  // namespace clipk
