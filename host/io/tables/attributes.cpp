#include "clipk/io/attributes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <type_traits>
#include <utility>

#include "io/tables/csv.hpp"
#include "io/tables/names.hpp"

namespace clipk {
namespace {

using io::Cell;

// Texts that stand for a missing value: those that pandas takes for one.
bool is_missing(const std::string& text) {
  static const std::set<std::string_view> kMissing{
      "",     "#N/A",   "#N/A N/A", "#NA",     "-1.#IND", "-1.#QNAN", "-NaN",
      "-nan", "1.#IND", "<NA>",     "1.#QNAN", "N/A",     "NA",       "NULL",
      "NaN",  "None",   "n/a",      "nan",     "null",    "NAN",      "NaT"};
  return kMissing.contains(text);
}

// For a number outside float64's range: whether it is too near to 0.
bool is_tiny(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t e = text.find_first_of("eE");
  const std::string_view digits = text.substr(0, e);
  const std::size_t first = std::min(digits.find_first_of("123456789"), digits.size());
  auto power = static_cast<std::int64_t>(std::min(digits.find('.'), digits.size())) -
               static_cast<std::int64_t>(first);
  if (e == text.npos) return power < 0;
  std::string_view exponent = text.substr(e + 1);
  const bool negative = exponent.starts_with('-');
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  std::int64_t value = 0;
  const auto end = exponent.data() + exponent.size();
  if (std::from_chars(exponent.data(), end, value).ec != std::errc()) return negative;
  return __builtin_add_overflow(power, value, &power) ? negative : power < 0;
}

// A number beyond float64's range becomes infinite, and one too near to 0 becomes 0.
std::optional<double> number_in(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return is_tiny(text) ? 0.0 : HUGE_VAL;
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

// With a comma in place of the point, as "0,37".
std::optional<double> number_with_comma(std::string text) {
  const std::size_t comma = text.find(',');
  if (comma == text.npos || text.find('.') != text.npos) return std::nullopt;
  text[comma] = '.';
  return number_in(text);
}

// Whether a comma may either separate thousands or be the decimal point: "1,234".
bool is_ambiguous(const std::string& text) {
  std::string_view digits = text;
  if (digits.starts_with('+') || digits.starts_with('-')) digits.remove_prefix(1);
  const std::size_t comma = digits.find(',');
  return comma >= 1 && comma <= 3 && digits[0] != '0' && digits.size() == comma + 4;
}

// Whether a number is rather a name, because different texts would become the same number: "007",
// and an integer with more digits than float64 distinguishes.
bool is_code(std::string_view text) {
  constexpr std::size_t kMostDigits = 15;
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits > 1 && text[0] == '0') return true;
  const std::string_view rest = text.substr(digits);
  return digits > kMostDigits &&
         (rest.empty() || (rest[0] == '.' && rest.find_first_not_of('0', 1) == rest.npos));
}

// Only digits, points and commas, with both points and commas or several of one.
bool looks_like_a_number(const std::string& text) {
  const std::size_t first = text.starts_with('+') || text.starts_with('-') ? 1 : 0;
  return text.size() > first && text.find_first_not_of("0123456789.,", first) == text.npos &&
         text.find_first_of("0123456789", first) == first && text.find(',') != text.npos;
}

// One column of the file, with its numbers if all its fields are numbers.
struct Column {
  std::string name;
  std::vector<const Cell*> cells = {};  // null: missing
  std::vector<double> numbers = {};     // NaN: missing; empty: the fields are not numbers
  std::int64_t known = 0;               // fields that are not missing

  bool numeric() const { return !numbers.empty(); }
  bool whole() const {
    return std::all_of(numbers.begin(), numbers.end(), [](double number) {
      return std::isnan(number) || (std::isfinite(number) && number == std::floor(number));
    });
  }
  // Counted up to `most + 1`.
  std::int64_t count_different(std::int64_t most) const {
    std::set<double> values;
    std::set<std::string_view> texts;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] == nullptr) continue;
      if (numeric()) values.insert(numbers[i]);
      if (!numeric()) texts.insert(cells[i]->text);
      if (static_cast<std::int64_t>(values.size() + texts.size()) > most) break;
    }
    return static_cast<std::int64_t>(values.size() + texts.size());
  }
  bool all_differ() const { return known > 1 && count_different(known) == known; }
  const Cell& first_known() const {
    return **std::find_if(cells.begin(), cells.end(), [](const Cell* c) { return c != nullptr; });
  }
};

std::string class_name_of(double number) {
  if (std::fabs(number) < 1e15) return std::to_string(static_cast<std::int64_t>(number));
  return std::to_string(number);
}

