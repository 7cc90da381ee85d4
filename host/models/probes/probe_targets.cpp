#include "models/probes/probe_targets.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "clipk/core/check_finite.hpp"
#include "clipk/models/probe.hpp"
#include "core/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "probe";

void check_rows(const Factor& factor, std::int64_t rows) {
  if (factor.rows() != rows) {
    check::fail(kName, "factor " + factor.name + " of " + std::to_string(rows) + " rows",
                std::to_string(factor.rows()));
  }
}

// The number of classes of a factor: those with names, or up to the largest that occurs.
std::int64_t count_classes(const Factor& factor) {
  const auto named = static_cast<std::int64_t>(factor.class_names.size());
  std::int64_t most = -1;
  for (const std::int32_t label : factor.classes) {
    if (label < -1 || (named > 0 && label >= named)) {
      check::fail(kName,
                  "classes of factor " + factor.name + " from -1" +
                      (named > 0 ? ", below " + std::to_string(named) : ""),
                  std::to_string(label));
    }
    most = std::max<std::int64_t>(most, label);
  }
  if (most < 0) check::fail(kName, "a known class of factor " + factor.name, "none");
  return named > 0 ? named : most + 1;
}

double accuracy(const Factor& predicted, const Factor& factor) {
  std::int64_t known = 0, right = 0;
  for (std::size_t i = 0; i < factor.classes.size(); ++i) {
    if (factor.classes[i] < 0) continue;
    ++known;
    right += predicted.classes[i] == factor.classes[i];
  }
  if (known == 0) check::fail(kName, "a known class of factor " + factor.name, "none");
  return static_cast<double>(right) / static_cast<double>(known);
}

std::vector<std::int64_t> known_rows(const Factor& factor) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < factor.rows(); ++i) {
    if (factor.known(i)) rows.push_back(i);
  }
  if (rows.empty()) check::fail(kName, "a known value of factor " + factor.name, "none");
  return rows;
}

double r_squared(const Factor& guess, const Factor& factor) {
  const std::vector<std::int64_t> rows = known_rows(factor);
  const Matrix<float> predicted = select_rows(guess, rows).values;
  const Matrix<float> values = select_rows(factor, rows).values;
  double sum = 0;
  for (std::int64_t j = 0; j < values.cols(); ++j) {
    double mean = 0, error = 0, deviation = 0;
    for (std::int64_t i = 0; i < values.rows(); ++i) mean += values(i, j);
    mean /= static_cast<double>(values.rows());
    for (std::int64_t i = 0; i < values.rows(); ++i) {
      const double off = static_cast<double>(predicted(i, j)) - values(i, j);
      const double moved = values(i, j) - mean;
      error += off * off;
      deviation += moved * moved;
    }
    if (deviation > 0) sum += 1 - error / deviation;
  }
  return sum / static_cast<double>(values.cols());
}

}  // namespace

ProbeTargets::ProbeTargets(const std::vector<Factor>& factors, std::int64_t rows) {
  if (factors.empty()) check::fail(kName, "at least 1 factor", "0");
  for (const Factor& factor : factors) {
    check_rows(factor, rows);
    Part part{.name = factor.name, .class_names = factor.class_names, .first = columns_};
    if (factor.categorical()) {
      part.classes = count_classes(factor);
    } else {
      const std::vector<std::int64_t> known = known_rows(factor);
      const auto count = static_cast<double>(known.size());
      for (const std::int64_t i : known) {
        check_finite(factor.values.view().row_range(i, 1),
                     std::string(kName) + ": factor " + factor.name, i);
      }
      for (std::int64_t j = 0; j < factor.values.cols(); ++j) {
        double mean = 0, squares = 0;
        for (const std::int64_t i : known) mean += factor.values(i, j);
        mean /= count;
        for (const std::int64_t i : known) {
          const double moved = factor.values(i, j) - mean;
          squares += moved * moved;
        }
        part.means.push_back(mean);
        part.deviations.push_back(std::sqrt(squares / count));
      }
    }
    columns_ += part.columns();
    parts_.push_back(std::move(part));
  }
}

