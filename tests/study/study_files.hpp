#pragma once

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "io/files.hpp"
#include "study/program.hpp"

namespace clipk::test {

/// A study, run on files of a folder that is gone after the test.
class StudyTest : public FileTest {
 protected:
  explicit StudyTest(std::filesystem::path program) : program_(std::move(program)) {}

  /// Later options take the place of earlier ones of the same name.
  static std::vector<std::string> with(std::vector<std::string> arguments,
                                       const std::vector<std::string>& more) {
    for (std::size_t i = 0; i < more.size(); i += 2) {
      const auto at = std::find(arguments.begin(), arguments.end(), more[i]);
      if (at != arguments.end()) arguments.erase(at, at + 2);
      arguments.insert(arguments.end(), {more[i], more[i + 1]});
    }
    return arguments;
  }
  ProgramResult run(const std::vector<std::string>& arguments,
                    const ProgramOptions& options = {}) const {
    return Program(program_, arguments, options).wait();
  }
  /// Runs into the folder `out`, and fails the test where that fails.
  void run_into(const std::string& out, const std::vector<std::string>& arguments) const {
    const ProgramResult result = run(with(arguments, {"--out", path(out)}));
    ASSERT_EQ(result.status, 0) << result.err;
  }
  nlohmann::ordered_json results(const std::string& out) const {
    return nlohmann::ordered_json::parse(read_bytes(path(out) / "results.json"));
  }
  /// What no stop and no number of threads may change.
  nlohmann::ordered_json lasting_results(const std::string& out) const {
    nlohmann::ordered_json all = results(out);
    all["manifest"].erase("threads");
    for (const char* key : {"threads", "out", "checkpoint"}) all["manifest"]["options"].erase(key);
    for (auto& row : all["rows"]) row.erase("seconds");
    if (all.contains("tsne")) all["tsne"].erase("seconds");
    if (all.contains("summary")) {
      for (auto& method : all["summary"]) method.erase("seconds");
    }
    return all;
  }
  /// Names in a folder, sorted; hidden ones too.
  std::vector<std::string> names(const std::string& folder) const {
    std::vector<std::string> found;
    for (const auto& file : std::filesystem::directory_iterator(path(folder))) {
      found.push_back(file.path().filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  /// The same arrays, byte for byte, and the same results.
  void expect_same_run(const std::string& a, const std::string& b) const {
    EXPECT_EQ(names(a), names(b));
    for (const std::string& name : names(a)) {
      if (name.find(".npy") == std::string::npos) continue;
      EXPECT_EQ(read_bytes(path(a) / name), read_bytes(path(b) / name)) << name;
    }
    EXPECT_EQ(lasting_results(a).dump(1), lasting_results(b).dump(1));
  }

  std::filesystem::path program_;
};

}  // namespace clipk::test
