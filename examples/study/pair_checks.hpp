#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clipk/core/view.hpp"
#include "study/json.hpp"

// What must be known of image-text pairs before a figure of them is believed: whether they match,
// and whether rows are repeated. One rule for all programs.
namespace clipk::study {

/// Which rows ask in retrieval, in the order of its ranks: the images that have a text, and the
/// texts that have an image.
struct PairQueries {
  std::vector<std::int64_t> images = {};
  std::vector<std::int64_t> texts = {};
  std::vector<std::int64_t> image_of = {};  ///< [texts] the image of each
};
/// @param images how many  @param image_of_text as EmbeddingPairs has it; empty: text i is image
/// i's
PairQueries pair_queries(std::int64_t images, std::span<const std::int32_t> image_of_text);

/// "500 pairs"; "200 images and 1000 texts (3 without an image)".
std::string pair_count_words(std::int64_t images, std::int64_t texts,
                             std::span<const std::int32_t> image_of_text);
/// The same for results.json, of pairs with an index.
Json json_of_index(std::int64_t images, std::span<const std::int32_t> image_of_text);

/// Whether retrieval finds partners more often than chance would.
struct PairMatch {
  std::int64_t pairs = 0;                       ///< of several texts an image: images
  double i2t_mean_rank = 0, t2i_mean_rank = 0;  ///< of the partner, from 1
  double i2t_chance = 0, t2i_chance = 0;        ///< of pairs at random; of n pairs (n + 1) / 2
  bool shown = false;                           ///< that pairs match, in both directions
};

/// The level of the test, one-sided, of each direction: pairs at random pass once in a thousand.
inline constexpr double kMatchLevel = .001;

/// Tests the mean rank of the partner against that of pairs at random, whose sum has at most the
/// variance n^2 (n + 1) / 12 (n independent ranks have it but for the n + 1); normal approximation.
/// Below six pairs nothing passes.
/// @param i2t_ranks, t2i_ranks [n] from 0, as retrieval() gives them
PairMatch match_of(const std::vector<std::int32_t>& i2t_ranks,
                   const std::vector<std::int32_t>& t2i_ranks);
/// The same of several texts an image. By chance the best of c texts among m has the mean rank
/// (m + 1) / (c + 1) if they lie apart, and a higher one if they lie together, so the test errs to
/// the safe side. From text to image the texts of one image count as one.
/// @param images how many candidates there are  @param image_of_text of the texts, as retrieval has
/// it
PairMatch match_of(const std::vector<std::int32_t>& i2t_ranks,
                   const std::vector<std::int32_t>& t2i_ranks, std::int64_t images,
                   std::span<const std::int32_t> image_of_text);

/// "The pairs are not shown to match: ..." with the figures; empty where they are.
std::string mismatch_words(const PairMatch& match);
/// For results.json.
Json json_of(const PairMatch& match);

/// Which rows are equal but for rounding (equal_row_groups). They stay together wherever rows are
/// split.
struct EqualRows {
  std::vector<std::int64_t> images = {};
  std::vector<std::int64_t> texts = {};
  /// pair_groups; unless paired those of the images. Of several texts an image: a group an image.
  std::vector<std::int64_t> pairs = {};
};
/// Searches once for all that asks: loading, splits, folds, intervals.
/// @param image_of_text of paired texts; empty: text i is image i's
EqualRows equal_rows(MatrixView<const float> images, MatrixView<const float> texts, bool paired,
                     std::span<const std::int32_t> image_of_text = {});

/// How often rows are repeated.
struct RepeatedRows {
  std::int64_t rows = 0;
  std::int64_t repeats = 0;         ///< rows that equal an earlier one
  std::int64_t row = 0, first = 0;  ///< the first such row, and the one that it equals
  std::int64_t each = 0;            ///< how often every row is there, where that is one number
};
/// @param groups as equal_row_groups gives them
RepeatedRows repeated_rows(const std::vector<std::int64_t>& groups);

/// Of both modalities, paired or not.
struct RepeatedPairs {
  RepeatedRows images, texts;
  bool paired = false;    ///< texts are images' partners
  bool indexed = false;   ///< and an image may have several, or none
  bool pairs = false;     ///< equal images have equal texts and the other way round
  bool prompts = false;   ///< paired texts of many images each (texts_are_prompts)
  std::int64_t same = 0;  ///< paired texts that equal their own image
  bool any() const { return images.repeats > 0 || texts.repeats > 0 || same > 0; }
};
/// @param images, texts rows of length one  @param equal equal_rows of them
/// @param paired whether texts are images' partners
/// @param image_of_text of those; empty: text i is image i's
RepeatedPairs repeated_pairs(MatrixView<const float> images, MatrixView<const float> texts,
                             const EqualRows& equal, bool paired,
                             std::span<const std::int32_t> image_of_text = {});
/// For results.json.
Json json_of(const RepeatedPairs& repeated);

/// What a reader must know of them: a line each, beginning with `images` or `texts` (a file, or
/// "the images"), with what to do about it.
/// @param unpaired how the program is told that texts are no partners; empty where it cannot be
std::vector<std::string> repeated_words(const RepeatedPairs& repeated, const std::string& images,
                                        const std::string& texts, const std::string& unpaired);

}  // namespace clipk::study
