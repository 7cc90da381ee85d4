#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace clipk::fuzz {

/// A reader that is given any bytes. It returns or throws an Error of one line; all else ends the
/// program.
struct Target {
  std::string name;
  /// Calls the reader. @param folder where its files may lie; empty when it is called
  void (*read)(std::string_view bytes, const std::filesystem::path& folder);
  /// Folders of files to start from: of tests/fuzz/corpus, or of tests/golden.
  std::vector<std::string> seeds;
};

/// Of embeddings, labels, attributes and texts.
const std::vector<Target>& reader_targets();

/// Calls f. Ends the program where an Error of it is not one line that says what was expected.
void survives(const std::function<void()>& f);

/// Calls the reader of this name, one of reader_targets() or an archive (saved_files()), whose
/// bytes are given without the checksum.
void run(const std::string& target, std::string_view bytes);

}  // namespace clipk::fuzz
