#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/view.hpp"

namespace clipk {

/// The captions of embeddings, one a line of a text file (read_lines). They may hold anything that
/// UTF-8 can but NUL, HTML too: who shows one escapes it.
/// @throws Error as read_lines does, also for a line of blanks alone.
std::vector<std::string> read_captions(const std::filesystem::path& path);

/// The same for known rows.
/// @param rows how many captions there must be
/// @param rows_of what has those rows, for messages: the path of the embeddings
/// @throws Error also where there are more or fewer: "c.txt: expected 500 captions, one for every
/// row of t.npy, got 499".
std::vector<std::string> read_captions(const std::filesystem::path& path, std::int64_t rows,
                                       const std::string& rows_of);

/// Groups of equal rows of a host matrix (value by value: 0 is -0, NaN is nothing's equal): each of
/// two rows or more, rising; the groups by their first row. O(rows x cols).
std::vector<std::vector<std::int64_t>> find_duplicate_rows(MatrixView<const float> matrix);

/// The same for texts, byte by byte.
std::vector<std::vector<std::int64_t>> find_duplicates(const std::vector<std::string>& texts);

}  // namespace clipk
