#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "clipk/io/atomic_file.hpp"

namespace clipk::study {

using Json = nlohmann::ordered_json;

/// The files of one run. They are collected while it computes and appear together at its end: all
/// are written to temporaries first, so that a full disk at the last one leaves none of them.
class Outputs {
 public:
  /// @throws Error early, where the folder could not be written in the end.
  explicit Outputs(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }
  /// A file under this name, which may lie in a folder below ("part/x.npy"); `write` is called at
  /// the end with the open file.
  void add(const std::string& name, std::function<void(AtomicFile&)> write);
  /// All files of another set, into a folder of this one (empty: the same); the other is empty
  /// then.
  void take(const std::string& folder, Outputs& other);
  /// Makes the folders and writes all files, in the order they were added.
  void write();

 private:
  std::filesystem::path folder_;
  std::vector<std::pair<std::string, std::function<void(AtomicFile&)>>> files_;
};

/// A flat list of objects as CSV (RFC 4180): one column a key, in the order of first appearance;
/// null and missing values are empty.
std::string to_csv(const Json& rows);

}  // namespace clipk::study
