#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "clipk/io/atomic_file.hpp"
#include "study/json.hpp"

namespace clipk::study {

/// The files of one run, which take the place of those of an earlier run in the same folder.
///
/// They are collected while it computes and written at its end, one after the other, into a hidden
/// folder within: a full disk leaves the folder as it was. Then the files of the earlier run go,
/// and the new ones come, `results.json` last: wherever a run is killed, no file stands beside a
/// results.json of another run, and a folder with one is whole. The earlier run's files are those
/// that its results.json lists (manifest.files); whatever else lies in the folder stays. Runs that
/// write into one folder at one time do so one after the other.
class Outputs {
 public:
  /// @throws Error early, where the folder could not be written in the end.
  explicit Outputs(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }
  /// @throws Error where something that is no file lies in the place of this one, or something on
  ///   the way to it that is no folder of the same file system.
  void check_place(const std::string& name) const;
  /// A file under this name, which may lie in a folder below ("part/x.npy"); `write` is called at
  /// the end with the open file.
  void add(const std::string& name, std::function<void(AtomicFile&)> write);
  /// The same, of what wants the path to write to, such as a model's save().
  void add_by_path(const std::string& name,
                   std::function<void(const std::filesystem::path&)> write);
  /// All files of another set, into a folder of this one (empty: the same); the other is empty
  /// then.
  void take(const std::string& folder, Outputs& other);
  /// The names of all files, in the order they were added.
  std::vector<std::string> names() const;
  /// Makes the folders and writes all files; the one that was added last appears last.
  void write();

 private:
  void replace_files(const std::filesystem::path& staged, const std::function<void()>& keep) const;

  std::filesystem::path folder_;
  std::vector<std::pair<std::string, std::function<void(const std::filesystem::path&)>>> files_;
};

/// A flat list of objects as CSV (RFC 4180): one column a key, in the order of first appearance;
/// null and missing values are empty. Text is UTF-8, and a text that a spreadsheet would take for
/// a formula ("=1+1") begins with an apostrophe.
std::string to_csv(const Json& rows);

}  // namespace clipk::study
