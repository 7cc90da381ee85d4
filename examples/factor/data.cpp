#include "factor/data.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <utility>

#include "clipk/core/equal_rows.hpp"
#include "clipk/core/error.hpp"
#include "clipk/io/caption_factors.hpp"
#include "clipk/io/dataset.hpp"
#include "clipk/io/synthetic_images.hpp"
#include "study/data_sets.hpp"
#include "study/labels.hpp"
#include "study/option_checks.hpp"
#include "study/program.hpp"
#include "study/vectors.hpp"

namespace clipk::study {
namespace {

namespace fs = std::filesystem;

// What COCO-500's captions are about often enough.
const std::vector<FactorWords> kCocoWords{{"theme",
                                           {{"airplane", {"airplane", "plane", "jet"}},
                                            {"animal", {"cat", "dog", "giraffe"}},
                                            {"bathroom", {"bathroom", "toilet"}},
                                            {"kitchen", {"kitchen"}},
                                            {"motorcycle", {"motorcycle", "motorbike"}}}}};
constexpr std::int64_t kQuickImages = 4000;
// Rows that a factor of values must be known of: as many as two classes have.
constexpr std::int64_t kFewestKnown = 2 * kFewestOfClass;

// Square pictures, grey or of three channels; else none.
ImageShape guessed_shape(std::int64_t values) {
  for (const std::int64_t channels : {1, 3}) {
    const std::int64_t pixels = values / channels;
    const auto side = std::llround(std::sqrt(static_cast<double>(pixels)));
    if (side > 1 && side * side * channels == values) return {side, side, channels};
  }
  return {};
}

ImageShape shape_named(const std::string& text, std::int64_t values) {
  if (text.empty()) return guessed_shape(values);
  long long height = 0, width = 0, channels = 1;
  int end = 0;
  const int found =
      std::sscanf(text.c_str(), "%lldx%lld%nx%lld%n", &height, &width, &end, &channels, &end);
  if (found < 2 || end != static_cast<int>(text.size()) || height < 1 || width < 1 ||
      (channels != 1 && channels != 3)) {
    throw UsageError(fmt::format("--image-shape: expected HxW or HxWx3, as 28x28, got {}", text));
  }
  const ImageShape shape{height, width, channels};
  if (shape.values() != values) {
    throw Error(fmt::format("--image-shape {}: expected images of {} values, got {}", text,
                            shape.values(), values));
  }
  return shape;
}

std::string list_of(const std::vector<Factor>& factors) {
  std::string text;
  for (const Factor& factor : factors) {
    text += (text.empty() ? "" : ", ") + factor.name;
    if (factor.categorical()) text += fmt::format(" ({} classes)", factor.class_names.size());
    if (factor.values.cols() > 1) text += fmt::format(" ({} values)", factor.values.cols());
  }
  return text;
}

}  // namespace

FactorSource::FactorSource(Program& program) {
  CLI::App& app = program.app();
  app.option_defaults()->group("Rows and factors; without these generated images");
  CLI::Option* data =
      app.add_option("--data", data_,
                     "generated (images of known factors), fashion-mnist (test images by class) or "
                     "coco500 (CLIP embeddings by words of their captions)")
          ->check(one_of({"generated", "fashion-mnist", "coco500"}));
  CLI::Option* generated = app.add_option("--generated", generated_, "Number of images to generate")
                               ->check(whole_number(10, 10'000'000));
  CLI::Option* images = app.add_option("--images", images_,
                                       "Pictures (n, values): .npy, .npz or .safetensors "
                                       "(FILE:NAME of several), or IDX images (also .gz)");
  app.add_option("--image-shape", shape_,
                 "Shape of --images as HxW or HxWx3; square pictures are recognised without it")
      ->needs(images);
  CLI::Option* embeddings = app.add_option(
      "--embeddings", embeddings_,
      "Image vectors (n, d): .npy, .npz or .safetensors (FILE:NAME of several), or a "
      "clip-retrieval folder");
  CLI::Option* attributes = app.add_option(
      "--attributes", attributes_,
      "What is known of every row: CSV with one column per factor (also separated by semicolons "
      "or tabs), or labels as .npy, .npz, .safetensors or IDX");
  app.add_option("--label-names", names_, "Text file: line i is the name of label i, from 0")
      ->needs(attributes);
  app.add_option("--texts", texts_, "Text vectors beside --embeddings; row i belongs to image i")
      ->needs(embeddings);
  CLI::Option* captions =
      app.add_option("--captions", captions_, "Text file: line i is the caption of image i")
          ->needs(embeddings);
  CLI::Option* words =
      app.add_option("--words", words_,
                     "Factors by words of the captions, one per line: animal: cat|kitten, dog")
          ->needs(captions);
  data->excludes(images)->excludes(embeddings);
  generated->excludes(images)->excludes(embeddings);
  images->excludes(embeddings);
  words->excludes(attributes);
}

FactorData FactorSource::load(Run& run) const {
  FactorData data = read(run);
  data.rare = drop_rare_classes(data.factors, kFewestOfClass);
  for (const RareClasses& rare : data.rare) run.print("Note: " + words_of(rare));
  std::erase_if(data.factors, [&](const Factor& factor) {
    if (factor.categorical()) return false;
    std::vector<std::int64_t> known;
    for (std::int64_t i = 0; i < factor.rows(); ++i) {
      if (factor.known(i)) known.push_back(i);
    }
    const auto count = static_cast<std::int64_t>(known.size());
    if (count < kFewestKnown) {
      run.print(fmt::format("Note: {}: known of {} rows, fewer than {}, so it is not studied",
                            factor.name, count, kFewestKnown));
      return true;
    }
    if (group_count(same_row_groups(select_rows(factor, known).values)) > 1) return false;
    run.print(fmt::format("Note: {}: one value alone, so it is not studied", factor.name));
    return true;
  });
  if (data.factors.empty()) {
    throw Error(
        fmt::format("expected a factor with two classes of at least {} rows, or of values that "
                    "differ, got none",
                    kFewestOfClass));
  }
  return data;
}

FactorData FactorSource::read(Run& run) const {
  if (!images_.empty()) {
    if (attributes_.empty()) {
      throw UsageError("expected --attributes beside --images, got --images alone");
    }
    return images(run, images_, attributes_, read_label_names(names_));
  }
  if (!embeddings_.empty()) {
    if (attributes_.empty() && words_.empty()) {
      throw UsageError(
          "expected --attributes, or --captions and --words, beside --embeddings, got neither");
    }
    return embeddings(run, embeddings_, texts_, captions_);
  }
  if (!attributes_.empty()) {
    throw UsageError("expected --images or --embeddings beside --attributes, got neither");
  }
  if (data_ == "fashion-mnist") {
    const auto [rows, labels] = fashion_mnist_files(/*full=*/false).front();
    return images(run, rows, labels, fashion_mnist_names());
  }
  if (data_ == "coco500") {
    const Coco500Files coco = coco500_files();
    if (!coco.found()) {
      throw Error("expected COCO-500 under data/ (script/fetch-data gets it), got none");
    }
    return embeddings(run, coco.images, coco.texts, coco.images.parent_path() / "captions.txt");
  }
  return generated(run);
}

FactorData FactorSource::generated(Run& run) const {
  const SyntheticImagesOptions options{
      .images = run.options().quick ? std::min(generated_, kQuickImages) : generated_,
      .seed = run.options().seed};
  SyntheticImages made = synthetic_images(options);
  FactorData data;
  data.rows = std::move(made.pixels);
  data.factors = std::move(made.factors);
  data.shape = {options.side, options.side, 3};
  run.print(fmt::format("Generated images: {} of {} x {} pixels; {}", options.images, options.side,
                        options.side, list_of(data.factors)));
  run.add_generated_input("images", data.rows.view(),
                          fmt::format("synthetic_images, seed {}", options.seed));
  return data;
}

FactorData FactorSource::images(Run& run, const fs::path& rows, const fs::path& attributes,
                                const std::vector<std::string>& names) const {
  FactorData data;
  data.rows = read_features(rows);
  data.shape = shape_named(shape_, data.rows.cols());
  run.add_input("images", rows);
  data.factors = attributes_of(run, attributes, names);
  check_rows(data.factors, data.rows.rows(), attributes, "row of " + rows.string());
  run.print(fmt::format(
      "{}: {} {}; {}", rows.string(), data.rows.rows(),
      data.shape.known()
          ? fmt::format("images of {} x {} pixels", data.shape.height, data.shape.width)
          : fmt::format("rows of {} values (no square pictures: --image-shape)", data.rows.cols()),
      list_of(data.factors)));
  return data;
}

FactorData FactorSource::embeddings(Run& run, const fs::path& rows, const fs::path& texts,
                                    const fs::path& captions) const {
  FactorData data;
  data.vectors = true;
  data.rows = read_unit_vectors(rows, Modality::image);
  run.add_input("embeddings", rows);
  const auto expect_rows = [&](const fs::path& path, std::int64_t got) {
    if (got == data.rows.rows()) return;
    throw Error(fmt::format("{}: expected {} rows, one for every row of {}, got {}", path.string(),
                            data.rows.rows(), rows.string(), got));
  };
  if (!texts.empty()) {
    data.texts = read_unit_vectors(texts, Modality::text, data.rows.cols(), rows);
    expect_rows(texts, data.texts.rows());
    run.add_input("texts", texts);
  }
  if (!captions.empty()) {
    data.captions = read_lines(captions);
    expect_rows(captions, static_cast<std::int64_t>(data.captions.size()));
    run.add_input("captions", captions);
  }
  if (!attributes_.empty()) {
    data.factors = attributes_of(run, attributes_, read_label_names(names_));
    check_rows(data.factors, data.rows.rows(), attributes_, "row of " + rows.string());
  } else {
    data.factors =
        caption_factors(data.captions, words_.empty() ? kCocoWords : read_factor_words(words_));
    if (!words_.empty()) run.add_input("words", words_);
  }
  run.print(fmt::format("{}: {} vectors of dimension {}; {}", rows.string(), data.rows.rows(),
                        data.rows.cols(), list_of(data.factors)));
  return data;
}

}  // namespace clipk::study
