#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"
#include "clipk/models/autoencoder_network.hpp"
#include "clipk/train/trainer.hpp"
#include "clipk/train/training_options.hpp"

namespace clipk {

/// How rows are scaled before the network.
enum class RowScaling : std::uint8_t {
  none,  ///< as they are
  /// Rows of one length: each is scaled to a mean square of its values of 0.2 (that of images of
  /// clothes with values from 0 to 1). Rows then do not differ by brightness, and their unit does
  /// not matter. A row of zeros is not changed.
  equal_length,
  /// The same after subtracting the row's own mean, which also removes the level of its values.
  standardized,
};
/// The name that files and options use.
const char* to_string(RowScaling scaling);
/// The value of a name of to_string. @throws Error that lists the names.
RowScaling row_scaling_named(std::string_view name);

/// How an autoencoder is built and trained.
struct AutoencoderOptions : TrainingOptions {
  /// Defaults: 5 epochs, for tens of thousands of rows (fewer rows need more of them); a rate of 1,
  /// for the loss as a mean over rows and columns, that falls to 0 along a line. If a training
  /// fails at its rate, lower ones are tried (TrainerOptions::restarts). While layers are trained
  /// alone, files CHECKPOINT.layer0, ... lie beside the checkpoint.
  AutoencoderOptions()
      : TrainingOptions{.epochs = 5, .rate = 1, .schedule = {.kind = Schedule::linear}} {}

  std::vector<std::int64_t> hidden = {500, 500, 2000};  ///< of the encoder; the decoder mirrors it
  std::int64_t code = 10;                               ///< columns of a code
  Activation activation = Activation::relu;             ///< of the hidden layers
  Init init = Init::fan_in_uniform;                     ///< of the weights
  RowScaling scaling = RowScaling::standardized;        ///< of the rows

  // Corruption of the input while the whole network is trained; the target is the clean row.
  float dropout = 0;  ///< probability with which a value becomes 0 (the others are scaled up)
  float noise = 0;    ///< standard deviation of Gaussian noise, in units of the scaled rows

  /// Greedy layer-wise pretraining: epochs for which each layer is first trained alone, as a
  /// denoising autoencoder of one hidden layer on the output of the layers before it; 0: none.
  std::int64_t layer_epochs = 0;
  float layer_dropout = 0.2F;  ///< there: of layers' inputs and outputs, except rows and code

  /// How strongly the codes are whitened after training: the variance w of a principal axis
  /// becomes w^(1 - code_whitening). Training leaves most of the variance in two or three axes,
  /// which alone would decide how rows cluster. The map is linear and becomes part of the
  /// encoder's last layer and (its inverse) of the decoder's first, so reconstructions do not
  /// change. 0: codes are not changed.
  float code_whitening = 0.5F;

  // Training of each layer and of the whole network.
  std::int64_t batch = 256;              ///< batch size
  Optimizer optimizer = Optimizer::sgd;  ///< of every stage
  float momentum = 0.9F;                 ///< of sgd
  std::int64_t checkpoint_every = 1;     ///< epochs
};

/// An autoencoder of rows: an encoder to a code of a few columns and a decoder back, trained to
/// minimise the mean squared error between a (scaled) row and its reconstruction. Default shape:
/// d-500-500-2000-10 and its mirror image, pretraining as in the papers (Xie et al., ICML 2016;
/// Vincent et al., JMLR 2010).
///
/// If the values of (scaled) rows are far from unit size, or their means large beside their
/// deviations, training uses rows that are centred by column and rescaled; afterwards this becomes
/// part of the first and last layer. Training fails if its loss or a parameter is not finite. It
/// also fails if reconstructions are no better than the mean of the rows (although it had 200 steps
/// or the loss does not fall) and the loss has risen or all reconstructions are equal. The result
/// of a training that is merely slow is returned.
///
/// Deterministic: yes; the same seed (the context's), data and device give the same bytes for any
/// number of threads, and after a resume.
class Autoencoder {
 public:
  /// @param rows [n, d] on any device, n at least 2
  /// @throws Error if there are fewer than 2 rows or a value is not finite, if a layer is below 1
  /// or the code wider than the rows, if another option makes no sense, or the checkpoint is of
  /// another model; NotConverged if the training fails at every rate.
  static Autoencoder fit(Context& context, MatrixView<const float> rows,
                         const AutoencoderOptions& options);
  /// @throws Error for a file that is not a clipk autoencoder model.
  static Autoencoder load(Context& context, const std::filesystem::path& path);

  /// Moves the model; the other one can then only be assigned to or destroyed.
  Autoencoder(Autoencoder&&) noexcept;
  /// Like the move constructor.
  Autoencoder& operator=(Autoencoder&&) noexcept;
  ~Autoencoder();

  std::int64_t input_dim() const;  ///< columns of a row
  std::int64_t code_dim() const;   ///< columns of a code
  RowScaling scaling() const;      ///< of rows, before the network
  /// Mean loss of every epoch of the whole network.
  const std::vector<double>& losses() const;
  /// The same for each layer's own training; empty without layer_epochs.
  const std::vector<std::vector<double>>& layer_losses() const;

  /// The network's input for rows: scaled, on the context's device.
  /// @param rows [m, d] on any device  @throws Error if the width differs.
  Matrix<float> scaled(Context& context, MatrixView<const float> rows) const;
  /// @param rows [m, d], seen or not, on any device
  /// @returns [m, code] on the context's device
  /// @throws Error if the width differs. Deterministic: yes.
  Matrix<float> encode(Context& context, MatrixView<const float> rows) const;
  /// @param codes [m, code] on any device  @returns [m, d], scaled rows on the context's device
  Matrix<float> decode(Context& context, MatrixView<const float> codes) const;
  /// The mean over all values of (scaled row - decode(encode(row)))^2; 0 if there are no rows.
  double reconstruction_error(Context& context, MatrixView<const float> rows) const;

  /// The trained networks, from scaled rows to codes and back: a model that trains them further
  /// takes a copy().
  const AutoencoderNetwork& network() const;

  /// Atomic: after an error an older file is untouched.
  void save(Context& context, const std::filesystem::path& path) const;

 private:
  struct Impl;
  explicit Autoencoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk
