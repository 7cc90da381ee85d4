#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/models/autoencoder.hpp"
#include "clipk/models/dec.hpp"
#include "clipk/models/kmeans.hpp"
#include "clipk/models/manifold_denoising.hpp"
#include "clipk/train/progress.hpp"

namespace clipk::study {

/// What the cluster study compares.
struct ClusterSettings {
  std::vector<std::string> methods;
  std::int64_t k = 0;
  int seeds = 0;
  int restarts = 0;  ///< of every k-means
  bool spherical = false;
  ManifoldDenoisingOptions denoising = {};  ///< of codes before k-means; 0 iterations: none
  AutoencoderOptions autoencoder = {};
  DecOptions dec = {};      ///< of dec and idec
  double idec_gamma = 0.1;  ///< weight of the clustering loss beside the reconstruction in idec
};

/// One method from one seed, or the t-SNE map.
struct ClusterFit {
  std::vector<std::int32_t> labels;  ///< [n], 0 ... k - 1; of a map empty
  Matrix<float> embedding;           ///< [n, .]: where the method clusters; of k-means empty
  double inertia = 0;      ///< squared distances of the study's rows to their cluster's mean
  std::int64_t steps = 0;  ///< iterations of k-means, or steps of DEC
  double seconds = 0;      ///< from the rows, pretraining included
  std::vector<DecUpdate> updates;  ///< of DEC
  double kl = 0;                   ///< of a map
  std::string ended;               ///< why it ended, for the eye
};

void add_fit(ArchiveWriter& archive, const std::string& prefix, const ClusterFit& fit);
void read_fit(const ArchiveReader& archive, const std::string& prefix, ClusterFit& fit);

/// What a fit is of.
struct ClusterFitSizes {
  std::int64_t rows = 0;
  std::int64_t k = 0;     ///< 0: a map, which has no labels
  std::int64_t cols = 0;  ///< of the embedding; 0: there is none
};
/// @throws Error that says what is not as a fit of these sizes has it.
void check_fit(const ClusterFit& fit, const ClusterFitSizes& sizes);

/// The methods on one set of rows from one seed (the context's). The autoencoder is trained once
/// for all of them.
class ClusterFitter {
 public:
  /// What shows a training, by its name; an empty function shows nothing.
  using Show = std::function<std::function<void(const Progress&)>(const char*)>;

  /// @param network_file where the autoencoder's training is kept between runs; may be empty
  ClusterFitter(Context& context, MatrixView<const float> rows, const ClusterSettings& settings,
                std::filesystem::path network_file);

  /// @param checkpoint of the method's own training; may be empty
  ClusterFit fit(const std::string& method, const std::filesystem::path& checkpoint,
                 const Show& show);

 private:
  const Autoencoder& autoencoder(const Show& show);
  KMeans kmeans(MatrixView<const float> rows, bool spherical = false);

  Context& context_;
  MatrixView<const float> rows_;
  const ClusterSettings& settings_;
  std::filesystem::path network_file_;
  std::optional<Autoencoder> autoencoder_;
  std::string autoencoder_error_;  // why there is none, if its training failed
  double autoencoder_seconds_ = 0;
};

}  // namespace clipk::study
