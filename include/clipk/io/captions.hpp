#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/view.hpp"

namespace clipk {

/// The captions of embeddings, one per line of a text file (read_lines). They may hold any UTF-8
/// except NUL, HTML too: escape a caption before you show it.
/// @throws Error as read_lines does, also for a line that is blank.
std::vector<std::string> read_captions(const std::filesystem::path& path);

/// The same for known rows.
/// @param rows how many captions there must be
/// @param rows_of the file with those rows, for messages: the path of the embeddings
/// @throws Error also where there are more or fewer: "c.txt: expected 500 captions, one for every
/// row of t.npy, got 499".
std::vector<std::string> read_captions(const std::filesystem::path& path, std::int64_t rows,
                                       const std::string& rows_of);

/// Groups of two or more equal rows of a host matrix (value by value: 0 equals -0, NaN equals
/// nothing), each in ascending order; the groups in the order of their first row. O(rows x cols).
std::vector<std::vector<std::int64_t>> find_duplicate_rows(MatrixView<const float> matrix);

/// The same for texts, byte by byte.
std::vector<std::vector<std::int64_t>> find_duplicates(const std::vector<std::string>& texts);

}  // namespace clipk
