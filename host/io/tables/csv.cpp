#include "io/tables/csv.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "io/tables/names.hpp"
#include "io/tables/text_file.hpp"

namespace clipk::io {
namespace {

using Record = std::vector<Cell>;

constexpr std::string_view kDelimiters = ",;\t|";

std::string name_of(char delimiter) {
  switch (delimiter) {
    case ',':
      return "a comma";
    case ';':
      return "a semicolon";
    case '\t':
      return "a tab";
    default:
      return "a bar";
  }
}

// RFC 4180: fields may be quoted; inside quotes, delimiters and line ends are text and "" is
// a quote.
class Parser {
 public:
  Parser(const Table& table, std::string_view text, std::int64_t line)
      : table_(table), text_(text), line_(line) {}

  /// The next line; an empty one is a single empty field. Nothing at the end.
  std::optional<Record> next() {
    if (at_end()) return std::nullopt;
    Record record;
    while (true) {
      record.push_back(field());
      if (at_end()) return record;
      const char end = peek();
      advance();
      if (end == '\r') {
        if (!at_end() && peek() == '\n') {
          advance();
        } else {
          ++line_;
        }
      }
      if (end != table_.delimiter) return record;
    }
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return text_[at_]; }
  void advance() {
    if (text_[at_++] == '\n') ++line_;
  }
  bool field_ends() const {
    return at_end() || peek() == table_.delimiter || peek() == '\n' || peek() == '\r';
  }
  bool blank(char c) const { return c == ' ' || (c == '\t' && table_.delimiter != '\t'); }
  void skip_blanks() {
    while (!at_end() && blank(peek())) advance();
  }

  Cell field() {
    Cell cell{.text = {}, .line = line_};
    skip_blanks();
    if (!at_end() && peek() == '"') {
      quoted(cell.text);
      cell.quoted = true;
      skip_blanks();
      if (!field_ends()) {
        table_.fail(name_of(table_.delimiter) + " after the quote on line " + std::to_string(line_),
                    printable(text_.substr(at_, 1)));
      }
      return cell;
    }
    const std::size_t first = at_;
    while (!field_ends()) advance();
    std::size_t end = at_;
    while (end > first && blank(text_[end - 1])) --end;
    cell.text = text_.substr(first, end - first);
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
    table_.fail("an end to the quote of line " + std::to_string(opened), "the end of the file");
  }

