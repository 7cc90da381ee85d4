#pragma once

#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "examples/study/child_program.hpp"
#include "io/files.hpp"
#include "support/archive_parts.hpp"
#include "support/error_of.hpp"

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
    return ChildProgram(program_, arguments, options).wait();
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
    all.erase("seconds");
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
  static std::string last_line(const std::string& text) {
    const std::size_t end = text.size() < 2 ? std::string::npos : text.rfind('\n', text.size() - 2);
    return end == std::string::npos ? text : text.substr(end + 1);
  }
  /// A run with this exit status and, as the last line on standard error, this message of the
  /// program; no file appears.
  /// @param arguments but for --out
  /// @param fits whether lines of progress, one a fit, may come before
  void expect_refused_run(int status, const std::string& message,
                          std::vector<std::string> arguments, bool fits = false,
                          const ProgramOptions& options = {}) const {
    const std::vector<std::string> before = names("");
    arguments.insert(arguments.end(), {"--out", path("out/below")});
    const ProgramResult result = run(arguments, options);
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_HAS(result.err, message);
    const std::string line = last_line(result.err);
    EXPECT_EQ(line.rfind(program_.filename().string() + ": ", 0), 0u) << result.err;
    EXPECT_EQ(line.empty() ? '?' : line.back(), '\n');
    if (!fits) {
      EXPECT_EQ(line, result.err);
    }
    if (std::filesystem::exists(path("out/below"))) {  // as an empty folder at most
      EXPECT_TRUE(names("out/below").empty());
      std::filesystem::remove_all(path("out"));
    }
    EXPECT_EQ(names(""), before);
  }
  /// A run with a checkpoint whose entries were changed, and which was signed anew: it is refused
  /// for this reason, and stays as it was.
  /// @param whole the checkpoint as the study wrote it
  template <class Change>
  void expect_refused_checkpoint(const std::filesystem::path& file, const ArchiveParts& whole,
                                 const std::string& reason,
                                 const std::vector<std::string>& arguments,
                                 const Change& change) const {
    ArchiveParts parts = whole;
    for (ArchiveParts::Entry& entry : parts.entries) change(entry);
    const std::string bytes = sealed(content_of(parts));
    write_bytes(file, bytes);
    expect_refused_run(kData, file.string() + ": " + reason,
                       with(arguments, {"--checkpoint", file.string()}));
    EXPECT_EQ(read_bytes(file), bytes);
  }
  /// What a run leaves in a folder of a file system of its own, of 64 KiB or read-only; nothing
  /// where that cannot be mounted, which is for root alone.
  struct MountedRun {
    ProgramResult result;
    bool empty = false;
  };
  std::optional<MountedRun> run_on_small_disk(const std::vector<std::string>& arguments,
                                              bool read_only = false) const {
    std::filesystem::create_directory(path("disk"));
    if (::mount("none", path("disk").c_str(), "tmpfs", read_only ? MS_RDONLY : 0, "size=64k") !=
        0) {
      return std::nullopt;
    }
    MountedRun mounted{run(with(arguments, {"--out", path("disk/out")}))};
    mounted.empty =
        !std::filesystem::exists(path("disk/out")) || std::filesystem::is_empty(path("disk/out"));
    EXPECT_EQ(::umount2(path("disk").c_str(), MNT_DETACH), 0);
    return mounted;
  }
  static constexpr int kData = 1;  ///< exit status for what data or machine cannot give
  static constexpr int kUsage = 2;

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
