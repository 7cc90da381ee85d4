#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"
#include "clipk/io/archive.hpp"

namespace clipk::train {

/// The file that a training writes and resumes from. It holds a fingerprint of all that decides the
/// bytes of the result. A file with another fingerprint is refused.
class CheckpointFile {
 public:
  /// @param path empty for a training without a checkpoint
  /// @param kind of the file in messages: "trainer checkpoint"
  CheckpointFile(std::filesystem::path path, const char* kind)
      : path_(std::move(path)), kind_(kind) {}

  /// Whether a checkpoint is wanted.
  bool wanted() const { return !path_.empty(); }
  /// Writes the fingerprint and what `add` adds, atomically.
  void write(const std::string& fingerprint, const std::function<void(ArchiveWriter&)>& add) const;
  /// The file; nothing if no checkpoint is wanted or it does not exist.
  /// @throws Error for a file of another kind or fingerprint, or that cannot be read.
  std::optional<ArchiveReader> read(const std::string& fingerprint) const;

 private:
  std::filesystem::path path_;
  const char* kind_;
};

/// Adds an array on any device as an entry of this shape. An empty array gets no entry.
void add_array(Context& context, ArchiveWriter& archive, const char* name,
               MatrixView<const float> array);

/// Reads an entry of add_array into an array of its shape, on any device.
void read_array(Context& context, const ArchiveReader& archive, const char* name,
                MatrixView<float> array);

}  // namespace clipk::train
