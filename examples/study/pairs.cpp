#include "study/pairs.hpp"

#include <fmt/format.h>

#include <utility>

#include "clipk/core/select_rows.hpp"
#include "clipk/io/synthetic_pairs.hpp"
#include "study/data_sets.hpp"
#include "study/option_checks.hpp"
#include "study/pair_checks.hpp"
#include "study/program.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kDefaultPairs = 500;  // as many as COCO-500

LoadedPairs checked(Run& run, EmbeddingPairs pairs, const std::string& images,
                    const std::string& texts) {
  LoadedPairs loaded{
      .equal = equal_rows(pairs.images, pairs.texts, /*paired=*/true, pairs.image_of_text)};
  for (const std::string& words :
       repeated_words(repeated_pairs(pairs.images, pairs.texts, loaded.equal, /*paired=*/true,
                                     pairs.image_of_text),
                      images, texts, "")) {
    run.print("Note: " + words);
  }
  loaded.pairs = std::move(pairs);
  return loaded;
}

}  // namespace

std::vector<std::int64_t> texts_with(const EmbeddingPairs& pairs,
                                     const std::vector<std::int64_t>& rows) {
  if (pairs.image_of_text.empty()) return rows;
  std::vector<bool> chosen(static_cast<std::size_t>(pairs.images.rows()));
  for (const std::int64_t row : rows) chosen[static_cast<std::size_t>(row)] = true;
  std::vector<std::int64_t> texts;
  texts.reserve(pairs.image_of_text.size());
  for (std::size_t t = 0; t < pairs.image_of_text.size(); ++t) {
    const std::int32_t image = pairs.image_of_text[t];
    if (image < 0 || chosen[static_cast<std::size_t>(image)]) {
      texts.push_back(static_cast<std::int64_t>(t));
    }
  }
  return texts;
}

EmbeddingPairs select_pairs(const EmbeddingPairs& pairs, const std::vector<std::int64_t>& rows) {
  const std::vector<std::int64_t> texts = texts_with(pairs, rows);
  EmbeddingPairs chosen{select_rows(pairs.images, rows), select_rows(pairs.texts, texts)};
  if (pairs.image_of_text.empty()) return chosen;
  std::vector<std::int32_t> place(static_cast<std::size_t>(pairs.images.rows()), -1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    place[static_cast<std::size_t>(rows[i])] = static_cast<std::int32_t>(i);
  }
  chosen.image_of_text.reserve(texts.size());
  for (const std::int64_t t : texts) {
    const std::int32_t image = pairs.image_of_text[static_cast<std::size_t>(t)];
    chosen.image_of_text.push_back(image < 0 ? -1 : place[static_cast<std::size_t>(image)]);
  }
  return chosen;
}

EmbeddingPairs one_to_one(MatrixView<const float> images, MatrixView<const float> texts,
                          std::span<const std::int32_t> image_of_text) {
  const PairQueries queries = pair_queries(images.rows, image_of_text);
  return {select_rows(images, queries.image_of), select_rows(texts, queries.texts)};
}

EmbeddingPairs one_to_one(const EmbeddingPairs& pairs) {
  return one_to_one(pairs.images, pairs.texts, pairs.image_of_text);
}

void check_images_and_texts(const std::filesystem::path& images,
                            const std::filesystem::path& texts) {
  if (images.empty() == texts.empty()) return;
  throw UsageError(images.empty() ? "expected --images beside --texts, got --texts alone"
                                  : "expected --texts beside --images, got --images alone");
}

EmbeddingPairs generated_pairs(Run& run, std::int64_t pairs) {
  const SyntheticPairsOptions options{.pairs = pairs > 0 ? pairs : kDefaultPairs,
                                      .seed = run.options().seed};
  EmbeddingPairs made = synthetic_pairs(options);
  run.print(fmt::format(
      "SYNTHETIC pairs: {} of dimension {}, generated with seed {}{}", made.size(), made.dim(),
      options.seed, pairs > 0 ? "" : " because no COCO-500 was found (script/fetch-data gets it)"));
  const std::string origin = fmt::format("synthetic_pairs, seed {}", options.seed);
  run.add_generated_input("images", made.images.view(), origin);
  run.add_generated_input("texts", made.texts.view(), origin);
  return made;
}

