#include "clipk/models/zero_shot.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/ops/dense.hpp"
#include "clipk/ops/normalize_rows.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/unit_rows.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "zero_shot";
constexpr std::int64_t kBlockRows = 4096;
// The prompts of an ensemble shorter than this cancel up to rounding.
constexpr double kCancelled = 1e-6;

}  // namespace

ZeroShot::ZeroShot(Context& context, MatrixView<const float> prompts,
                   std::span<const std::int32_t> classes, std::vector<std::string> names)
    : names_(std::move(names)) {
  if (prompts.rows < 1) check::fail(kName, "at least 1 prompt", "0");
  if (static_cast<std::int64_t>(classes.size()) != prompts.rows) {
    check::fail(kName, "classes of size " + std::to_string(prompts.rows),
                std::to_string(classes.size()));
  }
  if (names_.empty()) {
    const std::int32_t last = *std::max_element(classes.begin(), classes.end());
    // Each class needs a prompt, so that a wrong large class index does not cause a
    // large allocation.
    if (last >= prompts.rows) {
      check::fail(
          kName, "a prompt for each class",
          std::to_string(prompts.rows) + " prompts for classes up to " + std::to_string(last));
    }
    for (std::int32_t c = 0; c <= last; ++c) names_.push_back(std::to_string(c));
  }
  const auto k = static_cast<std::int64_t>(names_.size());
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] >= 0 && classes[i] < k) continue;
    check::fail(kName, "classes from 0 to " + std::to_string(k - 1),
                std::to_string(classes[i]) + " of prompt " + std::to_string(i));
  }
  const HostRows<float> host(context, prompts);
  const Matrix<float> unit = unit_rows(context.threads(), host.view(), "zero_shot prompts");
  Matrix<double> sums(k, prompts.cols);
  std::vector<std::int64_t> counts(names_.size());
  for (std::size_t i = 0; i < classes.size(); ++i) {
    ++counts[static_cast<std::size_t>(classes[i])];
    const float* row = unit.view().row(static_cast<std::int64_t>(i));
    double* sum = sums.view().row(classes[i]);
    for (std::int64_t j = 0; j < prompts.cols; ++j) sum[j] += static_cast<double>(row[j]);
  }
  ensembles_ = Matrix<float>(k, prompts.cols);
  for (std::int64_t c = 0; c < k; ++c) {
    const std::string& name = names_[static_cast<std::size_t>(c)];
    const std::int64_t count = counts[static_cast<std::size_t>(c)];
    if (count == 0) check::fail(kName, "a prompt for each class", "none for '" + name + "'");
    const double* sum = sums.view().row(c);
    double square = 0;
    for (std::int64_t j = 0; j < prompts.cols; ++j) square += sum[j] * sum[j];
    const double length = std::sqrt(square);
    if (length < kCancelled * static_cast<double>(count)) {
      check::fail(kName, "prompts of '" + name + "' with a mean above 0",
                  std::to_string(count) + " that cancel");
    }
    for (std::int64_t j = 0; j < prompts.cols; ++j) {
      ensembles_(c, j) = static_cast<float>(sum[j] / length);
    }
  }
}

void ZeroShot::scores(Context& context, MatrixView<const float> images,
                      MatrixView<float> out) const {
  check::matrix(kName, "images", context, images, images.rows, dim());
  check::matrix(kName, "out", context, out, images.rows, classes());
  if (context.device() == Device::cpu) check_nonzero_rows(images, "zero_shot images");
  const Matrix<float> ensembles = ensembles_.to_device(context);
  Matrix<float> unit(context, std::min(kBlockRows, images.rows), dim());
  for (std::int64_t first = 0; first < images.rows; first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, images.rows - first);
    const MatrixView<float> rows = unit.view().row_range(0, count);
    normalize_rows(context, images.row_range(first, count), rows, {});
    dense(context, rows, ensembles, {}, Activation::identity, out.row_range(first, count));
  }
  context.synchronize();  // frees the block's memory
}

ZeroShotPredictions ZeroShot::predict(Context& context, MatrixView<const float> images) const {
  check::matrix(kName, "images", context, images, images.rows, dim());
  ZeroShotPredictions found;
  const std::int64_t block = std::min(kBlockRows, images.rows);
  Matrix<float> cosines(context, block, classes());
  Matrix<float> host(block, classes());
  for (std::int64_t first = 0; first < images.rows; first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, images.rows - first);
    scores(context, images.row_range(first, count), cosines.view().row_range(0, count));
    copy<float>(context, cosines.view().row_range(0, count), host.view().row_range(0, count));
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = host.view().row(i);
      const float* best = std::max_element(row, row + classes());
      found.classes.push_back(static_cast<std::int32_t>(best - row));
      found.cosines.push_back(*best);
    }
  }
  return found;
}

ZeroShotAccuracy ZeroShot::accuracy(Context& context, MatrixView<const float> images,
                                    std::span<const std::int32_t> labels) const {
  if (static_cast<std::int64_t>(labels.size()) != images.rows) {
    check::fail(kName, "labels of size " + std::to_string(images.rows),
                std::to_string(labels.size()));
  }
  std::vector<double> right(names_.size()), known(names_.size());
  ZeroShotAccuracy result;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= classes()) {
      check::fail(kName, "labels below " + std::to_string(classes()),
                  std::to_string(labels[i]) + " in row " + std::to_string(i));
    }
    result.counted += labels[i] >= 0;
  }
  if (result.counted == 0) check::fail(kName, "a label that is known", "none");
  const ZeroShotPredictions found = predict(context, images);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0) continue;
    const double hit = found.classes[i] == labels[i] ? 1 : 0;
    const auto label = static_cast<std::size_t>(labels[i]);
    known[label] += 1;
    right[label] += hit;
    result.top1 += hit;
    result.hits.push_back(hit);
  }
  result.top1 /= static_cast<double>(result.counted);
  std::int64_t occur = 0;
  for (std::size_t c = 0; c < known.size(); ++c) {
    result.recall.push_back(known[c] > 0 ? right[c] / known[c]
                                         : std::numeric_limits<double>::quiet_NaN());
    if (known[c] == 0) continue;
    ++occur;
    result.mean_per_class += result.recall.back();
  }
  result.mean_per_class /= static_cast<double>(occur);
  return result;
}

}  // namespace clipk
