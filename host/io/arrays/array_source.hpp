#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "clipk/io/npy.hpp"
#include "io/source.hpp"

namespace clipk::io {

/// An array in a file of whatever kind: what is said of its elements, and these.
struct ArraySource {
  std::unique_ptr<Source> elements;  ///< stands at the first; keeps its file open
  NpyHeader header;                  ///< type, byte order, order of the axes, shape and size
};

/// One array of a file of a known kind.
ArraySource open_npy(const std::filesystem::path& path);
ArraySource open_npz(const std::filesystem::path& path, const std::string& name);
ArraySource open_safetensors(const std::filesystem::path& path, const std::string& name);
ArraySource open_idx(const std::filesystem::path& path);

/// One array of a file of any kind, as clipk::read_array takes it: "FILE" or "FILE:NAME".
ArraySource open_array(const std::filesystem::path& path);

}  // namespace clipk::io
