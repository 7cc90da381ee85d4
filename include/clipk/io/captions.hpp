#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/view.hpp"

namespace clipk {

/// The captions of embeddings: a UTF-8 text file, one a line (ended by LF or CR LF; a byte order
/// mark is left out). They may hold anything that UTF-8 can but NUL, HTML too: who shows one
/// escapes it.
/// @throws Error that names the path, and the line where one is at fault: the file cannot be read
/// or is empty, bytes that are not UTF-8, a NUL byte, a line of blanks alone.
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
