#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "clipk/core/modality.hpp"

namespace clipk::io {

/// The parts of a modality in a clip-retrieval folder, in ascending order, by their headers.
struct RetrievalParts {
  struct Part {
    std::filesystem::path path;
    std::int64_t rows = 0;
  };
  std::vector<Part> parts;  ///< at least one
  std::int64_t rows = 0;    ///< of all parts
  std::int64_t cols = 0;    ///< of every part
};

/// @throws Error as read_clip_retrieval does of widths and numbers of rows.
RetrievalParts clip_retrieval_parts(const std::filesystem::path& folder, Modality modality);

}  // namespace clipk::io
