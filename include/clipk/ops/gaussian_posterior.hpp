#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Which random numbers a draw uses, and the weight of its divergence.
struct GaussianPosteriorOptions {
  float weight = 1;        ///< weight of the divergence in the loss, finite
  std::uint32_t site = 0;  ///< distinguishes the places of a step: each draws its own numbers
};

/// A sample from the Gaussian posterior that an encoder gives for each row (reparameterisation),
/// and the KL divergence of the posterior from the standard normal distribution, in nats:
///   z_ij = mean_ij + e^(log_variance_ij / 2) noise_ij
///   L = weight / n * sum of 1/2 (mean_ij^2 + e^log_variance_ij - 1 - log_variance_ij)
/// The noise is the number that `corrupt` (gaussian, amount 1) adds to element (i, j) for the same
/// seed, step and site: the same on both devices to rounding.
///
/// @param mean [n, d]  @param log_variance [n, d]; both may be column ranges of one matrix
/// @param step [1] on the device, so that a captured graph can be replayed
/// @param[out] z [n, d]; if empty, nothing is drawn
/// @param[in,out] loss [1]: L is added to it; may be empty
/// @throws Error if a shape, a device or the weight does not fit. Deterministic: yes.
/// Scratch: a double per 64 rows. An empty batch adds nothing. Source: Kingma and Welling,
/// ICLR 2014, appendix B.
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

/// The gradients of a loss of z, and of L, from the results of the forward pass. No number is drawn
/// again, since e^(log_variance / 2) noise = z - mean.
///
/// @param grad_z [n, d]
/// @param[out] grad_mean [n, d]; may be grad_z itself  @param[out] grad_log_variance [n, d];
/// both overwritten
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
