#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"
#include "clipk/models/autoencoder_network.hpp"
#include "clipk/train/progress.hpp"
#include "clipk/train/schedule.hpp"
#include "clipk/train/trainer.hpp"

namespace clipk {

struct AutoencoderOptions {
  std::vector<std::int64_t> hidden = {500, 500, 2000};  ///< of the encoder; the decoder mirrors it
  std::int64_t code = 10;
  Activation activation = Activation::relu;
  Init init = Init::glorot_uniform;

  std::int64_t epochs = 100;
  std::int64_t batch = 256;
  Optimizer optimizer = Optimizer::adam;
  double rate = 1e-3;
  float momentum = 0.9F;  ///< of sgd
  ScheduleOptions schedule = {};

  /// Where it exists, the training goes on from it, to the same bytes. Removed by the caller.
  std::filesystem::path checkpoint;
  std::int64_t checkpoint_every = 1;  ///< epochs
  std::function<void(const Progress&)> progress;
};

/// An autoencoder of rows: a network to a code of a few columns and one back, trained to the least
/// mean squared error between a row and what comes back. Default shape: d-500-500-2000-10 and its
/// mirror image (Xie et al., ICML 2016).
///
/// Deterministic: yes; the same seed (the context's), data and device give the same bytes for any
/// number of threads, and after a resume.
class Autoencoder {
 public:
  /// @param rows [n, d] on any device, n at least 2
  /// @throws Error if there are fewer than 2 rows or a value is not finite, if a layer is below 1
  /// or the code wider than the rows, or the checkpoint is of another model.
  static Autoencoder fit(Context& context, MatrixView<const float> rows,
                         const AutoencoderOptions& options);
  /// @throws Error for a file that is not a clipk autoencoder model.
  static Autoencoder load(Context& context, const std::filesystem::path& path);

  Autoencoder(Autoencoder&&) noexcept;
  Autoencoder& operator=(Autoencoder&&) noexcept;
  ~Autoencoder();

  std::int64_t input_dim() const;
  std::int64_t code_dim() const;
  /// Mean loss of every epoch.
  const std::vector<double>& losses() const;

  /// @param rows [m, d], seen or not, on any device
  /// @returns [m, code] on the context's device
  /// @throws Error if the width differs. Deterministic: yes.
  Matrix<float> encode(Context& context, MatrixView<const float> rows) const;
  /// @param codes [m, code] on any device  @returns [m, d] on the context's device
  Matrix<float> decode(Context& context, MatrixView<const float> codes) const;
  /// The mean over all values of (row - decode(encode(row)))^2; 0 of no rows.
  double reconstruction_error(Context& context, MatrixView<const float> rows) const;

  /// The trained networks: a model that trains them further takes a copy().
  const AutoencoderNetwork& network() const;

  /// Atomic: after an error an older file is untouched.
  void save(Context& context, const std::filesystem::path& path) const;

 private:
  struct Impl;
  explicit Autoencoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk
