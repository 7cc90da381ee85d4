#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"
#include "clipk/ops/tsne_repulsion.hpp"
#include "clipk/train/progress.hpp"

namespace clipk {

/// How a map is computed.
struct TsneOptions {
  /// Effective number of neighbours. The fit uses the 3 perplexity + 1 nearest rows. Above a
  /// perplexity of 42 these are more than the 128 of `nearest`, and a slower path finds them.
  double perplexity = 30;
  std::int64_t iterations = 1000;  ///< in all
  /// Number of first iterations with exaggerated attraction and little momentum.
  std::int64_t exaggeration_iterations = 250;
  float exaggeration = 12;      ///< factor of the attraction at first
  float early_momentum = 0.5F;  ///< of the velocity at first
  float momentum = 0.8F;        ///< of the velocity afterwards
  /// 4 times scikit-learn's learning_rate, because the gradient here lacks the factor 4. 0 takes
  /// max(200, n / exaggeration), as scikit-learn's "auto".
  float rate = 0;
  float max_step = 5;  ///< of a point in one iteration, in units of the map; 0 for any length
  TsneMethod method = TsneMethod::automatic;  ///< of the repulsion

  /// If it exists the fit resumes from it and gives the same bytes; the caller removes it.
  std::filesystem::path checkpoint{};
  std::int64_t checkpoint_interval = 100;  ///< iterations between two writes
  /// Called every 50 iterations and at the end: epochs are iterations, loss is KL(P || Q). An
  /// exception from it ends the fit.
  std::function<void(const Progress&)> progress{};
};

/// How new rows are placed on a map.
struct TsneTransformOptions {
  double perplexity = 5;          ///< of the new rows among the fitted ones
  std::int64_t neighbors = 25;    ///< whose median is the start
  std::int64_t iterations = 250;  ///< of gradient descent
  float rate = 0.1F;              ///< as in TsneOptions, but without an automatic value
  float momentum = 0.8F;          ///< of the velocity
  float exaggeration = 1.5F;      ///< factor of the attraction
  float max_step = 0.25F;         ///< of a point in one iteration, in units of the map
};

/// A map of rows in two dimensions by t-SNE, which keeps neighbours.
///
/// p_j|i is a Gaussian over the 3 perplexity + 1 nearest rows (Euclidean, exact), its width found
/// by bisection in float64 so that the entropy is log(perplexity); P = (p + p^T) / 2n. Starts at
/// the first two principal components, scaled so that the first has a standard deviation of 1e-4,
/// with a hundredth of that in noise (from the context's seed) so that equal rows separate. Then
/// gradient descent by tsne_attraction, tsne_repulsion and tsne_update.
///
/// Deterministic: yes; the same seed, data and device give the same bytes for any number of
/// threads, and after a resume. Equal rows and constant columns are allowed.
class Tsne {
 public:
  /// @param rows [n, d], on any device; for many columns, 50 principal components (Pca) are faster
  ///   and about as good
  /// @throws Error if n - 1 < 3 perplexity, perplexity < 1, a value is not finite, an option is out
  ///   of range, or the checkpoint is of other rows or options.
  static Tsne fit(Context& context, MatrixView<const float> rows, const TsneOptions& options = {});
  /// @throws Error for a file that is not a clipk tsne model.
  static Tsne load(const std::filesystem::path& path);

  /// [n, 2] on the host, centred at 0.
  MatrixView<const float> map() const { return map_.view(); }
  /// KL(P || Q) of the map, without exaggeration, in nats.
  double kl() const { return kl_; }
  /// Whether kl() takes Z, the sum over all i != j of 1 / (1 + |y_i - y_j|^2), from all pairs (up
  /// to 100,000 rows, or with TsneMethod::exact); else from the grid of tsne_repulsion, whose
  /// error is 3e-5.
  bool kl_exact() const { return kl_exact_; }
  double perplexity() const { return perplexity_; }        ///< as in the options of the fit
  std::int64_t iterations() const { return iterations_; }  ///< of the fit
  double seconds() const { return seconds_; }              ///< of the fit

  /// Places new rows on the finished map, which does not move: from the median of the nearest
  /// fitted rows, gradient descent on KL(p_i || q_i) of every new row against the fitted ones.
  /// @param rows [m, d], on any device  @returns [m, 2] on the host
  /// @throws Error if the width differs, a value is not finite, or there are fewer fitted rows than
  ///   three perplexities. Deterministic: yes; if m n is at most kTsneExactPairs, a row's place
  ///   does not depend on the other new rows; above that it does, within the grid's accuracy.
  /// Source: Policar et al., Machine Learning 2023 (openTSNE).
  Matrix<float> transform(Context& context, MatrixView<const float> rows,
                          const TsneTransformOptions& options = {}) const;

  /// Saves atomically, with the fitted rows, which transform needs. @throws Error
  void save(const std::filesystem::path& path) const;

 private:
  Tsne() = default;

  Matrix<float> rows_;  // [n, d]
  Matrix<float> map_;   // [n, 2]
  double perplexity_ = 0;
  double kl_ = 0;
  bool kl_exact_ = true;
  std::int64_t iterations_ = 0;
  double seconds_ = 0;
};

}  // namespace clipk
