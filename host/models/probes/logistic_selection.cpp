// The accuracy of a probe on rows that it was not fitted to, and the C that is best there.

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "clipk/core/random.hpp"
#include "clipk/metrics/cross_validation.hpp"
#include "clipk/models/logistic_probe.hpp"
#include "core/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "logistic_probe";

// Rows in a random order by the seed.
std::vector<std::int64_t> shuffled(const Context& context, std::size_t rows, RandomStream stream) {
  return Random(context.seed(), stream).permutation(static_cast<std::int64_t>(rows));
}

// How many rows each class has: at least two.
std::map<std::int32_t, std::int64_t> class_sizes(std::span<const std::int32_t> labels) {
  std::map<std::int32_t, std::int64_t> sizes;
  for (const std::int32_t label : labels) {
    if (label >= 0) ++sizes[label];
  }
  for (const auto& [label, size] : sizes) {
    if (size < 2) {
      check::fail(kName, "at least 2 rows of each class", "1 of label " + std::to_string(label));
    }
  }
  return sizes;
}

void check_size(MatrixView<const float> rows, std::span<const std::int32_t> labels) {
  if (static_cast<std::int64_t>(labels.size()) != rows.rows) {
    check::fail(kName, std::to_string(rows.rows) + " labels, one a row",
                std::to_string(labels.size()));
  }
}

}  // namespace

LogisticCrossValidation cross_validate(Context& context, MatrixView<const float> rows,
                                       std::span<const std::int32_t> labels, std::int64_t folds,
                                       const LogisticProbeOptions& options) {
  check_size(rows, labels);
  if (folds < 2) check::fail(kName, "at least 2 folds", std::to_string(folds));
  LogisticCrossValidation result;
  result.predictions.assign(labels.size(), -1);
  std::int64_t dealt = 0;
  for (const auto& [label, size] : class_sizes(labels)) dealt += size;
  if (dealt < folds) {
    check::fail(kName, "at most as many folds as rows with a label: " + std::to_string(dealt),
                std::to_string(folds));
  }
  result.fold = stratified_folds(
      labels, shuffled(context, labels.size(), RandomStream::probe_folds), {.folds = folds});
  std::int64_t right = 0;
  for (std::int32_t fold = 0; fold < folds; ++fold) {
    std::vector<std::int32_t> known(labels.begin(), labels.end()), judged = known;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      (result.fold[i] == fold ? known : judged)[i] = -1;
    }
    const LogisticProbe probe = LogisticProbe::fit(context, rows, known, options);
    const std::vector<std::int32_t> predicted = probe.predict(context, rows);
    std::int64_t size = 0, hits = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (judged[i] < 0) continue;
      result.predictions[i] = predicted[i];
      ++size;
      hits += predicted[i] == labels[i] ? 1 : 0;
    }
    result.fold_accuracy.push_back(static_cast<double>(hits) / static_cast<double>(size));
    right += hits;
  }
  result.accuracy = static_cast<double>(right) / static_cast<double>(dealt);
  return result;
}

LogisticChoice choose_c(Context& context, MatrixView<const float> rows,
                        std::span<const std::int32_t> labels, const LogisticSearch& search,
                        const LogisticProbeOptions& options) {
  check_size(rows, labels);
  if (search.candidates.empty()) check::fail(kName, "candidates for c", "none");
  if (!(search.held_out > 0 && search.held_out < 1)) {
    check::fail(kName, "a held_out share inside (0, 1)", std::to_string(search.held_out));
  }
  LogisticChoice choice;
  std::vector<std::int32_t> known(labels.begin(), labels.end());
  std::vector<std::int32_t> judged(labels.size(), -1);
  std::map<std::int32_t, std::int64_t> judges = class_sizes(labels);  // of each class
  for (auto& [label, size] : judges) {
    size = std::clamp<std::int64_t>(std::llround(search.held_out * static_cast<double>(size)), 1,
                                    size - 1);
    choice.held_out += size;
  }
  for (const std::int64_t i : shuffled(context, labels.size(), RandomStream::probe_choice)) {
    const auto row = static_cast<std::size_t>(i);
    if (labels[row] >= 0 && judges.at(labels[row])-- > 0) std::swap(known[row], judged[row]);
  }
  double best = -1;
  for (const double c : search.candidates) {
    LogisticProbeOptions with = options;
    with.c = c;
    const double accuracy =
        LogisticProbe::fit(context, rows, known, with).accuracy(context, rows, judged);
    choice.accuracy.push_back(accuracy);
    if (accuracy > best || (accuracy == best && c < choice.c)) {
      best = accuracy;
      choice.c = c;
    }
  }
  return choice;
}

}  // namespace clipk