// Numbers in order of value, names in alphabetical order.
template <class Key, class KeyOf>
Factor classes_by(const Column& column, const KeyOf& key_of) {
  Factor factor{.name = column.name};
  std::map<Key, std::int32_t> index;
  for (std::size_t i = 0; i < column.cells.size(); ++i) {
    if (column.cells[i] != nullptr) index[key_of(i)] = 0;
  }
  for (auto& [key, number] : index) {
    number = static_cast<std::int32_t>(factor.class_names.size());
    if constexpr (std::is_same_v<Key, double>) {
      factor.class_names.push_back(class_name_of(key));
    } else {
      factor.class_names.emplace_back(key);
    }
  }
  for (std::size_t i = 0; i < column.cells.size(); ++i) {
    factor.classes.push_back(column.cells[i] == nullptr ? -1 : index.at(key_of(i)));
  }
  return factor;
}

Factor classes_of(const Column& column) {
  if (column.numeric()) {
    return classes_by<double>(column, [&](std::size_t i) { return column.numbers[i]; });
  }
  return classes_by<std::string_view>(
      column, [&](std::size_t i) { return std::string_view(column.cells[i]->text); });
}

// "a, b, c and 7 more".
class AttributeTable {
 public:
  AttributeTable(const std::filesystem::path& path, std::int64_t most_classes)
      : table_(io::read_table(path)), most_classes_(most_classes) {
    if (table_.rows_had_names) {
      result_.notes.emplace_back(
          "the first field of every row has no column: left out as its name");
    }
    for (const std::string& name : table_.names) taken_.insert(factor_name(name));
    std::set<std::string> names;
    for (std::size_t j = 0; j < table_.names.size(); ++j) {
      const std::string& name = table_.names[j];
      if (name.empty() || name.starts_with("Unnamed: ")) {  // as pandas names one without a name
        add_unnamed(j);
        continue;
      }
      if (!names.insert(name).second) {
        table_.fail("columns of different names", io::printable(name) + " twice");
      }
      columns_.push_back(column(j, name));
    }
    for (const Column& column : columns_) parts_[factor_name(column.name)].push_back(&column);
    for (Column& column : columns_) {
      if (parts_.at(factor_name(column.name)).size() == 1) leave_codes_as_text(column);
    }
  }

  Attributes attributes() && {
    std::set<std::string> done;
    for (const Column& column : columns_) {
      const std::string name = factor_name(column.name);
      if (done.insert(name).second) add_factor(name, parts_.at(name));
    }
    if (result_.factors.empty()) {
      table_.fail("a column that tells rows apart",
                  "none" + (useless_.empty() ? "" : ": " + io::list_of(useless_)));
    }
    const auto note = [&](const std::string& what, const std::vector<std::string>& columns) {
      if (!columns.empty()) result_.notes.push_back(what + io::list_of(columns));
    };
    note("numbers with a decimal comma: ", with_comma_);
    note("codes, not numbers (zeros before them, or over 15 digits): ", codes_);
    note("values that are missing: ", missing_);
    note("left out, as they tell no rows apart: ", useless_);
    return std::move(result_);
  }

 private:
  std::int64_t rows() const { return static_cast<std::int64_t>(table_.rows.size()); }

  static std::string factor_name(const std::string& column) {
    return column.substr(0, column.find(':'));
  }

  void leave_codes_as_text(Column& column) {
    const bool codes = column.numeric() &&
                       std::any_of(column.cells.begin(), column.cells.end(), [](const Cell* cell) {
                         return cell != nullptr && is_code(cell->text);
                       });
    if (!codes) return;
    column.numbers.clear();
    codes_.push_back(io::shown(column.name));
  }

  Column column(std::size_t j, const std::string& name) {
    Column column{.name = name};
    for (const std::vector<Cell>& row : table_.rows) {
      const bool missing = is_missing(row[j].text);
      column.cells.push_back(missing ? nullptr : &row[j]);
      column.known += missing ? 0 : 1;
    }
    find_numbers(column);
    return column;
  }

  // A column without a name that numbers the rows, as pandas and R write, is no attribute.
  void add_unnamed(std::size_t j) {
    const std::string number = std::to_string(j + 1);
    std::string name = "column " + number;
    while (taken_.contains(name)) name += '_';
    Column unnamed = column(j, name);
    if (unnamed.numeric() && unnamed.whole() && unnamed.known == rows() &&
        (unnamed.all_differ() || rows() == 1)) {
      result_.notes.push_back("column " + number + " has no name and numbers the rows: left out");
      return;
    }
    result_.notes.push_back("column " + number + " has no name: called '" + unnamed.name + "'");
    taken_.insert(name);
    columns_.push_back(std::move(unnamed));
  }

