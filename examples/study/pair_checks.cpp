#include "study/pair_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "clipk/core/equal_rows.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kFewestTested = 6;  // even a perfect match of fewer does not reach the level
constexpr double kMatchDeviations = 3.0902323061678132;  // of a normal, above which lies the level

double mean_rank(const std::vector<std::int32_t>& ranks) {
  double sum = 0;
  for (const std::int32_t rank : ranks) sum += rank;
  return sum / static_cast<double>(ranks.size()) + 1;
}

bool nearer_than_chance(double mean_rank, std::int64_t pairs) {
  const auto n = static_cast<double>(pairs);
  return (n + 1) / 2 - mean_rank > kMatchDeviations * std::sqrt((n + 1) / 12);
}

Json json_of(const RepeatedRows& repeated) {
  return {{"rows", repeated.rows}, {"equal_an_earlier_one", repeated.repeats}};
}

std::int64_t texts_that_are_images(MatrixView<const float> images, MatrixView<const float> texts) {
  constexpr double kRounding = 1e-6;  // of rows of length one
  std::int64_t equal = 0;
  for (std::int64_t i = 0; i < images.rows; ++i) {
    double squares = 0;
    for (std::int64_t j = 0; j < images.cols; ++j) {
      const double difference = double{images(i, j)} - double{texts(i, j)};
      squares += difference * difference;
    }
    equal += squares <= kRounding * kRounding;
  }
  return equal;
}

// What is behind rows that are repeated, and what to do.
std::string advice(const RepeatedPairs& repeated, bool of_images, const std::string& unpaired) {
  if (repeated.pairs) return "Whole pairs are repeated: keep each once";
  if (repeated.prompts && !of_images) {
    return "One text for many images, as with prompts of classes: top-1 retrieval says little "
           "about these";
  }
  const RepeatedRows& rows = of_images ? repeated.images : repeated.texts;
  const std::string count = rows.each > 1 ? std::to_string(rows.each) : "Several";
  return fmt::format("{} {}? Keep one of each{}", count,
                     of_images ? "texts per image" : "images per text",
                     unpaired.empty() ? "" : ", or " + unpaired);
}

}  // namespace

PairMatch match_of(const std::vector<std::int32_t>& i2t_ranks,
                   const std::vector<std::int32_t>& t2i_ranks) {
  PairMatch match{.pairs = static_cast<std::int64_t>(i2t_ranks.size())};
  match.i2t_mean_rank = mean_rank(i2t_ranks);
  match.t2i_mean_rank = mean_rank(t2i_ranks);
  match.shown = nearer_than_chance(match.i2t_mean_rank, match.pairs) &&
                nearer_than_chance(match.t2i_mean_rank, match.pairs);
  return match;
}

std::string mismatch_words(const PairMatch& match) {
  if (match.shown) return "";
  if (match.pairs < kFewestTested) {
    return fmt::format("The pairs are not shown to match: {} are too few to tell", match.pairs);
  }
  return fmt::format(
      "The pairs are not shown to match: among {} the partner has rank {:.1f} on average from "
      "image to text and {:.1f} from text to image, by chance {:.1f} (a test at level "
      "{:g} in both directions)",
      match.pairs, match.i2t_mean_rank, match.t2i_mean_rank,
      (static_cast<double>(match.pairs) + 1) / 2, kMatchLevel);
}

Json json_of(const PairMatch& match) {
  return {{"shown", match.shown},
          {"level", kMatchLevel},
          {"i2t_mean_rank", match.i2t_mean_rank},
          {"t2i_mean_rank", match.t2i_mean_rank},
          {"chance", (static_cast<double>(match.pairs) + 1) / 2}};
}

EqualRows equal_rows(MatrixView<const float> images, MatrixView<const float> texts, bool paired) {
  EqualRows equal{.images = equal_row_groups(images), .texts = equal_row_groups(texts)};
  equal.pairs = paired ? pair_groups(equal.images, equal.texts) : equal.images;
  return equal;
}

RepeatedRows repeated_rows(const std::vector<std::int64_t>& groups) {
  RepeatedRows repeated{.rows = static_cast<std::int64_t>(groups.size())};
  std::vector<std::int64_t> first, size;
  for (std::int64_t i = 0; i < repeated.rows; ++i) {
    const auto group = static_cast<std::size_t>(groups[static_cast<std::size_t>(i)]);
    if (group == first.size()) {
      first.push_back(i);
      size.push_back(1);
      continue;
    }
    ++size[group];
    if (repeated.repeats++ > 0) continue;
    repeated.row = i;
    repeated.first = first[group];
  }
  if (!size.empty() &&
      std::count(size.begin(), size.end(), size[0]) == static_cast<std::ptrdiff_t>(size.size())) {
    repeated.each = size[0];
  }
  return repeated;
}

RepeatedPairs repeated_pairs(MatrixView<const float> images, MatrixView<const float> texts,
                             const EqualRows& equal, bool paired) {
  RepeatedPairs repeated{
      .images = repeated_rows(equal.images), .texts = repeated_rows(equal.texts), .paired = paired};
  if (!paired) return repeated;
  repeated.pairs = repeated.images.repeats > 0 && equal.images == equal.texts;
  repeated.prompts = texts_are_prompts(equal.images, equal.texts);
  repeated.same = texts_that_are_images(images, texts);
  return repeated;
}

Json json_of(const RepeatedPairs& repeated) {
  return {{"images", json_of(repeated.images)},
          {"texts", json_of(repeated.texts)},
          {"texts_equal_image", repeated.same}};
}

std::vector<std::string> repeated_words(const RepeatedPairs& repeated, const std::string& images,
                                        const std::string& texts, const std::string& unpaired) {
  std::vector<std::string> words;
  for (const bool of_images : {true, false}) {
    const RepeatedRows& rows = of_images ? repeated.images : repeated.texts;
    if (rows.repeats == 0) continue;
    std::string line =
        fmt::format("{}: {} of {} rows equal an earlier one (row {} is row {})",
                    of_images ? images : texts, rows.repeats, rows.rows, rows.row, rows.first);
    // Of texts that are no partners nothing is searched for.
    if (repeated.paired) {
      line += "; a query finds the first of equal rows, so the others count as missed. " +
              advice(repeated, of_images, unpaired);
    }
    words.push_back(std::move(line));
  }
  const auto [few, many] = std::minmax(repeated.images.rows, repeated.texts.rows);
  if (!repeated.paired && few > 1 && many > few && many % few == 0) {
    const bool texts_many = repeated.texts.rows == many;
    words.push_back(
        fmt::format("{}: {} rows for the {} of {}: {} {}? They are taken as unpaired; for "
                    "retrieval keep one of each",
                    texts_many ? texts : images, many, few, texts_many ? images : texts, many / few,
                    texts_many ? "texts per image" : "images per text"));
  }
  if (repeated.same > 0) {
    words.push_back(
        fmt::format("{}: {} of {} rows equal their own row of {}. Are both of one "
                    "modality?",
                    texts, repeated.same, repeated.texts.rows, images));
  }
  return words;
}

}  // namespace clipk::study
