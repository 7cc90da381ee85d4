#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/factor.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"
#include "clipk/train/progress.hpp"

namespace clipk {

/// How a probe is built and trained.
struct ProbeOptions {
  std::vector<std::int64_t> hidden = {128, 128};  ///< none: a linear probe
  std::int64_t epochs = 30;                       ///< at least; see least_steps
  /// Least number of steps: few rows are trained on for more epochs than that.
  std::int64_t least_steps = 1500;
  std::int64_t batch = 256;    ///< batch size
  double rate = 2e-3;          ///< of Adam, falling to 0 along a cosine
  float weight_decay = 1e-4F;  ///< decoupled, as in AdamW
  /// Share of the rows that is held out to choose the best epoch, whose parameters are kept. At 0,
  /// or if it is less than one row, those of the last epoch are kept. Equal rows (same_row_groups)
  /// stay on the same side.
  double held_out = 0.1;
  std::uint32_t network = 0;  ///< probes of one seed with other numbers start from other weights
  std::function<void(const Progress&)> progress = {};  ///< called after every step and epoch
};

/// How well factors can be read from rows: one network with ReLU and all factors as outputs, by
/// least squares. Classes become one column each (1 or 0), numbers are standardised. Rows for
/// which a factor is not known (class -1, value NaN) are not used for it, neither in training nor
/// in the scores.
///
/// Input columns are standardised by the rows of the fit (deviations below a tenth of the median
/// of those above 0 are raised to that tenth, so that a column that hardly varies is not scaled up
/// too much).
///
/// Deterministic: yes; the same seed (the context's), data, device and options give the same bytes
/// for any number of threads.
class Probe {
 public:
  /// @param rows [n, d] on any device, n at least 2  @param factors each of n rows
  /// @throws Error if there are fewer than 2 rows, no columns or no factors, if a factor has
  ///   another number of rows, a class out of range, no row that it is known of or a value that is
  ///   infinite, if a row is not finite, or an option makes no sense.
  static Probe fit(Context& context, MatrixView<const float> rows,
                   const std::vector<Factor>& factors, const ProbeOptions& options = {});

  /// Moves the probe; the other one can then only be assigned to or destroyed.
  Probe(Probe&&) noexcept;
  /// Like the move constructor.
  Probe& operator=(Probe&&) noexcept;
  ~Probe();

  std::int64_t input_dim() const;             ///< columns of a row
  const std::vector<double>& losses() const;  ///< mean loss of every epoch
  std::int64_t best_epoch() const;            ///< epochs of the parameters that were kept

  /// The factors that the network predicts for rows [m, d] on any device: the class of the largest
  /// output (among ties the first), or values in the factor's own unit. Names as in the fit.
  /// @throws Error if the width differs.
  std::vector<Factor> predict(Context& context, MatrixView<const float> rows) const;

  /// For each factor, in the order of the fit: the share of the known classes that are predicted
  /// correctly; or R^2 = 1 - squared error / squared deviation from the mean of these rows,
  /// averaged over the factor's columns (a column that does not vary here counts 0).
  /// @throws Error also if a factor is not of the fit's kind, or it is known of no row.
  std::vector<double> scores(Context& context, MatrixView<const float> rows,
                             const std::vector<Factor>& factors) const;

 private:
  struct Impl;
  explicit Probe(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The score of a probe that ignores its input: for each factor the share of the most frequent
/// known class; 0 for values.
std::vector<double> chance_scores(const std::vector<Factor>& factors);

/// The scores of given predictions (Probe::predict): see Probe::scores.
/// @throws Error if kinds or numbers of rows differ, or a factor is known of no row.
std::vector<double> factor_scores(const std::vector<Factor>& predicted,
                                  const std::vector<Factor>& factors);

}  // namespace clipk
