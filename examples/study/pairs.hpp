#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "clipk/io/embeddings.hpp"
#include "study/pair_checks.hpp"

namespace clipk::study {

class Program;
class Run;

/// Image-text pairs of unit rows, and which of them are equal.
struct LoadedPairs {
  EmbeddingPairs pairs = {};
  EqualRows equal = {};
};

/// These pairs, in this order. Of pairs with an `image_of_text` these images, all their texts, and
/// the texts of no image; the texts keep their order.
EmbeddingPairs select_pairs(const EmbeddingPairs& pairs, const std::vector<std::int64_t>& rows);
/// The texts that select_pairs takes with these images.
std::vector<std::int64_t> texts_with(const EmbeddingPairs& pairs,
                                     const std::vector<std::int64_t>& rows);
/// Every text that has an image, beside that image: row i belongs to row i, and an image is there
/// once for each of its texts. For fits, which thus see each text as it is, not a mean of texts
/// that no query looks like.
/// @param pairs with an `image_of_text`
EmbeddingPairs one_to_one(const EmbeddingPairs& pairs);
/// The same of rows that are not in one EmbeddingPairs.
EmbeddingPairs one_to_one(MatrixView<const float> images, MatrixView<const float> texts,
                          std::span<const std::int32_t> image_of_text);

/// Where a program's image-text pairs come from, in this order: --images and --texts; --pairs (each
/// of them with --pairs-index, where an image may have several texts, or none);
/// --synthetic N; COCO-500 (script/fetch-data) under $CLIPK_DATA, or where that is not set under
/// data/ here or in the source tree; else synthetic pairs.
class PairSource {
 public:
  /// Adds the options.
  explicit PairSource(Program& program);

  /// Reads or generates the pairs, and enters them in the manifest. The first line of the output
  /// says what they are, a note each what is repeated. @throws UsageError if options contradict,
  /// Error if the data is bad.
  LoadedPairs load(Run& run) const;

 private:
  std::filesystem::path images_;
  std::filesystem::path texts_;
  std::filesystem::path pairs_;
  std::filesystem::path index_;
  std::int64_t generated_ = 0;
};

/// @throws UsageError where one of these two options is given alone.
void check_images_and_texts(const std::filesystem::path& images,
                            const std::filesystem::path& texts);

/// What --pairs-index is, for the help of a program.
inline constexpr const char* kPairsIndexHelp =
    "Where an image may have several texts, or none: the image row of every text, from 0, or -1 "
    "for "
    "none: an array (m), or a text file of one number per line";

/// Pairs from a generator, entered in the manifest, with a line that says so.
/// @param pairs how many; 0: as many as COCO-500 has, since that was not found
EmbeddingPairs generated_pairs(Run& run, std::int64_t pairs);

}  // namespace clipk::study
