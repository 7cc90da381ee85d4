#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/io/attributes.hpp"

// What is known of rows, from files: labels, their names, attributes.
namespace clipk::study {

class Run;

/// Labels of known rows (read_labels).
/// @param rows how many there must be  @param of what has one each: "pair", "row of x.npy"
/// @throws Error also where there are more or fewer.
std::vector<std::int32_t> read_labels_of(const std::filesystem::path& path, std::int64_t rows,
                                         const std::string& of);

/// The names of labels from 0, one a line; none where there is no path.
std::vector<std::string> read_label_names(const std::filesystem::path& path);

/// What is known of every row: the columns of a table of text, with a line for each note on it, or
/// the labels in a file of arrays as one factor "class". Told apart by content, not by name, and
/// entered in the manifest. @throws UsageError if a table comes with names of labels, Error if the
/// file is bad.
std::vector<Factor> attributes_of(Run& run, const std::filesystem::path& path,
                                  const std::vector<std::string>& label_names);

/// @param from where the factors are from  @param of what has one row each
/// @throws Error where a factor has another number of rows.
void check_rows(const std::vector<Factor>& factors, std::int64_t rows,
                const std::filesystem::path& from, const std::string& of);

}  // namespace clipk::study
