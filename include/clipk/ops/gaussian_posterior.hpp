#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Where a draw belongs and what its divergence weighs.
struct GaussianPosteriorOptions {
  float weight = 1;        ///< of the divergence in the loss, finite
  std::uint32_t site = 0;  ///< tells the places of a step apart: each draws numbers of its own
};

/// A draw from the normal distribution that an encoder gives for each row, and its divergence from
/// the standard normal one, in nats:
///   z_ij = mean_ij + e^(log_variance_ij / 2) noise_ij
///   L = weight / n * sum of 1/2 (mean_ij^2 + e^log_variance_ij - 1 - log_variance_ij)
/// The noise is the number that `corrupt` (gaussian, amount 1) adds to element (i, j) for the same
/// seed, step and site: the same on both devices to rounding.
///
/// @param mean [n, d]  @param log_variance [n, d]; both may be column ranges of one matrix
/// @param step [1] on the device, so that a captured graph can be replayed
/// @param[out] z [n, d]; may be empty: no draw
/// @param[in,out] loss [1]: L is added to it; may be empty
/// @throws Error if a shape, a device or the weight does not fit. Deterministic: yes. Scratch: a
/// double every 64 rows. Empty rows add nothing. Source: Kingma and Welling, ICLR 2014, appendix B.
void gaussian_posterior(Context& context, MatrixView<const float> mean,
                        MatrixView<const float> log_variance,
                        const GaussianPosteriorOptions& options,
                        VectorView<const std::uint64_t> step, MatrixView<float> z,
                        VectorView<double> loss);
void gaussian_posterior(Context& context, MatrixView<const double> mean,
                        MatrixView<const double> log_variance,
                        const GaussianPosteriorOptions& options,
                        VectorView<const std::uint64_t> step, MatrixView<double> z,
                        VectorView<double> loss);

/// The gradients of a loss of z, and of L. From what the forward pass gave, so that no number is
/// drawn again: e^(log_variance / 2) noise = z - mean.
///
/// @param grad_z [n, d]
/// @param[out] grad_mean [n, d]; may be grad_z itself  @param[out] grad_log_variance [n, d]; both
/// overwritten
/// @throws Error as gaussian_posterior does. Deterministic: yes. Scratch: none.
void gaussian_posterior_backward(Context& context, MatrixView<const float> mean,
                                 MatrixView<const float> log_variance, MatrixView<const float> z,
                                 const GaussianPosteriorOptions& options,
                                 MatrixView<const float> grad_z, MatrixView<float> grad_mean,
                                 MatrixView<float> grad_log_variance);
void gaussian_posterior_backward(Context& context, MatrixView<const double> mean,
                                 MatrixView<const double> log_variance, MatrixView<const double> z,
                                 const GaussianPosteriorOptions& options,
                                 MatrixView<const double> grad_z, MatrixView<double> grad_mean,
                                 MatrixView<double> grad_log_variance);

}  // namespace clipk
