#pragma once

#include "clipk/ops/gaussian_posterior.hpp"

namespace clipk::cpu {

/// Rows whose divergences are added before those of the blocks are.
inline constexpr std::int64_t kPosteriorRows = 64;

/// Shapes as in clipk::gaussian_posterior; not empty.
/// @param parts [ceil(n / kPosteriorRows)] scratch
void gaussian_posterior(int threads, std::uint64_t seed, MatrixView<const float> mean,
                        MatrixView<const float> log_variance,
                        const GaussianPosteriorOptions& options, std::uint64_t step,
                        MatrixView<float> z, VectorView<double> parts, VectorView<double> loss);
void gaussian_posterior(int threads, std::uint64_t seed, MatrixView<const double> mean,
                        MatrixView<const double> log_variance,
                        const GaussianPosteriorOptions& options, std::uint64_t step,
                        MatrixView<double> z, VectorView<double> parts, VectorView<double> loss);

void gaussian_posterior_backward(int threads, MatrixView<const float> mean,
                                 MatrixView<const float> log_variance, MatrixView<const float> z,
                                 const GaussianPosteriorOptions& options,
                                 MatrixView<const float> grad_z, MatrixView<float> grad_mean,
                                 MatrixView<float> grad_log_variance);
void gaussian_posterior_backward(int threads, MatrixView<const double> mean,
                                 MatrixView<const double> log_variance, MatrixView<const double> z,
                                 const GaussianPosteriorOptions& options,
                                 MatrixView<const double> grad_z, MatrixView<double> grad_mean,
                                 MatrixView<double> grad_log_variance);

}  // namespace clipk::cpu
