#include "study/pair_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

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

// The images that may not be separated: equal ones, and those with an equal text.
std::vector<std::int64_t> image_groups(const EqualRows& equal, const PairQueries& pairs) {
  // One row for each image, then one for each pair. An image's own text is unlike all others.
  std::vector<std::int64_t> image_of = equal.images, text_of;
  const auto rows = static_cast<std::int64_t>(equal.images.size() + pairs.texts.size());
  image_of.reserve(static_cast<std::size_t>(rows));
  text_of.reserve(static_cast<std::size_t>(rows));
  std::map<std::int64_t, std::int64_t> numbers;  // of the texts that have an image
  for (const std::int64_t text : pairs.texts) {
    numbers.try_emplace(equal.texts[static_cast<std::size_t>(text)],
                        static_cast<std::int64_t>(numbers.size()));
  }
  for (std::size_t i = 0; i < equal.images.size(); ++i) {
    text_of.push_back(static_cast<std::int64_t>(numbers.size() + i));
  }
  for (std::size_t p = 0; p < pairs.texts.size(); ++p) {
    image_of.push_back(equal.images[static_cast<std::size_t>(pairs.image_of[p])]);
    text_of.push_back(numbers.at(equal.texts[static_cast<std::size_t>(pairs.texts[p])]));
  }
  std::vector<std::int64_t> joined = joined_groups(image_of, text_of);
  joined.resize(equal.images.size());
  return joined;
}

// As texts_are_prompts says of the rows that are paired.
bool paired_prompts(const EqualRows& equal, const PairQueries& pairs) {
  std::set<std::int64_t> images, texts;
  for (std::size_t p = 0; p < pairs.texts.size(); ++p) {
    images.insert(equal.images[static_cast<std::size_t>(pairs.image_of[p])]);
    texts.insert(equal.texts[static_cast<std::size_t>(pairs.texts[p])]);
  }
  return 2 * texts.size() < images.size();
}

bool nearer_than_chance(double mean_rank, std::int64_t pairs) {
  const auto n = static_cast<double>(pairs);
  return (n + 1) / 2 - mean_rank > kMatchDeviations * std::sqrt((n + 1) / 12);
}

Json json_of(const RepeatedRows& repeated) {
  return {{"rows", repeated.rows}, {"equal_an_earlier_one", repeated.repeats}};
}

