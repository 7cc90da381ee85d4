#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/ops/gaussian_posterior.hpp"

namespace clipk::gpu {

inline constexpr std::int64_t kPosteriorMaxBlocks = 1024;

struct PosteriorScratch {
  double partials[kPosteriorMaxBlocks];
  unsigned ticket;  ///< 0 before the call
};

/// Views are of device memory, not empty. Shapes as in clipk::gaussian_posterior.
/// @param z may be empty  @param loss and scratch may be null, both
void gaussian_posterior(std::uint64_t seed, MatrixView<const float> mean,
                        MatrixView<const float> log_variance,
                        const GaussianPosteriorOptions& options, const std::uint64_t* step,
                        MatrixView<float> z, double* loss, PosteriorScratch* scratch,
                        cudaStream_t stream);

void gaussian_posterior_backward(MatrixView<const float> mean, MatrixView<const float> log_variance,
                                 MatrixView<const float> z, const GaussianPosteriorOptions& options,
                                 MatrixView<const float> grad_z, MatrixView<float> grad_mean,
                                 MatrixView<float> grad_log_variance, cudaStream_t stream);

}  // namespace clipk::gpu