  const Table& table_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::int64_t line_;
};

// Removes "sep=;" and the end of its line from the text.
std::optional<char> said_delimiter(std::string_view& text) {
  constexpr std::string_view kSays = "sep=";
  if (!text.starts_with(kSays) || text.size() < 6) return std::nullopt;
  const char said = text[kSays.size()];
  std::string_view rest = text.substr(kSays.size() + 1);
  const std::size_t end = rest.starts_with("\r\n") ? 2 : rest[0] == '\n' || rest[0] == '\r' ? 1 : 0;
  if (end == 0 || kDelimiters.find(said) == kDelimiters.npos) return std::nullopt;
  text = rest.substr(end);
  return said;
}

// The delimiters in the first line outside quotes. A bar counts only where there is no other.
std::string delimiters_in_first_line(std::string_view text) {
  std::string found;
  bool in_quotes = false;
  for (const char c : text) {
    if (c == '"') in_quotes = !in_quotes;
    if (in_quotes) continue;
    if (c == '\n' || c == '\r') break;
    const bool is_new = found.find(c) == found.npos;
    if (is_new && kDelimiters.find(c) != kDelimiters.npos) found += c;
  }
  if (found.size() > 1) std::erase(found, '|');
  return found;
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// Whether, in every row, a comma between two fields may be a decimal comma.
bool may_hold_decimal_commas(const Table& table) {
  for (std::size_t j = 0; j < table.names.size(); ++j) {
    const bool may = std::all_of(table.rows.begin(), table.rows.end(), [&](const Record& row) {
      std::string_view whole = row[j].text;
      if (whole.starts_with('-') || whole.starts_with('+')) whole.remove_prefix(1);
      return is_digits(whole) && is_digits(row[j + 1].text);
    });
    if (may) return true;
  }
  return false;
}

// Whether the first field of every row is certainly its name.
bool rows_have_names(const Table& table) {
  const auto all_quoted = std::all_of(table.rows.begin(), table.rows.end(),
                                      [](const Record& row) { return row[0].quoted; });
  if (all_quoted || table.delimiter != ',') return true;
  for (const std::size_t first : {0, 1}) {
    std::size_t number = first;
    if (std::all_of(table.rows.begin(), table.rows.end(),
                    [&](const Record& row) { return row[0].text == std::to_string(number++); })) {
      return !may_hold_decimal_commas(table);
    }
  }
  return false;
}

// For rows with one field more than there are names.
void leave_out_the_field_more(Table& table) {
  const auto all_empty = [&](std::size_t j) {
    return std::all_of(table.rows.begin(), table.rows.end(),
                       [&](const Record& row) { return row[j].text.empty(); });
  };
  const std::size_t last = table.names.size();
  std::size_t left_out = last;
  if (!all_empty(last)) {
    if (!rows_have_names(table)) {
      table.fail(std::to_string(last) + " fields on line " + std::to_string(table.rows[0][0].line) +
                     ", a decimal comma in quotes, or one more field that names the row in quotes",
                 std::to_string(last + 1) + " parted by " + name_of(table.delimiter));
    }
    std::set<std::string_view> row_names;
    for (const Record& row : table.rows) {
      if (row_names.insert(row[0].text).second) continue;
      table.fail(std::to_string(last) + " fields on line " + std::to_string(row[0].line),
                 std::to_string(last + 1) + " parted by " + name_of(table.delimiter));
    }
    table.rows_had_names = true;
    left_out = 0;
  }
  for (Record& row : table.rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(left_out));
}

// Fills in names and rows, by the table's delimiter.
void parse(Table& table, std::string_view text, std::int64_t line) {
  Parser parser(table, text, line);
  const std::optional<Record> header = parser.next();
  if (!header) table.fail("a first line of column names", "an empty file");
  for (const Cell& cell : *header) table.names.push_back(cell.text);
  std::vector<Cell> empty_lines;  // at the end these are not rows
  std::size_t fields = 0;
  while (std::optional<Record> record = parser.next()) {
    if (record->size() == 1 && record->front().text.empty()) {
      empty_lines.push_back(std::move(record->front()));
      continue;
    }
    if (fields == 0) fields = table.names.size() + (record->size() > table.names.size() ? 1 : 0);
    for (Cell& cell : empty_lines) {
      if (fields > 1) {
        table.fail(std::to_string(fields) + " fields on line " + std::to_string(cell.line),
                   "an empty line");
      }
      table.rows.push_back({std::move(cell)});
    }
    empty_lines.clear();
    if (record->size() != fields) {
      table.fail(std::to_string(fields) + " fields on line " + std::to_string(record->front().line),
                 std::to_string(record->size()) + " parted by " + name_of(table.delimiter));
    }
    table.rows.push_back(std::move(*record));
  }
  if (table.rows.empty()) table.fail("a line for every row", "column names alone");
  if (fields > table.names.size()) leave_out_the_field_more(table);
}

}  // namespace

Table read_table(const std::filesystem::path& path) {
  const std::string content = read_text(path, "a CSV file", Markup::refused);
  std::string_view text = content;
  std::int64_t line = 1;
  for (; text.starts_with('\n') || text.starts_with('\r'); text.remove_prefix(1)) {
    line += text[0] == '\n';
  }
  Table table{.path = path.string()};
  if (const std::optional<char> said = said_delimiter(text)) {
    table.delimiter = *said;
    parse(table, text, line + 1);
    return table;
  }
  const std::string found = delimiters_in_first_line(text);
  if (found.size() < 2) {
    if (!found.empty()) table.delimiter = found[0];
    parse(table, text, line);
    return table;
  }
  std::optional<Table> fits;
  for (const char delimiter : found) {
    Table tried{.path = table.path, .delimiter = delimiter};
    try {
      parse(tried, text, line);
    } catch (const Error&) {
      continue;
    }
    if (fits) {
      table.fail("fields parted by one of comma, semicolon and tab (quotes hide the others)",
                 name_of(fits->delimiter) + " and " + name_of(delimiter) +
                     " that both part every line alike");
    }
    fits = std::move(tried);
  }
  if (fits) return std::move(*fits);
  table.delimiter = found[0];
  parse(table, text, line);  // throws
  return table;
}

}  // namespace clipk::io
