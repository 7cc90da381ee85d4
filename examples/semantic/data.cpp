#include "semantic/data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/io/captions.hpp"
#include "clipk/io/dataset.hpp"
#include "clipk/io/pairs_index.hpp"
#include "study/data_sets.hpp"
#include "study/labels.hpp"
#include "study/option_checks.hpp"
#include "study/pair_checks.hpp"
#include "study/pairs.hpp"
#include "study/program.hpp"
#include "study/vectors.hpp"

namespace clipk::study {

namespace fs = std::filesystem;

std::string SemanticData::caption(std::int64_t text) const {
  return captions.empty() ? fmt::format("text {}", text) : captions[static_cast<std::size_t>(text)];
}

SemanticSource::SemanticSource(Program& program) {
  CLI::App& app = program.app();
  app.option_defaults()->group(
      "Images and texts; without these COCO-500 (script/fetch-data), else synthetic pairs");
  CLI::Option* images = app.add_option("--images", images_, "Image vectors of shape (n, d)");
  CLI::Option* texts = app.add_option(
      "--texts", texts_, "Text vectors of shape (m, d); if m is n, text i belongs to image i");
  CLI::Option* index = app.add_option("--pairs-index", index_, kPairsIndexHelp)->needs(texts);
  app.add_flag("--unpaired", unpaired_, "Texts do not belong to the images even if m is n")
      ->needs(texts)
      ->excludes(index);
  app.add_option("--captions", captions_, "Text file: line i is what text i says")->needs(texts);
  CLI::Option* labels =
      app.add_option("--labels", labels_, "Class of every image, -1 if unknown: .npy or IDX")
          ->needs(images);
  app.add_option("--label-names", names_, "Text file: line i is the name of label i, from 0")
      ->needs(labels);
  app.add_option("--attributes", attributes_,
                 "What is known of every image: CSV with one column per feature (also separated by "
                 "semicolons or tabs), or classes as --labels")
      ->needs(images)
      ->excludes(labels);
  CLI::Option* prompts = app.add_option(
      "--prompts", prompts_, "Zero-shot: vectors of prompts for the classes of the labels");
  CLI::Option* prompt_labels =
      app.add_option("--prompt-labels", prompt_labels_, "The label that each prompt describes");
  prompts->needs(prompt_labels)->needs(labels);
  prompt_labels->needs(prompts);
  app.add_option("--synthetic", generated_, "Number of pairs to generate instead; 0: none")
      ->check(whole_number(0, 10'000'000))
      ->excludes(images)
      ->excludes(texts);
}

SemanticData SemanticSource::load(Run& run) const {
  check_images_and_texts(images_, texts_);
  SemanticData data;
  const bool own = !images_.empty();
  const Coco500Files coco = own || generated_ > 0 ? Coco500Files{} : coco500_files();
  if (!own && !coco.found()) {
    EmbeddingPairs pairs = generated_pairs(run, generated_);
    data.images = std::move(pairs.images);
    data.texts = std::move(pairs.texts);
    data.paired = true;
    data.equal = equal_rows(data.images, data.texts, data.paired);
    return data;
  }
  const fs::path images = own ? images_ : coco.images, texts = own ? texts_ : coco.texts;
  const fs::path captions = own ? captions_ : coco.captions;
  data.images = read_unit_vectors(images, Modality::image);
  run.add_input("images", images);
  data.texts = read_unit_vectors(texts, Modality::text, data.images.cols(), images);
  run.add_input("texts", texts);
  const bool indexed = !index_.empty();
  if (indexed) {
    data.image_of_text =
        read_pairs_index(index_, data.images.rows(), data.texts.rows(), texts.string());
    run.add_input("pairs-index", index_);
  }
  data.paired = indexed || (!unpaired_ && data.texts.rows() == data.images.rows());
  if (!captions.empty()) {
    data.captions = read_captions(captions, data.texts.rows(), texts.string());
    run.add_input("captions", captions);
  }
  read_factors(run, data, own ? labels_ : coco.labels, own ? names_ : coco.label_names);
  read_prompts(run, data);
  data.equal = equal_rows(data.images, data.texts, data.paired, data.image_of_text);
  const RepeatedPairs repeated =
      repeated_pairs(data.images, data.texts, data.equal, data.paired, data.image_of_text);
  for (const std::string& words :
       repeated_words(repeated, images.string(), texts.string(), "take --unpaired")) {
    run.print("Note: " + words);
  }
  std::string known;
  for (const Factor& factor : data.factors) known += "; " + factor.name;
  const std::string what = own ? "Images and texts" : "COCO-500";
  run.print(
      data.paired
          ? fmt::format("{}: {} of dimension {} from {} and {}{}{}", what,
                        pair_count_words(data.images.rows(), data.texts.rows(), data.image_of_text),
                        data.images.cols(), images.string(), texts.string(),
                        indexed ? " by " + index_.string() : "", known)
          : fmt::format("{}: {} images and {} texts, not paired, of dimension {} from {} and "
                        "{}{}",
                        what, data.images.rows(), data.texts.rows(), data.images.cols(),
                        images.string(), texts.string(), known));
  return data;
}

void SemanticSource::read_factors(Run& run, SemanticData& data, const fs::path& labels,
                                  const fs::path& names) const {
  fs::path from;
  if (!attributes_.empty()) {
    from = attributes_;
    data.factors = attributes_of(run, attributes_, {});
  } else if (!labels.empty()) {
    from = labels;
    data.factors.push_back(class_factor("label", read_labels(labels), read_label_names(names)));
    run.add_input("labels", labels);
  }
  check_rows(data.factors, data.images.rows(), from, "image");
  // What does not vary tells nothing; nor is it an error.
  std::erase_if(data.factors, [&](const Factor& factor) {
    if (!factor.categorical() || factor.class_names.size() > 1) return false;
    run.print(fmt::format(
        "Note: {}: {} has {}, so it tells nothing and is left out", from.string(), factor.name,
        factor.class_names.empty() ? "no row of known class" : "one class alone"));
    return true;
  });
}

void SemanticSource::read_prompts(Run& run, SemanticData& data) const {
  if (prompts_.empty() || data.factors.empty()) return;
  data.prompts = read_unit_vectors(prompts_, Modality::text, data.images.cols(), images_);
  const std::vector<std::int32_t> labels =
      read_labels_of(prompt_labels_, data.prompts.rows(), "prompt");
  // The factor numbers its classes by rising label.
  const std::vector<std::int32_t> known = read_labels(labels_);
  std::vector<std::int32_t> sorted;
  for (const std::int32_t label : known) {
    if (label >= 0) sorted.push_back(label);
  }
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  for (const std::int32_t label : labels) {
    const auto at = std::lower_bound(sorted.begin(), sorted.end(), label);
    if (at == sorted.end() || *at != label) {
      throw Error(fmt::format("{}: expected labels that images have, got {}",
                              prompt_labels_.string(), label));
    }
    data.prompt_classes.push_back(static_cast<std::int32_t>(at - sorted.begin()));
  }
  run.add_input("prompts", prompts_);
  run.add_input("prompt_labels", prompt_labels_);
}

}  // namespace clipk::study
