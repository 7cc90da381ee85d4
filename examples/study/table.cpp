#include "study/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "study/text.hpp"

namespace clipk::study {
namespace {

bool looks_numeric(const std::string& text) {
  return text.empty() || text.find_first_of("0123456789") <= 1 || text == "-";
}

}  // namespace

Table::Table(std::vector<std::string> head) : head_(std::move(head)) {
  for (std::string& name : head_) name = one_line(name);
}

void Table::add(std::vector<std::string> cells) {
  if (cells.size() != head_.size()) {
    throw std::logic_error(
        fmt::format("expected a row of {} cells, got {}", head_.size(), cells.size()));
  }
  for (std::string& cell : cells) cell = one_line(cell);
  rows_.push_back(std::move(cells));
}

void Table::add_rule() {
  rows_.emplace_back();
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  std::vector<bool> right(head_.size(), true);
  for (const std::string& name : head_) widths.push_back(width(name));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width(row[i]));
      right[i] = right[i] && looks_numeric(row[i]);
    }
  }
  std::string text;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(widths[i] - width(cells[i]), ' ');
      if (i > 0) out += "  ";
      out += right[i] ? padding + cells[i] : cells[i] + padding;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    text += out + '\n';
  };
  std::size_t total = 2 * (head_.size() - 1);
  for (const std::size_t w : widths) total += w;
  std::string rule;
  for (std::size_t i = 0; i < total; ++i) rule += "\u2500";
  line(head_);
  text += rule + '\n';
  for (const auto& row : rows_) {
    if (row.empty()) {
      text += rule + '\n';
    } else {
      line(row);
    }
  }
  return text;
}

}  // namespace clipk::study
