#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"
#include "clipk/ops/adam.hpp"
#include "clipk/train/mlp.hpp"
#include "clipk/train/training_options.hpp"

namespace clipk {

/// How a variational autoencoder is built and trained.
struct VaeOptions : TrainingOptions {
  /// Defaults: 30 epochs, for tens of thousands of rows (fewer rows need more of them); a rate of
  /// 1e-3 that falls to 0 along a cosine. Lower rates are tried where a loss is not finite.
  VaeOptions() : TrainingOptions{.epochs = 30, .schedule = {.kind = Schedule::cosine}} {}

  std::vector<std::int64_t> hidden = {512, 256};  ///< of the encoder; the decoder mirrors it
  std::int64_t code = 64;                         ///< columns of a code
  Activation activation = Activation::relu;       ///< of the hidden layers
  Init init = Init::fan_in_uniform;               ///< of the weights

  /// Standard deviation of a row's values about the decoder's output, in the rows' unit: the
  /// smaller it is, the more a code keeps of its row and the more codes differ from N(0, I). (As
  /// the weight beta of the divergence beside a plain sum of squares: beta = 2 sigma^2.)
  float sigma = 0.1F;

  std::int64_t batch = 128;           ///< batch size
  AdamOptions adam = {};              ///< constants of the optimizer
  std::int64_t checkpoint_every = 1;  ///< epochs
};

/// The normal distribution of each row's code, on the context's device.
struct VaePosterior {
  Matrix<float> mean;          ///< [m, code]
  Matrix<float> log_variance;  ///< [m, code]
};

/// A variational autoencoder of rows: the encoder gives a normal distribution of codes with
/// independent columns, the decoder reconstructs the row from a draw of it. Training minimises
///   sum over columns of (x - decoded)^2 / (2 sigma^2) + KL(posterior || N(0, I)),
/// the mean over rows, in nats: the negative evidence lower bound without its constant
/// d log(sigma sqrt(2 pi)). Every step draws its codes anew.
///
/// Rows are taken as they are; images as values from 0 to 1. The decoder's output is linear.
///
/// Deterministic: yes; the same seed (the context's), data and device give the same bytes for any
/// number of threads, and after a resume. Source: Kingma and Welling, ICLR 2014.
class Vae {
 public:
  /// @param rows [n, d] on any device, n at least 2
  /// @throws Error if there are fewer than 2 rows or a value is not finite, if a layer is below 1,
  /// the code wider than the rows or sigma not above 0, if another option makes no sense, or the
  /// checkpoint is of another model; NotConverged if the loss became non-finite at every learning
  /// rate tried.
  static Vae fit(Context& context, MatrixView<const float> rows, const VaeOptions& options);
  /// @throws Error for a file that is not a clipk vae model.
  static Vae load(Context& context, const std::filesystem::path& path);

  /// Moves the model; the other one can then only be assigned to or destroyed.
  Vae(Vae&&) noexcept;
  /// Like the move constructor.
  Vae& operator=(Vae&&) noexcept;
  ~Vae();

  std::int64_t input_dim() const;  ///< columns of a row
  std::int64_t code_dim() const;   ///< columns of a code
  float sigma() const;             ///< as in VaeOptions
  /// Mean loss of every epoch, in nats per row.
  const std::vector<double>& losses() const;

  /// The means of the rows' codes.
  /// @param rows [m, d], seen or not, on any device
  /// @returns [m, code] on the context's device
  /// @throws Error if the width differs. Deterministic: yes.
  Matrix<float> encode(Context& context, MatrixView<const float> rows) const;
  /// The distribution of every row's code: the means (as of encode) and log-variances.
  VaePosterior posterior(Context& context, MatrixView<const float> rows) const;
  /// A draw of every row's code. @param draw selects the noise, which the context's seed gives
  /// @returns [m, code]
  Matrix<float> sample_codes(Context& context, MatrixView<const float> rows,
                             std::uint32_t draw) const;
  /// @param codes [m, code] on any device  @returns [m, d] on the context's device
  Matrix<float> decode(Context& context, MatrixView<const float> codes) const;

  /// The mean over all values of (x - decode(encode(x)))^2; 0 if there are no rows.
  double reconstruction_error(Context& context, MatrixView<const float> rows) const;
  /// [code] The divergence from N(0, 1) of every column of the codes, in nats, the mean over rows
  /// (0 if there are none): it is 0 for a column that holds no information.
  std::vector<double> divergences(Context& context, MatrixView<const float> rows) const;

  /// Saves the model. Atomic: after an error an older file is unchanged.
  void save(Context& context, const std::filesystem::path& path) const;

 private:
  struct Impl;
  explicit Vae(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk
