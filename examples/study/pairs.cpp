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
  LoadedPairs loaded{.equal = equal_rows(pairs.images, pairs.texts, /*paired=*/true)};
  for (const std::string& words :
       repeated_words(repeated_pairs(pairs.images, pairs.texts, loaded.equal, /*paired=*/true),
                      images, texts, "")) {
    run.print("Note: " + words);
  }
  loaded.pairs = std::move(pairs);
  return loaded;
}

}  // namespace

EmbeddingPairs select_pairs(const EmbeddingPairs& pairs, const std::vector<std::int64_t>& rows) {
  return {select_rows(pairs.images, rows), select_rows(pairs.texts, rows)};
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
  CLI::Option* texts =
      app.add_option("--texts", texts_, "Text vectors like --images; row i belongs to image i");
  CLI::Option* pairs = app.add_option(
      "--pairs", pairs_,
      "Both in one array of shape (2, n, d), images first; in a .npz or .safetensors with "
      "arrays images and texts; or a clip-retrieval folder");
  CLI::Option* generated =
      app.add_option("--synthetic", generated_, "Number of pairs to generate instead; 0: none")
          ->check(whole_number(0, 10'000'000));
  pairs->excludes(images)->excludes(texts)->excludes(generated);
  generated->excludes(images)->excludes(texts);
}

LoadedPairs PairSource::load(Run& run) const {
  check_images_and_texts(images_, texts_);
  if (!pairs_.empty()) {
    EmbeddingPairs pairs = read_pairs(pairs_);
    run.print(fmt::format("Pairs: {} of dimension {} from {}", pairs.size(), pairs.dim(),
                          pairs_.string()));
    LoadedPairs loaded =
        checked(run, std::move(pairs), pairs_.string() + " (images)", pairs_.string() + " (texts)");
    run.add_input("pairs", pairs_);
    return loaded;
  }
  const bool own = !images_.empty();
  const Coco500Files coco = own || generated_ > 0 ? Coco500Files{} : coco500_files();
  if (!own && !coco.found()) {
    LoadedPairs loaded{.pairs = generated_pairs(run, generated_)};
    loaded.equal = equal_rows(loaded.pairs.images, loaded.pairs.texts, /*paired=*/true);
    return loaded;
  }
  const std::filesystem::path images = own ? images_ : coco.images,
                              texts = own ? texts_ : coco.texts;
  EmbeddingPairs pairs = read_pairs(images, texts);
  run.print(fmt::format("{}: {} pairs of dimension {} from {} and {}", own ? "Pairs" : "COCO-500",
                        pairs.size(), pairs.dim(), images.string(), texts.string()));
  LoadedPairs loaded = checked(run, std::move(pairs), images.string(), texts.string());
  run.add_input("images", images);
  run.add_input("texts", texts);
  return loaded;
}

}  // namespace clipk::study
