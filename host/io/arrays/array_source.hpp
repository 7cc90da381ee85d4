#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "clipk/io/npy.hpp"
#include "io/arrays/elements.hpp"
#include "io/source.hpp"

namespace clipk::io {

/// An array in a file of any kind: the description of its elements, and the elements.
struct ArraySource {
  std::unique_ptr<Source> elements;  ///< at the first element; keeps its file open
  NpyHeader header;                  ///< type, byte order, order of the axes, shape and size

  /// All elements, to be called once.
  template <class T>
  NpyArray<T> array() const {
    return read_array<T>(*elements, header);
  }
  /// The same for an array of two axes, or one.
  template <class T>
  Matrix<T> matrix() const {
    return read_matrix<T>(*elements, header);
  }
  template <class T>
  std::vector<T> vector() const {
    return read_vector<T>(*elements, header);
  }
};

/// One array from a file of a known kind.
ArraySource open_npy(const std::filesystem::path& path);
ArraySource open_npz(const std::filesystem::path& path, const std::string& name);
ArraySource open_safetensors(const std::filesystem::path& path, const std::string& name);
ArraySource open_idx(const std::filesystem::path& path);

/// One array from a file of any kind, as clipk::read_array takes it: "FILE" or "FILE:NAME".
ArraySource open_array(const std::filesystem::path& path);

}  // namespace clipk::io
