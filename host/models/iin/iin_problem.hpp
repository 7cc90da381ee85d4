#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/models/factor_pairs.hpp"
#include "clipk/models/flow.hpp"
#include "clipk/models/iin.hpp"
#include "clipk/train/trainer.hpp"

namespace clipk {

/// Where noise is added to rows; sites of RandomStream::corruption, beyond those of first stages.
enum class IinSite : std::uint32_t { first = 65536, second, start };

/// Rows on the context's device, used as means of normal distributions or as they are.
struct IinRows {
  MatrixView<const float> means;
  MatrixView<const float> log_variance;  ///< or empty

  /// Draws chosen rows into `out` [b, D]. @param step, site distinguish the draws
  void draw(Context& context, const std::vector<std::int32_t>& rows, std::uint64_t step,
            IinSite site, MatrixView<float> out) const;
};

/// The pair loss of a flow. Pairs and their rows are drawn anew before every epoch and stored on
/// the device; a step gathers some of them.
class IinProblem : public TrainingProblem {
 public:
  /// All that is referred to must outlive the problem.
  /// @param sizes of the factors' blocks, without the residual
  IinProblem(Context& context, const IinRows& rows, const FactorPairs& pairs,
             const std::vector<std::int64_t>& sizes, const IinOptions& options, Flow& flow);

  VectorView<float> parameters() override { return flow_.parameters().values; }
  VectorView<float> gradients() override { return flow_.parameters().gradients; }
  std::int64_t rows() const override { return count_; }
  void begin_epoch(Context& context, std::int64_t epoch) override;
  void step(Context& context, const Batch& batch, VectorView<double> loss) override;
  std::string fingerprint() const override;
  /// Never fails by its losses: they are log-densities, and change with rho.
  std::optional<std::string> failure(Context&, const std::vector<double>&) override {
    return std::nullopt;
  }
  void save_state(Context&, ArchiveWriter& archive) const override { archive.add("rho", rho_); }
  void load_state(Context&, const ArchiveReader& archive) override {
    rho_ = archive.vector<float>("rho", static_cast<std::int64_t>(sizes_.size()));
    archive.expect_within("rho", rho_, 0, 1);
  }

  const std::vector<float>& rho() const { return rho_; }  ///< [F] of the last epoch

 private:
  void estimate_rho(Context& context, const Matrix<float>& shared);

  const IinRows& rows_;
  const FactorPairs& pairs_;
  const std::vector<std::int64_t>& sizes_;
  const IinOptions& options_;
  Flow& flow_;
  std::string data_;  // digest
  std::int64_t dim_, count_;
  std::vector<float> rho_;

  Matrix<float> pool_;  // [count, 2 D + F]: both rows of each pair, and the factors they share
  Matrix<std::int32_t> blocks_;
  Matrix<float> rho_there_;
  Flow::Workspace workspace_;
  Matrix<float> x_, z_, grad_z_, log_det_, grad_log_det_;  // of 2 batch rows
  Matrix<float> shared_;                                   // [batch, F]
};

/// The maximum-likelihood correlation in [0, 1) of two standard normal values a, b.
/// @param squares mean of (a^2 + b^2) / 2  @param products mean of a b
double likeliest_correlation(double squares, double products);

}  // namespace clipk
