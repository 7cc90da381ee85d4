#include "study/features.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "clipk/core/error.hpp"
#include "clipk/core/factor.hpp"
#include "clipk/io/dataset.hpp"
#include "study/data_sets.hpp"
#include "study/labels.hpp"
#include "study/option_checks.hpp"
#include "study/program.hpp"

namespace clipk::study {
namespace {

Matrix<float> stacked(const Matrix<float>& a, const Matrix<float>& b) {
  if (a.cols() != b.cols()) {
    throw Error(fmt::format("expected rows of {} values, got {}", a.cols(), b.cols()));
  }
  Matrix<float> both(a.rows() + b.rows(), a.cols());
  std::copy_n(a.data(), a.rows() * a.cols(), both.data());
  std::copy_n(b.data(), b.rows() * b.cols(), both.view().row(a.rows()));
  return both;
}

}  // namespace

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
                     "(also .gz); negative: unknown")
          ->needs(features);
  app.add_option("--label-names", names_, "Text file: line i is the name of label i, from 0")
      ->needs(labels);
  app.add_flag("--full", full_, "All 70,000 images of Fashion-MNIST")->excludes(features);
}

LabelledRows FeatureSource::load(Run& run) const {
  const bool own = !features_.empty();
  const std::vector<LabelledFiles> parts =
      own ? std::vector<LabelledFiles>{{features_, labels_}} : fashion_mnist_files(full_);
  LabelledRows result;
  std::vector<std::int32_t> labels;
  for (const LabelledFiles& part : parts) {
    Matrix<float> rows = read_features(part.features);
    run.add_input("features", part.features);
    if (!part.labels.empty()) {
      const std::vector<std::int32_t> more =
          read_labels_of(part.labels, rows.rows(), "row of " + part.features.string());
      labels.insert(labels.end(), more.begin(), more.end());
      run.add_input("labels", part.labels);
    }
    result.rows = result.rows.empty() ? std::move(rows) : stacked(result.rows, rows);
  }
  if (!labels.empty()) {
    Factor factor =
        class_factor("class", labels, own ? read_label_names(names_) : fashion_mnist_names());
    result.classes = std::move(factor.classes);
    result.names = std::move(factor.class_names);
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
