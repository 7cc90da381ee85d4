#include "study/rare_classes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace clipk::study {
namespace {

constexpr std::size_t kNamed = 12;  // classes in a line of words

}  // namespace

Factor copy_of_classes(const Factor& factor) {
  return {.name = factor.name, .classes = factor.classes, .class_names = factor.class_names};
}

std::vector<RareClass> drop_rare_classes(Factor& factor, std::int64_t least) {
  std::vector<RareClass> rare;
  if (!factor.categorical()) return rare;
  std::vector<std::int64_t> counts(factor.class_names.size());
  for (const std::int32_t c : factor.classes) {
    if (c >= 0) ++counts[static_cast<std::size_t>(c)];
  }
  std::vector<std::string> names;
  std::vector<std::int32_t> number(counts.size(), -1);
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] >= least) {
      number[c] = static_cast<std::int32_t>(names.size());
      names.push_back(factor.class_names[c]);
    } else if (counts[c] > 0) {
      rare.push_back({factor.class_names[c], counts[c]});
    }
  }
  for (std::int32_t& c : factor.classes) {
    if (c >= 0) c = number[static_cast<std::size_t>(c)];
  }
  factor.class_names = std::move(names);
  return rare;
}

std::vector<RareClasses> drop_rare_classes(std::vector<Factor>& factors, std::int64_t least) {
  std::vector<RareClasses> all;
  for (Factor& factor : factors) {
    if (!factor.categorical()) continue;
    RareClasses rare{
        .factor = factor.name, .classes = drop_rare_classes(factor, least), .least = least};
    rare.dropped = factor.class_names.size() < 2;
    if (rare.dropped || !rare.classes.empty()) all.push_back(std::move(rare));
  }
  std::erase_if(factors, [](const Factor& factor) {
    return factor.categorical() && factor.class_names.size() < 2;
  });
  return all;
}

std::string words_of(const RareClasses& rare) {
  std::string words = rare.factor + ": ";
  if (!rare.classes.empty()) {
    words += fmt::format(
        "left out {} of fewer than {} rows: ",
        rare.classes.size() == 1 ? "a class" : fmt::format("{} classes", rare.classes.size()),
        rare.least);
    for (std::size_t c = 0; c < std::min(rare.classes.size(), kNamed); ++c) {
      words +=
          fmt::format("{}{} ({})", c == 0 ? "" : ", ", rare.classes[c].name, rare.classes[c].rows);
    }
    if (rare.classes.size() > kNamed) words += ", ...";
  }
  if (!rare.dropped) return words;
  return words + fmt::format("{}fewer than two classes of {} rows are left, so it is not studied",
                             rare.classes.empty() ? "" : "; ", rare.least);
}

Json json_of(const std::vector<RareClasses>& rare) {
  Json all = Json::array();
  for (const RareClasses& of_factor : rare) {
    Json classes = Json::object();
    for (const RareClass& c : of_factor.classes) classes[c.name] = c.rows;
    all.push_back({{"factor", of_factor.factor},
                   {"fewer_than", of_factor.least},
                   {"classes", classes},
                   {"factor_left_out", of_factor.dropped}});
  }
  return all;
}

}  // namespace clipk::study
