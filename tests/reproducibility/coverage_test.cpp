// No public operation, model or metric without golden cases, and no checksum without a case.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "reproducibility/checksums.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The headers of a public folder by name: path and text.
std::vector<std::pair<std::string, std::string>> headers(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(CLIPK_HEADERS) / folder)) {
    all.emplace_back(folder + "/" + entry.path().stem().string(), text_of(entry.path()));
  }
  std::ranges::sort(all);
  return all;
}

// Whether a case's name is NAME, or goes on with `separator`.
bool has_case(const std::string& name, char separator) {
  return std::ranges::any_of(all_cases(), [&](const Case& c) {
    return c.name == name || c.name.starts_with(name + separator);
  });
}

bool has_case_of_type(const std::string& name, const std::string& type) {
  return std::ranges::any_of(all_cases(), [&](const Case& c) {
    return c.name == name + "." + type ||
           (c.name.starts_with(name + ".") && c.name.ends_with("." + type));
  });
}

// Every function of a Context, in every type its first array may have.
TEST(GoldenCoverage, EveryOperation) {
  const std::regex function(R"(\bvoid (\w+)\(Context& context,([^;]*);)");
  const std::regex array(R"((?:Vector|Matrix|Batch)View<(?:const )?(float|double)>)");
  std::size_t operations = 0;
  for (const auto& [header, text] : headers("ops")) {
    for (std::sregex_iterator found(text.begin(), text.end(), function), end; found != end;
         ++found) {
      ++operations;
      const std::string name = header + "/" + found->str(1), arguments = found->str(2);
      std::smatch type;
      if (std::regex_search(arguments, type, array)) {
        EXPECT_TRUE(has_case_of_type(name, type.str(1))) << name << " of " << type.str(1);
      } else {
        EXPECT_TRUE(has_case(name, '.')) << name;
      }
    }
  }
  EXPECT_GT(operations, 90u);  // the pattern finds them
}

TEST(GoldenCoverage, EveryModelAndMetric) {
  const std::set<std::string> compute_nothing{"train/parameters", "train/progress",
                                              "train/training_options"};
  for (const std::string folder : {"metrics", "models", "train"}) {
    for (const auto& [header, text] : headers(folder)) {
      EXPECT_NE(has_case(header, '/'), compute_nothing.contains(header)) << header;
    }
  }
}

TEST(GoldenCoverage, EveryCaseHasAnotherName) {
  std::set<std::string> names;
  for (const Case& c : all_cases()) EXPECT_TRUE(names.insert(c.name).second) << c.name;
}

TEST(GoldenCoverage, EveryChecksumHasACase) {
  if (writing()) GTEST_SKIP() << "checksums are being written";
  for (const auto& [name, checksum] : read_checksums()) {
    EXPECT_TRUE(std::ranges::binary_search(all_cases(), name, {}, &Case::name)) << name;
  }
}

}  // namespace
}  // namespace clipk::golden