std::int64_t texts_that_are_images(MatrixView<const float> images, MatrixView<const float> texts,
                                   const PairQueries& pairs) {
  constexpr double kRounding = 1e-6;  // of rows of length one
  std::int64_t equal = 0;
  for (std::size_t p = 0; p < pairs.texts.size(); ++p) {
    double squares = 0;
    for (std::int64_t j = 0; j < images.cols; ++j) {
      const double difference =
          double{images(pairs.image_of[p], j)} - double{texts(pairs.texts[p], j)};
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
  if (of_images && repeated.indexed) {
    return "Keep each image once, and name it for all its texts";
  }
  return fmt::format("{} {}? Keep one of each{}{}", count,
                     of_images ? "texts per image" : "images per text",
                     of_images ? ", or each image once with --pairs-index" : "",
                     unpaired.empty() ? "" : ", or " + unpaired);
}

}  // namespace

PairQueries pair_queries(std::int64_t images, std::span<const std::int32_t> image_of_text) {
  PairQueries queries;
  if (image_of_text.empty()) {
    queries.images.resize(static_cast<std::size_t>(images));
    std::iota(queries.images.begin(), queries.images.end(), 0);
    queries.texts = queries.image_of = queries.images;
    return queries;
  }
  std::vector<bool> asks(static_cast<std::size_t>(images));
  queries.texts.reserve(image_of_text.size());
  queries.image_of.reserve(image_of_text.size());
  for (std::size_t t = 0; t < image_of_text.size(); ++t) {
    if (image_of_text[t] < 0) continue;
    asks[static_cast<std::size_t>(image_of_text[t])] = true;
    queries.texts.push_back(static_cast<std::int64_t>(t));
    queries.image_of.push_back(image_of_text[t]);
  }
  queries.images.reserve(asks.size());
  for (std::size_t i = 0; i < asks.size(); ++i) {
    if (asks[i]) queries.images.push_back(static_cast<std::int64_t>(i));
  }
  return queries;
}

std::string pair_count_words(std::int64_t images, std::int64_t texts,
                             std::span<const std::int32_t> image_of_text) {
  if (image_of_text.empty()) return fmt::format("{} pairs", images);
  const PairQueries queries = pair_queries(images, image_of_text);
  const auto with_rest = [](std::int64_t rows, std::size_t paired, const char* kind,
                            const char* other) {
    const std::int64_t rest = rows - static_cast<std::int64_t>(paired);
    return fmt::format("{} {}{}", rows, kind,
                       rest > 0 ? fmt::format(" ({} without {})", rest, other) : "");
  };
  return with_rest(images, queries.images.size(), "images", "a text") + " and " +
         with_rest(texts, queries.texts.size(), "texts", "an image");
}

Json json_of_index(std::int64_t images, std::span<const std::int32_t> image_of_text) {
  const PairQueries queries = pair_queries(images, image_of_text);
  return {{"images", images},
          {"texts", image_of_text.size()},
          {"images_with_text", queries.images.size()},
          {"texts_with_image", queries.texts.size()}};
}

PairMatch match_of(const std::vector<std::int32_t>& i2t_ranks,
                   const std::vector<std::int32_t>& t2i_ranks) {
  PairMatch match{.pairs = static_cast<std::int64_t>(i2t_ranks.size())};
  match.i2t_mean_rank = mean_rank(i2t_ranks);
  match.t2i_mean_rank = mean_rank(t2i_ranks);
  match.i2t_chance = match.t2i_chance = (static_cast<double>(match.pairs) + 1) / 2;
  match.shown = nearer_than_chance(match.i2t_mean_rank, match.pairs) &&
                nearer_than_chance(match.t2i_mean_rank, match.pairs);
  return match;
}

PairMatch match_of(const std::vector<std::int32_t>& i2t_ranks,
                   const std::vector<std::int32_t>& t2i_ranks, std::int64_t images,
                   std::span<const std::int32_t> image_of_text) {
  if (image_of_text.empty()) return match_of(i2t_ranks, t2i_ranks);
  std::vector<double> texts(static_cast<std::size_t>(images));  // of each image
  for (const std::int32_t image : image_of_text) {
    if (image >= 0) ++texts[static_cast<std::size_t>(image)];
  }
  PairMatch match{.pairs = static_cast<std::int64_t>(i2t_ranks.size())};
  match.i2t_mean_rank = mean_rank(i2t_ranks);
  match.t2i_mean_rank = mean_rank(t2i_ranks);
  const auto n = static_cast<double>(images), m = static_cast<double>(image_of_text.size()),
             asking = static_cast<double>(i2t_ranks.size()),
             asking_texts = static_cast<double>(t2i_ranks.size());
  double chance = 0, variance = 0, squares = 0;
  for (const double c : texts) {
    if (c == 0) continue;
    chance += (m + 1) / (c + 1);
    variance += (m + 1) * c * (m - c) / ((c + 1) * (c + 1) * (c + 2)) / (asking * asking);
    squares += c * c;
  }
  match.i2t_chance = chance / asking;
  match.t2i_chance = (n + 1) / 2;
  // Ranks that exclude each other, as those of a permutation, vary together a little more.
  const double together = asking / std::max(asking - 1, 1.0);
  const double t2i_variance = (n * n - 1) / 12 * squares / (asking_texts * asking_texts);
  const auto nearer = [&](double mean, double by_chance, double of_mean) {
    return by_chance - mean > kMatchDeviations * std::sqrt(of_mean * together);
  };
  match.shown = match.pairs >= kFewestTested &&
                nearer(match.i2t_mean_rank, match.i2t_chance, variance) &&
                nearer(match.t2i_mean_rank, match.t2i_chance, t2i_variance);
  return match;
}

std::string mismatch_words(const PairMatch& match) {
  if (match.shown) return "";
  if (match.pairs < kFewestTested) {
    return fmt::format("The pairs are not shown to match: {} are too few to tell", match.pairs);
  }
  if (match.i2t_chance != match.t2i_chance) {
    return fmt::format(
        "The pairs are not shown to match: an image's best text has rank {:.1f} on average, by "
        "chance {:.1f}, and a text's image {:.1f}, by chance {:.1f} (a test at level {:g} in both "
        "directions)",
        match.i2t_mean_rank, match.i2t_chance, match.t2i_mean_rank, match.t2i_chance, kMatchLevel);
  }
  return fmt::format(
      "The pairs are not shown to match: among {} the partner has rank {:.1f} on average from "
      "image to text and {:.1f} from text to image, by chance {:.1f} (a test at level "
      "{:g} in both directions)",
      match.pairs, match.i2t_mean_rank, match.t2i_mean_rank, match.i2t_chance, kMatchLevel);
}

Json json_of(const PairMatch& match) {
  Json json{{"shown", match.shown},
            {"level", kMatchLevel},
            {"i2t_mean_rank", match.i2t_mean_rank},
            {"t2i_mean_rank", match.t2i_mean_rank}};
  if (match.i2t_chance == match.t2i_chance) {
    json["chance"] = match.i2t_chance;
  } else {
    json["i2t_chance"] = match.i2t_chance;
    json["t2i_chance"] = match.t2i_chance;
  }
  return json;
}

EqualRows equal_rows(MatrixView<const float> images, MatrixView<const float> texts, bool paired,
                     std::span<const std::int32_t> image_of_text) {
  EqualRows equal{.images = equal_row_groups(images), .texts = equal_row_groups(texts)};
  if (image_of_text.empty()) {
    equal.pairs = paired ? pair_groups(equal.images, equal.texts) : equal.images;
    return equal;
  }
  const PairQueries pairs = pair_queries(images.rows, image_of_text);
  equal.pairs = paired_prompts(equal, pairs) ? equal.images : image_groups(equal, pairs);
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
                             const EqualRows& equal, bool paired,
                             std::span<const std::int32_t> image_of_text) {
  RepeatedPairs repeated{.images = repeated_rows(equal.images),
                         .texts = repeated_rows(equal.texts),
                         .paired = paired,
                         .indexed = !image_of_text.empty()};
  if (!paired) return repeated;
  const PairQueries pairs = pair_queries(images.rows, image_of_text);
  repeated.pairs = !repeated.indexed && repeated.images.repeats > 0 && equal.images == equal.texts;
  repeated.prompts = paired_prompts(equal, pairs);
  repeated.same = texts_that_are_images(images, texts, pairs);
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
                    "retrieval keep one of each, or take --pairs-index",
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
