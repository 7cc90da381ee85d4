#include "study/pairs.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "clipk/core/select_rows.hpp"
#include "clipk/io/synthetic_pairs.hpp"
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

std::filesystem::path data_folder(const std::string& name) {
  const char* chosen = std::getenv("CLIPK_DATA");
  std::vector<std::filesystem::path> roots;
  if (chosen != nullptr && *chosen != '\0') {
    roots = {chosen};
  } else {
    roots = {"data", std::filesystem::path(CLIPK_SOURCE_DIR) / "data"};
  }
  for (const auto& root : roots) {
    std::error_code error;
    if (std::filesystem::is_directory(root / name, error)) return root / name;
  }
  return {};
}

EmbeddingPairs select_pairs(const EmbeddingPairs& pairs, const std::vector<std::int64_t>& rows) {
  return {select_rows(pairs.images, rows), select_rows(pairs.texts, rows)};
}

PairSource::PairSource(Program& program) {
  CLI::App& app = program.app();
  app.option_defaults()->group("Pairs; without these COCO-500 (script/fetch-data), else synthetic");
  CLI::Option* images = app.add_option(
      "--images", images_,
      "Image vectors (n, d): .npy, .npz or .safetensors (FILE:NAME of several), or a "
      "clip-retrieval folder");
  CLI::Option* texts =
      app.add_option("--texts", texts_, "Text vectors as --images; row i is image i's");
  CLI::Option* pairs = app.add_option(
      "--pairs", pairs_,
      "Both in one array of shape (2, n, d), images first; in a .npz or .safetensors of "
      "arrays images and texts; or a clip-retrieval folder");
  CLI::Option* generated =
      app.add_option("--synthetic", generated_, "Generate so many pairs instead, 0 for none")
          ->check(whole_number(0, 10'000'000));
  pairs->excludes(images)->excludes(texts)->excludes(generated);
  generated->excludes(images)->excludes(texts);
}

LoadedPairs PairSource::load(Run& run) const {
  if (images_.empty() != texts_.empty()) {
    throw UsageError(images_.empty() ? "expected --images beside --texts, got --texts alone"
                                     : "expected --texts beside --images, got --images alone");
  }
  std::filesystem::path images = images_;
  std::filesystem::path texts = texts_;
  std::string what = "Pairs";
  bool synthetic = generated_ > 0;
  if (!pairs_.empty()) {
    EmbeddingPairs result = read_pairs(pairs_);
    run.print(fmt::format("Pairs: {} of dimension {} from {}", result.size(), result.dim(),
                          pairs_.string()));
    LoadedPairs loaded = checked(run, std::move(result), pairs_.string() + " (images)",
                                 pairs_.string() + " (texts)");
    run.add_input("pairs", pairs_);
    return loaded;
  }
  if (images.empty() && !synthetic) {
    const std::filesystem::path folder = data_folder("coco500");
    synthetic = folder.empty();
    if (!synthetic) {
      what = "COCO-500";
      images = folder / "image_embeddings.npy";
      texts = folder / "text_embeddings.npy";
    }
  }
  if (!synthetic) {
    EmbeddingPairs result = read_pairs(images, texts);
    run.print(fmt::format("{}: {} pairs of dimension {} from {} and {}", what, result.size(),
                          result.dim(), images.string(), texts.string()));
    LoadedPairs loaded = checked(run, std::move(result), images.string(), texts.string());
    run.add_input("images", images);
    run.add_input("texts", texts);
    return loaded;
  }
  SyntheticPairsOptions options{.pairs = generated_ > 0 ? generated_ : kDefaultPairs,
                                .seed = run.options().seed};
  EmbeddingPairs result = synthetic_pairs(options);
  run.print(fmt::format(
      "SYNTHETIC pairs: {} of dimension {}, generated with seed {}{}", result.size(), result.dim(),
      options.seed,
      generated_ > 0 ? "" : " because no COCO-500 was found (script/fetch-data gets it)"));
  const std::string origin = fmt::format("synthetic_pairs, seed {}", options.seed);
  run.add_generated_input("images", result.images.view(), origin);
  run.add_generated_input("texts", result.texts.view(), origin);
  LoadedPairs loaded{.equal = equal_rows(result.images, result.texts, /*paired=*/true)};
  loaded.pairs = std::move(result);
  return loaded;
}

}  // namespace clipk::study
