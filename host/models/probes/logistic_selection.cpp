// What a probe's accuracy is on rows it did not see, and which C is best there.

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "clipk/core/random.hpp"
#include "clipk/models/logistic_probe.hpp"
#include "core/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "logistic_probe";

using Rows = std::vector<std::size_t>;

// The rows of each class in random order; of a class, at least two.
std::map<std::int32_t, Rows> shuffled_classes(const Context& context,
                                              std::span<const std::int32_t> labels,
                                              RandomStream stream) {
  std::map<std::int32_t, Rows> classes;
  const auto order =
      Random(context.seed(), stream).permutation(static_cast<std::int64_t>(labels.size()));
  for (const std::int64_t i : order) {
    const auto row = static_cast<std::size_t>(i);
    if (labels[row] >= 0) classes[labels[row]].push_back(row);
  }
  for (const auto& [label, rows] : classes) {
    if (rows.size() < 2) {
      check::fail(kName, "at least 2 rows of each class", "1 of label " + std::to_string(label));
    }
  }
  return classes;
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
  result.fold.assign(labels.size(), -1);
  result.predictions.assign(labels.size(), -1);
  std::int64_t dealt = 0;
  for (const auto& [label, members] :
       shuffled_classes(context, labels, RandomStream::probe_folds)) {
    for (const std::size_t row : members) {
      result.fold[row] = static_cast<std::int32_t>(dealt++ % folds);
    }
  }
  if (dealt < folds) {
    check::fail(kName, "at most as many folds as rows with a label: " + std::to_string(dealt),
                std::to_string(folds));
  }
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
  for (const auto& [label, members] :
       shuffled_classes(context, labels, RandomStream::probe_choice)) {
    const auto size = static_cast<std::int64_t>(members.size());
    const std::int64_t judges = std::clamp<std::int64_t>(
        std::llround(search.held_out * static_cast<double>(size)), 1, size - 1);
    for (std::int64_t i = 0; i < judges; ++i) {
      const std::size_t row = members[static_cast<std::size_t>(i)];
      std::swap(known[row], judged[row]);
    }
    choice.held_out += judges;
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
