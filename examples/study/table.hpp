#pragma once

#include <string>
#include <vector>

namespace clipk::study {

/// A table for the terminal: text to the left, numbers to the right, a rule below the head. Cells
/// may be any bytes; control characters do not reach the terminal.
class Table {
 public:
  explicit Table(std::vector<std::string> head);

  /// One row, as many cells as the head has. Format numbers with {fmt} before.
  void add(std::vector<std::string> cells);
  /// A thin rule between the rows before and after.
  void add_rule();
  std::string text() const;

 private:
  std::vector<std::string> head_;
  std::vector<std::vector<std::string>> rows_;  // an empty one is a rule
};

}  // namespace clipk::study
