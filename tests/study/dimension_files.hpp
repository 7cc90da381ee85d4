#pragma once

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/io/embeddings.hpp"
#include "clipk/io/npy.hpp"
#include "io/files.hpp"
#include "study/program.hpp"

namespace clipk::test {

/// Small pairs on disk, and dimension_study run on them.
class DimensionTest : public FileTest {
 protected:
  static constexpr std::int64_t kPairs = 40;
  static constexpr std::int64_t kDim = 16;

  DimensionTest() : pairs_(toy_pairs(kPairs)) {
    write_npy(path("i.npy"), pairs_.images);
    write_npy(path("t.npy"), pairs_.texts);
  }

  /// Texts are their images, blurred, and apart from them by one offset; of any length.
  static EmbeddingPairs toy_pairs(std::int64_t n) {
    Random random(1);
    std::vector<double> offset(kDim);
    for (double& value : offset) value = 2 * random.normal();
    EmbeddingPairs pairs{Matrix<float>(n, kDim), Matrix<float>(n, kDim)};
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        const double value = random.normal();
        pairs.images(i, j) = static_cast<float>(value);
        pairs.texts(i, j) =
            static_cast<float>(value + 0.6 * random.normal() + offset[static_cast<std::size_t>(j)]);
      }
    }
    return pairs;
  }

  std::vector<std::string> toy() const {
    return {"--images", path("i.npy"), "--texts",  path("t.npy"), "--dims",    "8,4",
            "--epochs", "6",           "--splits", "2",           "--threads", "1"};
  }
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
  static ProgramResult run(const std::vector<std::string>& arguments,
                           const ProgramOptions& options = {}) {
    return Program(DIMENSION_STUDY, arguments, options).wait();
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
  /// The same codes, byte for byte, and the same results.
  void expect_same_run(const std::string& a, const std::string& b) const {
    EXPECT_EQ(names(a), names(b));
    for (const std::string& name : names(a)) {
      if (name.find(".npy") == std::string::npos) continue;
      EXPECT_EQ(read_bytes(path(a) / name), read_bytes(path(b) / name)) << name;
    }
    EXPECT_EQ(lasting_results(a).dump(1), lasting_results(b).dump(1));
  }

  EmbeddingPairs pairs_;
};

}  // namespace clipk::test
