#include "reproducibility/golden.hpp"

#include <algorithm>
#include <ostream>
#include <utility>

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

Registered one(const std::string& name, std::function<void(Run&)> run) {
  registry().push_back({name, std::move(run)});
  return {};
}

const std::vector<Case>& all_cases() {
  std::vector<Case>& cases = registry();
  std::ranges::sort(cases, {}, &Case::name);
  return cases;
}

}  // namespace clipk::golden
