#include "study/features.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "clipk/core/error.hpp"
#include "clipk/io/array_file.hpp"
#include "clipk/io/caption_factors.hpp"
#include "clipk/io/dataset.hpp"
#include "study/option_checks.hpp"
#include "study/pairs.hpp"
#include "study/program.hpp"

namespace clipk::study {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kFashionClasses{"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                               "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                               "Bag",         "Ankle boot"};
constexpr const char* kFashionPackage = "/usr/share/datasets/fashion-mnist";

// Where the Debian package or the user has put it.
std::vector<LabelledFiles> fashion_mnist(bool full) {
  fs::path folder = data_folder("fashion-mnist");
  if (folder.empty()) folder = kFashionPackage;
  std::vector<LabelledFiles> parts;
  for (const char* set : {"train", "t10k"}) {
    if (!full && set[0] == 't' && set[1] == 'r') continue;
    const fs::path features = folder / fmt::format("{}-images-idx3-ubyte.gz", set);
    if (std::error_code error; !fs::exists(features, error)) {
      throw Error(
          fmt::format("expected Fashion-MNIST as {} (Debian: dataset-fashion-mnist), or "
                      "--features, got neither",
                      features.string()));
    }
    parts.push_back({features, folder / fmt::format("{}-labels-idx1-ubyte.gz", set)});
  }
  return parts;
}

Matrix<float> stacked(const Matrix<float>& a, const Matrix<float>& b) {
  if (a.cols() != b.cols()) {
    throw Error(fmt::format("expected rows of {} values, got {}", a.cols(), b.cols()));
  }
  Matrix<float> both(a.rows() + b.rows(), a.cols());
  std::copy_n(a.data(), a.rows() * a.cols(), both.data());
  std::copy_n(b.data(), b.rows() * b.cols(), both.view().row(a.rows()));
  return both;
}

// Labels of any values, as indices into the sorted values that occur. `names` holds a name for each
// value from 0, or nothing.
void number_classes(const std::vector<std::int32_t>& labels, const std::vector<std::string>& names,
                    LabelledRows& into) {
  std::map<std::int32_t, std::int32_t> index;
  for (const std::int32_t label : labels) {
    if (label >= 0) index[label] = 0;
  }
  for (auto& [label, number] : index) {
    number = static_cast<std::int32_t>(into.names.size());
    if (!names.empty() && static_cast<std::size_t>(label) >= names.size()) {
      throw Error(fmt::format("--label-names: expected a name for label {}, got {} names", label,
                              names.size()));
    }
    into.names.push_back(names.empty() ? std::to_string(label)
                                       : names[static_cast<std::size_t>(label)]);
  }
  into.classes.reserve(labels.size());
  for (const std::int32_t label : labels) {
    into.classes.push_back(label < 0 ? -1 : index.at(label));
  }
}

}  // namespace

std::vector<Factor> attributes_of(Run& run, const fs::path& path,
                                  const std::vector<std::string>& label_names) {
  run.add_input("attributes", path);
  if (array_format(split_array_path(path).file)) {
    std::vector<Factor> factors;
    factors.push_back(class_factor("class", read_labels(path), label_names));
    return factors;
  }
  if (!label_names.empty()) throw UsageError("--label-names: expected labels, got a CSV file");
  Attributes read = read_attributes(path);
  for (const std::string& note : read.notes) {
    run.print(fmt::format("Note: {}: {}", path.string(), note));
  }
  return std::move(read.factors);
}

LabelledFiles fashion_mnist_test() {
  return fashion_mnist(false).front();
}

const std::vector<std::string>& fashion_mnist_names() {
  return kFashionClasses;
}

FeatureSource::FeatureSource(Program& program) {
  CLI::App& app = program.app();
  app.option_defaults()->group("Rows; without these Fashion-MNIST's 10,000 test images");
  CLI::Option* features =
      app.add_option("--features", features_,
                     "Rows to cluster (n, d): .npy, .npz or .safetensors (FILE:NAME of several), "
                     "IDX images (also .gz), or a clip-retrieval folder");
  CLI::Option* labels =
      app.add_option("--labels", labels_,
                     "The class of every row: n whole numbers as .npy, .npz, .safetensors or IDX "
                     "(also .gz); negative: not known")
          ->needs(features);
  app.add_option("--label-names", names_, "Text file: line i is the name of label i, from 0")
      ->needs(labels);
  app.add_flag("--full", full_, "All 70,000 images of Fashion-MNIST")->excludes(features);
}

LabelledRows FeatureSource::load(Run& run) const {
  const bool own = !features_.empty();
  const std::vector<LabelledFiles> parts =
      own ? std::vector<LabelledFiles>{{features_, labels_}} : fashion_mnist(full_);
  LabelledRows result;
  std::vector<std::int32_t> labels;
  for (const LabelledFiles& part : parts) {
    Matrix<float> rows = read_features(part.features);
    run.add_input("features", part.features);
    if (!part.labels.empty()) {
      const std::vector<std::int32_t> more = read_labels(part.labels);
      if (static_cast<std::int64_t>(more.size()) != rows.rows()) {
        throw Error(fmt::format("{}: expected {} labels, one for every row of {}, got {}",
                                part.labels.string(), rows.rows(), part.features.string(),
                                more.size()));
      }
      labels.insert(labels.end(), more.begin(), more.end());
      run.add_input("labels", part.labels);
    }
    result.rows = result.rows.empty() ? std::move(rows) : stacked(result.rows, rows);
  }
  if (!labels.empty()) {
    number_classes(
        labels,
        own ? (names_.empty() ? std::vector<std::string>{} : read_lines(names_)) : kFashionClasses,
        result);
    if (result.names.size() < 2) {
      run.print(fmt::format(
          "Note: {}: {}, so there is nothing to score against", parts[0].labels.string(),
          result.names.empty() ? "missing labels (negative) alone" : "labels of one class alone"));
      result.classes.clear();
      result.names.clear();
    }
  }
  run.print(fmt::format(
      "{}: {} rows of {} values{}", own ? features_.string() : "Fashion-MNIST", result.rows.rows(),
      result.rows.cols(),
      result.labelled() ? fmt::format(", {} classes", result.names.size()) : ", no labels"));
  return result;
}

}  // namespace clipk::study
