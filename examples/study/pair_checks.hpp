#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/view.hpp"
#include "study/json.hpp"

// What must be known of image-text pairs before a figure of them is believed: whether they match,
// and whether rows are repeated. One rule for all programs.
namespace clipk::study {

/// Whether retrieval finds partners more often than chance would.
struct PairMatch {
  std::int64_t pairs = 0;
  double i2t_mean_rank = 0, t2i_mean_rank = 0;  ///< of the partner, from 1; by chance (n + 1) / 2
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

/// "The pairs are not shown to match: ..." with the figures; empty where they are.
std::string mismatch_words(const PairMatch& match);
/// For results.json.
Json json_of(const PairMatch& match);

/// Which rows are equal but for rounding (equal_row_groups). They stay together wherever rows are
/// split.
struct EqualRows {
  std::vector<std::int64_t> images = {};
  std::vector<std::int64_t> texts = {};
  std::vector<std::int64_t> pairs = {};  ///< pair_groups; unless paired those of the images
};
/// Searches once for all that asks: loading, splits, folds, intervals.
EqualRows equal_rows(MatrixView<const float> images, MatrixView<const float> texts, bool paired);

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
  bool paired = false;    ///< text i is image i's
  bool pairs = false;     ///< equal images have equal texts and the other way round
  bool prompts = false;   ///< paired texts of many images each (texts_are_prompts)
  std::int64_t same = 0;  ///< paired texts that equal their own image
  bool any() const { return images.repeats > 0 || texts.repeats > 0 || same > 0; }
};
/// @param images, texts rows of length one  @param equal equal_rows of them
/// @param paired whether text i is image i's
RepeatedPairs repeated_pairs(MatrixView<const float> images, MatrixView<const float> texts,
                             const EqualRows& equal, bool paired);
/// For results.json.
Json json_of(const RepeatedPairs& repeated);

/// What a reader must know of them: a line each, beginning with `images` or `texts` (a file, or
/// "the images"), with what to do about it.
/// @param unpaired how the program is told that texts are no partners; empty where it cannot be
std::vector<std::string> repeated_words(const RepeatedPairs& repeated, const std::string& images,
                                        const std::string& texts, const std::string& unpaired);

}  // namespace clipk::study
