#include "report/data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "clipk/io/captions.hpp"
#include "study/data_sets.hpp"
#include "study/labels.hpp"
#include "study/option_checks.hpp"
#include "study/pair_checks.hpp"
#include "study/program.hpp"
#include "study/rare_classes.hpp"

namespace clipk::study {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFewestPairs = 10;
constexpr std::int64_t kMostPairs = 20'000;  // some minutes on two cores

void note_repeated(ReportData& data) {
  const RepeatedPairs repeated = repeated_pairs(data.pairs.images, data.pairs.texts, data.equal,
                                                /*paired=*/true, data.pairs.image_of_text);
  for (const std::string& words :
       repeated_words(repeated, "The images", "The texts", /*unpaired=*/"")) {
    data.notes.push_back(words + (words.back() == '?' ? "" : "."));
  }
}

// Labels that the studies can take; nothing where these are of one class alone.
void keep_common_classes(ReportData& data) {
  if (!data.labels) return;
  std::vector<Factor> labels;
  labels.push_back(std::move(*data.labels));
  data.labels.reset();
  for (const RareClasses& rare : drop_rare_classes(labels, kFewestOfClass)) {
    data.notes.push_back("Of the classes, " + words_of(rare) + ".");
  }
  if (!labels.empty()) data.labels = std::move(labels[0]);
}

// Leaves so many pairs as the studies can take in minutes.
void thin_out(ReportData& data, std::uint64_t seed) {
  const std::int64_t n = data.pairs.size();
  if (n <= kMostPairs) return;
  const std::vector<std::int64_t> rows =
      drawn_rows(n, kMostPairs, Random(seed, RandomStream::report_rows));
  if (!data.captions.empty()) {
    const std::vector<std::int64_t> texts = texts_with(data.pairs, rows);
    std::vector<std::string> captions;
    captions.reserve(texts.size());
    for (const std::int64_t text : texts) {
      captions.push_back(std::move(data.captions[static_cast<std::size_t>(text)]));
    }
    data.captions = std::move(captions);
  }
  data.pairs = select_pairs(data.pairs, rows);
  data.equal =
      equal_rows(data.pairs.images, data.pairs.texts, /*paired=*/true, data.pairs.image_of_text);
  if (data.labels) data.labels = select_rows(*data.labels, rows);
  data.notes.push_back(fmt::format(
      "There are {} {}; this page is about {} of them, drawn at random (seed {}). Rows are "
      "counted among those.",
      n, data.pairs.image_of_text.empty() ? "pairs" : "images with their texts", kMostPairs, seed));
}

}  // namespace

std::vector<std::int64_t> drawn_rows(std::int64_t rows, std::int64_t most, Random random) {
  std::vector<std::int64_t> drawn;
  if (rows <= most) {
    drawn.resize(static_cast<std::size_t>(rows));
    std::iota(drawn.begin(), drawn.end(), 0);
    return drawn;
  }
  drawn = random.permutation(rows);
  drawn.resize(static_cast<std::size_t>(most));
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

ReportSource::ReportSource(Program& program) : program_(program), pairs_(program) {
  CLI::App& app = program.app();
  app.option_defaults()->group("What is known of the pairs");
  app.add_option("--captions", captions_, "Text file: line i is what text i says");
  CLI::Option* labels = app.add_option("--labels", labels_,
                                       "Class of every image as a whole number; negative: unknown");
  app.add_option("--label-names", names_, "Text file: line i is the name of label i, from 0")
      ->needs(labels);
}

ReportData ReportSource::load(Run& run) const {
  ReportData data;
  fs::path captions = captions_, labels = labels_, names = names_;
  const auto given = [&](const char* option) {
    return program_.app().get_option(option)->count() > 0;
  };
  const bool own =
      given("--images") || given("--texts") || given("--pairs") || given("--synthetic");
  const Coco500Files coco = own ? Coco500Files{} : coco500_files();
  data.name = own ? "your pairs" : coco.found() ? "COCO-500" : "synthetic pairs";
  if (given("--synthetic")) data.name = "synthetic pairs";
  if (captions.empty()) captions = coco.captions;
  if (labels.empty()) {
    labels = coco.labels;
    if (names.empty()) names = coco.label_names;
  }
  LoadedPairs loaded = pairs_.load(run);
  data.pairs = std::move(loaded.pairs);
  data.equal = std::move(loaded.equal);
  const std::int64_t n = data.pairs.size();
  const bool indexed = !data.pairs.image_of_text.empty();
  const auto paired =
      static_cast<std::int64_t>(pair_queries(n, data.pairs.image_of_text).images.size());
  if (paired < kFewestPairs) {
    throw Error(fmt::format("expected at least {} {} for a report, got {}", kFewestPairs,
                            indexed ? "images that have a text" : "pairs", paired));
  }
  if (!captions.empty()) {
    data.captions = read_captions(captions, data.pairs.texts.rows(), "the texts");
    run.add_input("captions", captions);
  }
  if (!labels.empty()) {
    data.labels = class_factor("label", read_labels_of(labels, n, indexed ? "image" : "pair"),
                               read_label_names(names));
    run.add_input("labels", labels);
    if (!names.empty()) run.add_input("label-names", names);
  }
  thin_out(data, run.options().seed);
  keep_common_classes(data);
  note_repeated(data);
  return data;
}

}  // namespace clipk::study