  void find_numbers(Column& column) {
    bool points = true, commas = true, look_alike = true, ambiguous = true;
    for (const Cell* cell : column.cells) {
      if (cell == nullptr) continue;
      const bool point = number_in(cell->text).has_value();
      const bool comma = number_with_comma(cell->text).has_value();
      points = points && point;
      commas = commas && (comma || (point && cell->text.find('.') == std::string::npos));
      look_alike = look_alike && (point || looks_like_a_number(cell->text));
      ambiguous = ambiguous && (point || is_ambiguous(cell->text));
    }
    if (column.known == 0) return;
    if (!points) {
      if (!look_alike && !commas) return;
      // The meaning of a comma must be certain: in a file delimited by semicolons it is
      // no delimiter.
      if (!commas || table_.delimiter == ',' || (ambiguous && table_.delimiter != ';')) {
        const Cell& odd = **std::find_if(column.cells.begin(), column.cells.end(), [](auto* cell) {
          return cell != nullptr && !number_in(cell->text);
        });
        table_.fail("numbers with a decimal point in column " + io::shown(column.name) +
                        " on line " + std::to_string(odd.line),
                    io::printable(odd.text));
      }
      with_comma_.push_back(io::shown(column.name));
    }
    for (const Cell* cell : column.cells) {
      const std::optional<double> value = cell == nullptr ? std::optional<double>(NAN)
                                          : points        ? number_in(cell->text)
                                                          : number_with_comma(cell->text);
      column.numbers.push_back(value ? *value : *number_in(cell->text));
    }
  }

  // Why a column gives no information on its rows; empty where it does.
  std::string uselessness(const Column& column) const {
    if (column.known == 0) return "no values";
    if (column.known < std::min<std::int64_t>(kFewestKnown, rows())) {
      return "known of " + std::to_string(column.known) + " rows";
    }
    if (column.count_different(1) == 1) {
      return io::printable(column.first_known().text) + " in every row";
    }
    if (!column.numeric() && column.all_differ()) return "another in every row";
    return {};
  }

  void add_factor(const std::string& name, const std::vector<const Column*>& parts) {
    std::vector<const Column*> useful;
    for (const Column* part : parts) {
      if (parts.size() > 1 && !part->numeric() && part->known > 0) refuse(*part);
      const std::string why = uselessness(*part);
      if (!why.empty()) {
        useless_.push_back(io::shown(part->name) + " (" + why + ")");
        continue;
      }
      useful.push_back(part);
    }
    if (useful.empty()) return;
    const Column& first = *useful.front();
    const bool few = first.count_different(most_classes_) <= most_classes_;
    const bool classes =
        parts.size() == 1 && (!first.numeric() || (first.whole() && few && !first.all_differ()));
    result_.factors.push_back(classes ? classes_of(first) : values_of(name, useful));
    const Factor& factor = result_.factors.back();
    std::int64_t known = 0;
    for (std::int64_t i = 0; i < rows(); ++i) known += factor.known(i) ? 1 : 0;
    if (known < rows()) {
      missing_.push_back(io::shown(name) + " in " + std::to_string(rows() - known) + " of " +
                         std::to_string(rows()) + " rows");
    }
  }

  [[noreturn]] void refuse(const Column& column) const {
    for (std::size_t i = 0; i < column.cells.size(); ++i) {
      const Cell* cell = column.cells[i];
      if (cell == nullptr) continue;
      if (column.numeric() && std::fabs(column.numbers[i]) <= kMostValue) continue;
      if (!column.numeric() && number_in(cell->text)) continue;
      table_.fail("a finite number in column " + io::shown(column.name) + " on line " +
                      std::to_string(cell->line),
                  io::printable(cell->text));
    }
    table_.fail("finite numbers in column " + io::shown(column.name), "others");
  }

  Factor values_of(const std::string& name, const std::vector<const Column*>& parts) const {
    Factor factor{.name = name,
                  .values = Matrix<float>(rows(), static_cast<std::int64_t>(parts.size()))};
    for (std::int64_t i = 0; i < rows(); ++i) {
      bool known = true;
      for (std::size_t j = 0; j < parts.size(); ++j) {
        const double number = parts[j]->numbers[static_cast<std::size_t>(i)];
        known = known && !std::isnan(number);
        if (std::fabs(number) > kMostValue) refuse(*parts[j]);
        factor.values(i, static_cast<std::int64_t>(j)) = static_cast<float>(number);
      }
      if (!known) std::fill_n(factor.values.view().row(i), factor.values.cols(), NAN);
    }
    return factor;
  }

  static constexpr std::int64_t kFewestKnown = 3;  // values needed for a correlation
  static constexpr double kMostValue = std::numeric_limits<float>::max();

  io::Table table_;
  std::int64_t most_classes_;
  std::vector<Column> columns_;
  std::set<std::string> taken_;                              // names of factors
  std::map<std::string, std::vector<const Column*>> parts_;  // by the factor's name
  std::vector<std::string> with_comma_, codes_, missing_, useless_;
  Attributes result_;
};

}  // namespace

Attributes read_attributes(const std::filesystem::path& path, std::int64_t most_classes) {
  return AttributeTable(path, most_classes).attributes();
}

}  // namespace clipk
