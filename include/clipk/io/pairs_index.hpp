#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace clipk {

/// Which image each text belongs to, where an image may have several texts, as the five captions of
/// COCO, or none.
///
/// The file is an array [m] of any number type ("FILE" or "FILE:NAME" as in read_array_vector; axes
/// of length 1 do not count), or a text file of one number a line, whose first line may be a name:
/// a CSV file of one column. Every number is a row of the images, from 0, or -1 for a text of none.
///
/// @param images, texts how many rows there are
/// @param texts_name of the file with the texts, for messages
/// @return [texts]
/// @throws Error that names the path, and the text where one is at fault: the file cannot be read,
/// holds another number of numbers than there are texts, a number that is neither -1 nor a row of
/// the images, or -1 alone: "p.npy: expected an image from 0 to 39, or -1 for none, for text 3, got
/// 40".
std::vector<std::int32_t> read_pairs_index(const std::filesystem::path& path, std::int64_t images,
                                           std::int64_t texts, const std::string& texts_name);

}  // namespace clipk
