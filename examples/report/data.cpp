#include "report/data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "clipk/io/captions.hpp"
#include "clipk/io/dataset.hpp"

namespace clipk::study {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFewestPairs = 10;
constexpr std::int64_t kMostPairs = 20'000;  // some minutes on two cores

// Equal rows are no error, but a query cannot tell them apart: ties go to the lower row.
void note_duplicates(const Matrix<float>& rows, const char* what, ReportData& data) {
  const auto groups = find_duplicate_rows(rows.view());
  if (groups.empty()) return;
  std::size_t repeats = 0;
  for (const auto& group : groups) repeats += group.size() - 1;
  data.notes.push_back(fmt::format(
      "{} of the {} {} vectors are the same as an earlier one (the first is row {}, counted from "
      "0, the same as row {}). A search finds the first of equal ones, so the others count "
      "as missed and shares of matches come out too low.",
      repeats, rows.rows(), what, groups[0][1], groups[0][0]));
}

// Leaves so many pairs as the studies can take in minutes.
void thin_out(ReportData& data, std::uint64_t seed) {
  const std::int64_t n = data.pairs.size();
  if (n <= kMostPairs) return;
  const std::vector<std::int64_t> rows =
      drawn_rows(n, kMostPairs, Random(seed, RandomStream::report_rows));
  data.pairs = pairs_at(data.pairs, rows);
  if (!data.captions.empty()) {
    std::vector<std::string> captions;
    for (const std::int64_t row : rows) {
      captions.push_back(std::move(data.captions[static_cast<std::size_t>(row)]));
    }
    data.captions = std::move(captions);
  }
  if (data.labels) data.labels = select_rows(*data.labels, rows);
  data.notes.push_back(fmt::format(
      "There are {} pairs; this page is about {} of them, drawn at random (seed {}). Rows are "
      "counted among those.",
      n, kMostPairs, seed));
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

EmbeddingPairs pairs_at(const EmbeddingPairs& pairs, const std::vector<std::int64_t>& rows) {
  const auto n = static_cast<std::int64_t>(rows.size());
  EmbeddingPairs chosen{Matrix<float>(n, pairs.dim()), Matrix<float>(n, pairs.dim())};
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t row = rows[static_cast<std::size_t>(i)];
    std::copy_n(pairs.images.view().row(row), pairs.dim(), chosen.images.view().row(i));
    std::copy_n(pairs.texts.view().row(row), pairs.dim(), chosen.texts.view().row(i));
  }
  return chosen;
}

ReportSource::ReportSource(Program& program) : app_(program.app()), pairs_(program) {
  app_.option_defaults()->group("What is known of the pairs");
  app_.add_option("--captions", captions_, "Text file: line i is what text i says");
  CLI::Option* labels = app_.add_option(
      "--labels", labels_, "The class of every image, whole numbers; negative: not known");
  app_.add_option("--label-names", names_, "Text file: line i is the name of label i, from 0")
      ->needs(labels);
}

ReportData ReportSource::load(Run& run) const {
  ReportData data;
  fs::path captions = captions_, labels = labels_, names = names_;
  const auto given = [&](const char* option) { return app_.get_option(option)->count() > 0; };
  const bool own =
      given("--images") || given("--texts") || given("--pairs") || given("--synthetic");
  const fs::path coco = own ? fs::path() : data_folder("coco500");
  data.name = own ? "your pairs" : coco.empty() ? "synthetic pairs" : "COCO-500";
  if (given("--synthetic")) data.name = "synthetic pairs";
  if (!coco.empty()) {
    const auto beside = [&](const char* name, fs::path& path) {
      if (path.empty() && fs::exists(coco / name)) path = coco / name;
    };
    beside("captions.txt", captions);
    if (labels.empty() && fs::exists(coco / "theme_labels.npy")) {
      labels = coco / "theme_labels.npy";
      beside("theme_names.txt", names);
    }
  }
  data.pairs = pairs_.load(run);
  const std::int64_t n = data.pairs.size();
  if (n < kFewestPairs) {
    throw Error(fmt::format("expected at least {} pairs for a report, got {}", kFewestPairs, n));
  }
  if (!captions.empty()) {
    data.captions = read_captions(captions, n, "the texts");
    run.add_input("captions", captions);
  }
  if (!labels.empty()) {
    const std::vector<std::int32_t> values = read_labels(labels);
    if (static_cast<std::int64_t>(values.size()) != n) {
      throw Error(fmt::format("{}: expected {} labels, one a pair, got {}", labels.string(), n,
                              values.size()));
    }
    data.labels = class_factor("label", values,
                               names.empty() ? std::vector<std::string>{} : read_captions(names));
    if (data.labels->class_names.size() < 2) {
      throw Error(fmt::format("{}: expected labels of at least 2 classes, got {}", labels.string(),
                              data.labels->class_names.size()));
    }
    run.add_input("labels", labels);
    if (!names.empty()) run.add_input("label-names", names);
  }
  thin_out(data, run.options().seed);
  note_duplicates(data.pairs.images, "image", data);
  note_duplicates(data.pairs.texts, "text", data);
  return data;
}

}  // namespace clipk::study
