#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/factor.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/models/factor_pairs.hpp"
#include "clipk/models/factor_sizes.hpp"
#include "clipk/models/flow.hpp"
#include "clipk/ops/adam.hpp"
#include "clipk/train/training_options.hpp"

namespace clipk {

/// How an Iin is built and trained.
struct IinOptions : TrainingOptions {
  /// Defaults: 20 epochs of pairs_per_epoch pairs; a rate of 3e-3 that rises over 50 steps and then
  /// falls to 0 along a cosine.
  IinOptions()
      : TrainingOptions{.epochs = 20,
                        .rate = 3e-3,
                        .schedule = {.kind = Schedule::cosine, .warmup_steps = 50}} {}

  FlowOptions flow = {};  ///< layers of T

  /// Columns of each factor's block; the residual gets the rest. Empty: estimated by `sizing`.
  std::vector<std::int64_t> sizes = {};
  FactorSizeOptions sizing = {};  ///< how sizes are estimated
  FactorPairOptions pairs = {};   ///< how factor pairs are drawn and marked

  /// Correlation of a block's columns between two rows that share its factor, in [0, 1). The higher
  /// it is, the more weight a factor gets, and the better its block holds it alone.
  double rho = 0.99;
  /// Share of the epochs over which rho rises linearly to that value; for a training that makes no
  /// progress at its start, where the factors' terms are large by 1 / (1 - rho^2).
  double rho_warmup = 0;
  /// Whether each factor's rho is estimated again before every epoch that follows the warm-up, by
  /// maximum likelihood from the codes of its pairs. The density then fits better, but the factors
  /// separate less: one whose rho falls early moves to the residual.
  bool estimate_rho = false;

  /// Standard deviation of Gaussian noise on the rows in training, in units of the root of the mean
  /// variance of their columns. Use it for rows given without log_variance: where such rows lie on
  /// a surface of fewer dimensions, the likelihood has no upper bound.
  double noise = 0;

  std::int64_t pairs_per_epoch = 0;  ///< 0: as many as rows; without factors half as many
  std::int64_t batch = 256;          ///< batch size, in pairs
  AdamOptions adam = {.beta1 = 0.5F, .beta2 = 0.9F};  ///< fast decay of the moments
  float clip_norm = 5;                                ///< largest norm of a gradient; 0: no limit
  std::int64_t checkpoint_every = 1;                  ///< epochs
};

/// Columns of a code that carry one factor, or none (the residual, the last block).
struct IinBlock {
  std::string name;        ///< of the factor; "residual" of the last block
  std::int64_t first = 0;  ///< its first column
  std::int64_t size = 0;   ///< its columns
  double rho = 0;          ///< as trained at the end; 0 of the residual
};

/// How likely rows are under the model, compared with the rows it was fitted to.
struct IinTypicality {
  std::vector<double> log_density;  ///< nats
  std::vector<double> share;        ///< share of the fitted rows that are less likely
  /// 1 if a row is outside the range of the fitted rows: less likely than 0.1 % of them, or a
  /// component of its code below their smallest or above their largest.
  std::vector<std::uint8_t> outside;
};

/// An invertible interpretation network: a flow T from rows (the latent codes of an autoencoder,
/// embeddings) to codes in which each known factor has its own block of columns, and a last block,
/// the residual, holds the rest. Codes are standard normal; two rows that share a factor have
/// correlated values in its block and independent ones in all others (factor_pair_loss). A row is
/// edited by changing a block of its code and going back by T^-1. Without factors it is a density
/// model of rows.
///
/// Deterministic: yes; the same seed (the context's), data and device give the same bytes for any
/// number of threads, and after a resume.
/// Source: Esser, Rombach and Ommer, CVPR 2020.
class Iin {
 public:
  /// @param rows [n, D] on any device, D at least 2
  /// @param log_variance [n, D] of the normal distributions that rows are the means of, or empty:
  ///   every epoch then draws its rows from these (Vae::posterior gives both)
  /// @param factors of n rows each, or none
  /// @throws Error for rows and factors as FactorPairs and factor_sizes do; if the shapes differ, a
  ///   value is not finite, blocks are larger than the rows, an option makes no sense or the
  ///   checkpoint is of another model; NotConverged if the loss became non-finite at every
  ///   learning rate tried.
  static Iin fit(Context& context, MatrixView<const float> rows,
                 MatrixView<const float> log_variance, const std::vector<Factor>& factors,
                 const IinOptions& options);
  /// The same for rows without variances.
  static Iin fit(Context& context, MatrixView<const float> rows, const std::vector<Factor>& factors,
                 const IinOptions& options) {
    return fit(context, rows, {}, factors, options);
  }
  /// @throws Error for a file that is not a clipk iin model, or is of a newer version.
  static Iin load(Context& context, const std::filesystem::path& path);

  /// Moves the model; the other one can then only be assigned to or destroyed.
  Iin(Iin&&) noexcept;
  /// Like the move constructor.
  Iin& operator=(Iin&&) noexcept;
  ~Iin();

  std::int64_t dim() const;      ///< columns of a row and of a code
  std::int64_t factors() const;  ///< blocks except the residual
  /// One per factor in the order of the fit, then the residual (which may have no column).
  const std::vector<IinBlock>& blocks() const;
  /// The place of a block in blocks(). @throws Error that lists the names.
  std::int64_t block_named(std::string_view name) const;
  /// The estimate of the sizes; empty if they were given.
  const FactorSizes& estimated_sizes() const;
  /// Mean loss of every epoch, in nats per factor pair (factor_pair_loss, with the rho of
  /// that epoch).
  const std::vector<double>& losses() const;
  const Flow& flow() const;  ///< the map T

  // All functions below take rows of D columns on any device, return results on the context's
  // device, and throw an Error if a width, a number of rows or a block does not fit.

  /// Codes T(rows).
  Matrix<float> transform(Context& context, MatrixView<const float> rows) const;
  /// Rows T^-1(codes). @throws Error as Flow::inverse does.
  Matrix<float> inverse(Context& context, MatrixView<const float> codes) const;

  /// Rows with one block of their codes taken from `others` [m, D].
  Matrix<float> swap(Context& context, MatrixView<const float> rows, MatrixView<const float> others,
                     std::int64_t block) const;
  /// Rows with one component of a block (from 0) set, in standard deviations.
  Matrix<float> set(Context& context, MatrixView<const float> rows, std::int64_t block,
                    std::int64_t component, float value) const;
  /// Rows with one block moved towards that of `others`: 0 changes nothing, 1 equals swap.
  Matrix<float> interpolate(Context& context, MatrixView<const float> rows,
                            MatrixView<const float> others, std::int64_t block, float t) const;

  /// log p of rows, in nats.
  std::vector<double> log_density(Context& context, MatrixView<const float> rows) const;
  /// How likely rows are, compared with those of the fit.
  IinTypicality typicality(Context& context, MatrixView<const float> rows) const;

  /// Saves flow, blocks, and the values that typicality compares with. Atomic: after an error an
  /// older file is unchanged.
  void save(Context& context, const std::filesystem::path& path) const;

 private:
  struct Impl;
  explicit Iin(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk
