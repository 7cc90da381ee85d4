#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/models/autoencoder.hpp"
#include "clipk/models/pca.hpp"
#include "clipk/models/vae.hpp"
#include "clipk/train/progress.hpp"

namespace clipk::study {

struct StageSettings {
  std::string kind = "vae";  ///< vae, autoencoder or pca
  std::int64_t latent = 0;
  std::vector<std::int64_t> hidden = {512, 256};
  std::int64_t epochs = 0;
  double sigma = 0;  ///< of a vae
  std::filesystem::path checkpoint = {};
  std::function<void(const Progress&)> progress = {};
};

/// What comes before the interpretation: rows to codes and back.
class FirstStage {
 public:
  static FirstStage fit(Context& context, MatrixView<const float> rows,
                        const StageSettings& settings);

  std::int64_t latent() const { return latent_; }
  /// [m, latent] on the context's device; of a vae the means.
  Matrix<float> encode(Context& context, MatrixView<const float> rows) const;
  /// [m, latent] of a vae; empty otherwise: codes have no spread.
  Matrix<float> log_variance(Context& context, MatrixView<const float> rows) const;
  /// A draw of every row's code; where codes have no spread, the codes.
  Matrix<float> sample(Context& context, MatrixView<const float> rows, std::uint32_t draw) const;
  /// [m, d] on the host.
  Matrix<float> decode(Context& context, MatrixView<const float> codes) const;
  /// Mean squared difference between a value and what comes back of it.
  double error(Context& context, MatrixView<const float> rows) const;
  /// Mean loss of every epoch; empty of a pca.
  std::vector<double> losses() const;
  void save(Context& context, const std::filesystem::path& path) const;

 private:
  using Model = std::variant<Vae, Autoencoder, Pca>;
  FirstStage(Model model, std::int64_t latent) : model_(std::move(model)), latent_(latent) {}

  Model model_;
  std::int64_t latent_;
};

}  // namespace clipk::study