PairSource::PairSource(Program& program) {
  CLI::App& app = program.app();
  app.option_defaults()->group("Pairs; without these COCO-500 (script/fetch-data), else synthetic");
  CLI::Option* images = app.add_option(
      "--images", images_,
      "Image vectors (n, d): .npy, .npz or .safetensors (FILE:NAME of several), or a "
      "clip-retrieval folder");
  CLI::Option* texts = app.add_option("--texts", texts_,
                                      "Text vectors like --images; row i belongs to image i, "
                                      "unless --pairs-index says otherwise");
  CLI::Option* pairs = app.add_option(
      "--pairs", pairs_,
      "Both in one array of shape (2, n, d), images first; in a .npz or .safetensors with "
      "arrays images and texts; or a clip-retrieval folder");
  CLI::Option* generated =
      app.add_option("--synthetic", generated_, "Number of pairs to generate instead; 0: none")
          ->check(whole_number(0, 10'000'000));
  app.add_option("--pairs-index", index_, kPairsIndexHelp)->excludes(generated);
  pairs->excludes(images)->excludes(texts)->excludes(generated);
  generated->excludes(images)->excludes(texts);
}

LoadedPairs PairSource::load(Run& run) const {
  check_images_and_texts(images_, texts_);
  const bool own = !images_.empty(), indexed = !index_.empty();
  if (indexed && !own && pairs_.empty()) {
    throw UsageError(
        "expected --images and --texts, or --pairs, beside --pairs-index, got --pairs-index alone");
  }
  if (!pairs_.empty()) {
    EmbeddingPairs pairs = indexed ? read_indexed_pairs(pairs_, index_) : read_pairs(pairs_);
    run.print(indexed ? fmt::format("Pairs: {} of dimension {} from {} by {}",
                                    pair_count_words(pairs.images.rows(), pairs.texts.rows(),
                                                     pairs.image_of_text),
                                    pairs.dim(), pairs_.string(), index_.string())
                      : fmt::format("Pairs: {} of dimension {} from {}", pairs.size(), pairs.dim(),
                                    pairs_.string()));
    LoadedPairs loaded =
        checked(run, std::move(pairs), pairs_.string() + " (images)", pairs_.string() + " (texts)");
    run.add_input("pairs", pairs_);
    if (indexed) run.add_input("pairs-index", index_);
    return loaded;
  }
  const Coco500Files coco = own || generated_ > 0 ? Coco500Files{} : coco500_files();
  if (!own && !coco.found()) {
    LoadedPairs loaded{.pairs = generated_pairs(run, generated_)};
    loaded.equal = equal_rows(loaded.pairs.images, loaded.pairs.texts, /*paired=*/true);
    return loaded;
  }
  const std::filesystem::path images = own ? images_ : coco.images,
                              texts = own ? texts_ : coco.texts;
  EmbeddingPairs pairs =
      indexed ? read_indexed_pairs(images, texts, index_) : read_pairs(images, texts);
  run.print(fmt::format(
      "{}: {} of dimension {} from {} and {}{}", own ? "Pairs" : "COCO-500",
      pair_count_words(pairs.images.rows(), pairs.texts.rows(), pairs.image_of_text), pairs.dim(),
      images.string(), texts.string(), indexed ? " by " + index_.string() : ""));
  LoadedPairs loaded = checked(run, std::move(pairs), images.string(), texts.string());
  run.add_input("images", images);
  run.add_input("texts", texts);
  if (indexed) run.add_input("pairs-index", index_);
  return loaded;
}

}  // namespace clipk::study
