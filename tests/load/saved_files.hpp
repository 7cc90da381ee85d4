#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "clipk/core/context.hpp"

namespace clipk::test {

/// A kind of archive that the library reads back: a small one, and its reader.
struct SavedFile {
  std::string name;  ///< of the model: "vae"
  std::string kind;  ///< of the archive: "vae model"
  /// Fits a small model and writes the file.
  std::function<void(Context&, const std::filesystem::path&)> save;
  /// Loads the file. @returns what uses the model once, or nothing
  std::function<std::function<void()>(Context&, const std::filesystem::path&)> load;
};

/// By its name, in the messages of a test.
inline void PrintTo(const SavedFile& file, std::ostream* out) {
  *out << file.name;
}

/// Every model that is saved, and the checkpoints of trainings and studies.
std::vector<SavedFile> saved_files();
/// Of these the checkpoints of studies.
std::vector<SavedFile> study_files();

}  // namespace clipk::test
