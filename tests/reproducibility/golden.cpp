#include "reproducibility/golden.hpp"

#include <algorithm>
#include <iterator>
#include <ostream>

#include "clipk/core/error.hpp"

namespace clipk::golden {
namespace {

std::vector<Case>& registry() {
  static std::vector<Case> cases;
  return cases;
}

}  // namespace

std::string Run::checksum() {
  return to_hex(sha_.digest()).substr(0, 16);
}

void Run::refuse_nan() const {
  throw Error("golden: expected numbers, got a NaN");
}

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

void append(std::vector<Case>& cases, std::vector<Case> more) {
  std::ranges::move(more, std::back_inserter(cases));
}

Cases::Cases(std::string_view header, std::initializer_list<std::vector<Case>> cases) {
  for (const std::vector<Case>& group : cases) {
    for (const Case& c : group) registry().push_back({std::string(header) + "/" + c.name, c.run});
  }
}

const std::vector<Case>& all_cases() {
  std::vector<Case>& cases = registry();
  std::ranges::sort(cases, {}, &Case::name);
  return cases;
}

}  // namespace clipk::golden
