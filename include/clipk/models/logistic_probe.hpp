#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The penalty of a logistic probe and when its fit ends.
struct LogisticProbeOptions {
  double c = 1;  ///< as in scikit-learn: a smaller C gives smaller weights
  /// Columns are shifted and scaled to mean 0 and deviation 1 over the rows of the fit; those that
  /// do not vary there have no effect.
  bool standardize = false;
  std::int64_t max_iterations = 1000;  ///< of L-BFGS
  double tolerance = 1e-6;             ///< on the largest derivative of the mean loss
};

/// How well a linear map separates classes: multinomial logistic regression with an L2 penalty,
///   sum over rows of -log softmax(W x + b)_label + |W|^2 / (2 C),
/// with the intercepts b not penalised, as in scikit-learn's LogisticRegression. With two classes
/// it is that of one vector w = W_1 - W_0: the penalty is |w|^2 / (2 C) (that is |W|^2 / C).
///
/// Minimised by L-BFGS from zero. On the CPU all arithmetic is float64; on a GPU products are
/// float32 and sums over rows and all state float64. Deterministic: yes; the same data, device and
/// options give the same bytes for any number of threads.
class LogisticProbe {
 public:
  /// @param rows [n, d] on any device  @param labels [n], on the host: a class each, any number
  ///   from 0, or below 0 for a row that is left out
  /// @throws Error if the sizes differ, there are no columns, fewer than two classes, a value that
  ///   is not finite, or an option that makes no sense.
  static LogisticProbe fit(Context& context, MatrixView<const float> rows,
                           std::span<const std::int32_t> labels,
                           const LogisticProbeOptions& options = {});

  /// Moves the probe; the other one can then only be assigned to or destroyed.
  LogisticProbe(LogisticProbe&&) noexcept;
  /// Like the move constructor.
  LogisticProbe& operator=(LogisticProbe&&) noexcept;
  ~LogisticProbe();

  std::int64_t input_dim() const;                    ///< columns of a row
  const std::vector<std::int32_t>& classes() const;  ///< the k labels of the fit, ascending
  double c() const;                                  ///< as in the options of the fit
  double loss() const;              ///< the objective, divided by the rows with a label
  double gradient() const;          ///< its largest derivative at the end
  std::int64_t iterations() const;  ///< of L-BFGS
  bool converged() const;           ///< the gradient is within the tolerance

  /// W [k, d], for rows as they are given, standardised or not: logits = W x + b.
  Matrix<double> weights() const;
  std::vector<double> intercepts() const;  ///< b [k]

  /// The probability of each class [m, k], on the host, for rows [m, d] on any device.
  /// @throws Error if the width differs.
  Matrix<double> probabilities(Context& context, MatrixView<const float> rows) const;
  /// The most probable class of each row (a label; among ties the lowest).
  std::vector<std::int32_t> predict(Context& context, MatrixView<const float> rows) const;
  /// The share of the rows with a label whose class is predicted; a class that was not in the fit
  /// counts as wrong. @throws Error also if the sizes differ or no row has a label.
  double accuracy(Context& context, MatrixView<const float> rows,
                  std::span<const std::int32_t> labels) const;

  /// Writes the model as one archive of kind "logistic_probe model", atomically. @throws Error
  void save(const std::filesystem::path& path) const;
  /// @throws Error if the file is not a whole "logistic_probe model" archive.
  static LogisticProbe load(const std::filesystem::path& path);

 private:
  struct Impl;
  explicit LogisticProbe(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The result of cross-validation. Every row with a label is predicted once, by a probe that was
/// not fitted to it.
struct LogisticCrossValidation {
  double accuracy = 0;                    ///< share of these rows that are predicted correctly
  std::vector<double> fold_accuracy;      ///< the same for each fold
  std::vector<std::int32_t> fold;         ///< [n] of each row; -1 without a label
  std::vector<std::int32_t> predictions;  ///< [n]; -1 without a label
};

/// Cross-validated accuracy, by stratified_folds in a random order by the context's seed. Equal
/// rows are dealt like all others: if rows are repeated, the accuracy is too high.
/// @param rows [n, d] on any device  @param labels [n], as in LogisticProbe::fit
/// @throws Error as LogisticProbe::fit, for folds below 2 or above the rows with a label, or
///   a class of a single row (it is predicted by a probe that was fitted without it).
/// Deterministic: yes.
LogisticCrossValidation cross_validate(Context& context, MatrixView<const float> rows,
                                       std::span<const std::int32_t> labels, std::int64_t folds = 5,
                                       const LogisticProbeOptions& options = {});

/// The candidates for C and the rows that decide.
struct LogisticSearch {
  /// Values of C.
  std::vector<double> candidates = {1e-3, 1e-2, 1e-1, 1, 10, 100, 1000};
  double held_out = 0.2;  ///< share of each class's rows that are held out
};

/// The result of the choice of C.
struct LogisticChoice {
  double c = 0;                  ///< of the highest accuracy; among ties the smallest
  std::vector<double> accuracy;  ///< of each candidate, on the rows held out
  std::int64_t held_out = 0;     ///< number of these rows
};

/// Chooses C by a stratified validation split, drawn by the context's seed; of each class at least
/// one row is held out and at least one is in the fit. The caller then fits the probe itself to
/// all rows.
/// @param options all except its c
/// @throws Error as LogisticProbe::fit, without candidates, for a share outside (0, 1), or a class
///   of a single row. Deterministic: yes.
LogisticChoice choose_c(Context& context, MatrixView<const float> rows,
                        std::span<const std::int32_t> labels, const LogisticSearch& search = {},
                        const LogisticProbeOptions& options = {});

}  // namespace clipk