Matrix<float> ProbeTargets::encode(const std::vector<Factor>& factors) const {
  const std::int64_t rows = factors.front().rows();
  Matrix<float> targets(rows, columns_);
  for (std::size_t f = 0; f < parts_.size(); ++f) {
    const Part& part = parts_[f];
    const MatrixView<float> to = targets.view().col_range(part.first, part.columns());
    for (std::int64_t i = 0; i < rows; ++i) {
      if (!factors[f].known(i)) {
        std::fill_n(to.row(i), to.cols, std::numeric_limits<float>::quiet_NaN());
      } else if (part.classes > 0) {
        to(i, factors[f].classes[static_cast<std::size_t>(i)]) = 1;
      } else {
        for (std::int64_t j = 0; j < to.cols; ++j) {
          const auto at = static_cast<std::size_t>(j);
          const double difference = factors[f].values(i, j) - part.means[at];
          to(i, j) =
              part.deviations[at] > 0 ? static_cast<float>(difference / part.deviations[at]) : 0;
        }
      }
    }
  }
  return targets;
}

std::vector<Factor> ProbeTargets::decode(MatrixView<const float> outputs) const {
  std::vector<Factor> factors;
  for (const Part& part : parts_) {
    Factor factor{.name = part.name};
    if (part.classes > 0) {
      factor.class_names = part.class_names;
      factor.classes.resize(static_cast<std::size_t>(outputs.rows));
    } else {
      factor.values = Matrix<float>(outputs.rows, part.columns());
    }
    for (std::int64_t i = 0; i < outputs.rows; ++i) {
      const float* from = outputs.row(i) + part.first;
      if (part.classes > 0) {
        factor.classes[static_cast<std::size_t>(i)] =
            static_cast<std::int32_t>(std::max_element(from, from + part.classes) - from);
      } else {
        for (std::int64_t j = 0; j < part.columns(); ++j) {
          const auto at = static_cast<std::size_t>(j);
          factor.values(i, j) = static_cast<float>(part.means[at] + part.deviations[at] * from[j]);
        }
      }
    }
    factors.push_back(std::move(factor));
  }
  return factors;
}

std::vector<double> chance_scores(const std::vector<Factor>& factors) {
  std::vector<double> scores;
  for (const Factor& factor : factors) {
    double score = 0;
    if (factor.categorical()) {
      std::vector<std::int64_t> counts(static_cast<std::size_t>(count_classes(factor)));
      for (const std::int32_t label : factor.classes) {
        if (label >= 0) ++counts[static_cast<std::size_t>(label)];
      }
      std::int64_t known = 0;
      for (const std::int64_t count : counts) known += count;
      score = static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
              static_cast<double>(known);
    }
    scores.push_back(score);
  }
  return scores;
}

std::vector<double> factor_scores(const std::vector<Factor>& predicted,
                                  const std::vector<Factor>& factors) {
  if (factors.size() != predicted.size()) {
    check::fail(kName, std::to_string(predicted.size()) + " factors",
                std::to_string(factors.size()));
  }
  std::vector<double> scores;
  for (std::size_t f = 0; f < factors.size(); ++f) {
    const Factor &guess = predicted[f], &factor = factors[f];
    check_rows(factor, guess.rows());
    const auto kind = [](const Factor& some) {
      return some.categorical() ? std::string("classes")
                                : "values of " + std::to_string(some.values.cols()) + " columns";
    };
    if (kind(guess) != kind(factor)) {
      check::fail(kName, "factor " + factor.name + " of " + kind(guess), kind(factor));
    }
    scores.push_back(factor.categorical() ? accuracy(guess, factor) : r_squared(guess, factor));
  }
  return scores;
}

}  // namespace clipk
