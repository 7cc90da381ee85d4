#include "clipk/ops/gaussian_posterior.hpp"

#include <cmath>
#include <string>
#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/gaussian_posterior.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/gaussian_posterior.hpp"
#endif

namespace clipk {
namespace {

template <class T>
void check_inputs(const char* op, const Context& context, MatrixView<const T> mean,
                  MatrixView<const T> log_variance, const GaussianPosteriorOptions& options) {
  check::matrix(op, "mean", context, mean, mean.rows, mean.cols);
  check::matrix(op, "log_variance", context, log_variance, mean.rows, mean.cols);
  if (!std::isfinite(options.weight)) {
    check::fail(op, "a finite weight", std::to_string(options.weight));
  }
}

template <class T>
void forward(Context& context, MatrixView<const T> mean, MatrixView<const T> log_variance,
             const GaussianPosteriorOptions& options, VectorView<const std::uint64_t> step,
             MatrixView<T> z, VectorView<double> loss) {
  constexpr const char* kOp = "gaussian_posterior";
  check_inputs(kOp, context, mean, log_variance, options);
  check::vector(kOp, "step", context, step, 1);
  check::optional_matrix(kOp, "z", context, z, mean.rows, mean.cols);
  check::optional_vector(kOp, "loss", context, loss, 1);
  constexpr std::int64_t kMostBlocks = std::int64_t{1} << 32;
  const std::int64_t blocks = (mean.cols + 3) / 4 * mean.rows;
  if (blocks > kMostBlocks) {
    check::fail(kOp, "at most 2^32 groups of four columns", std::to_string(blocks));
  }
  if (mean.empty()) return;
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      gpu::PosteriorScratch* sums = nullptr;
      if (!loss.empty()) {
        const VectorView<std::uint8_t> bytes =
            scratch.vector<std::uint8_t>(static_cast<std::int64_t>(sizeof(gpu::PosteriorScratch)));
        fill_zero(context, bytes);
        sums = reinterpret_cast<gpu::PosteriorScratch*>(bytes.data);
      }
      return gpu::gaussian_posterior(context.seed(), mean, log_variance, options, step.data, z,
                                     loss.data, sums, context.stream());
    }
  }
#endif
  const VectorView<double> parts =
      scratch.vector<double>((mean.rows + cpu::kPosteriorRows - 1) / cpu::kPosteriorRows);
  cpu::gaussian_posterior(context.threads(), context.seed(), mean, log_variance, options, step[0],
                          z, parts, loss);
}

template <class T>
void backward(Context& context, MatrixView<const T> mean, MatrixView<const T> log_variance,
              MatrixView<const T> z, const GaussianPosteriorOptions& options,
              MatrixView<const T> grad_z, MatrixView<T> grad_mean,
              MatrixView<T> grad_log_variance) {
  constexpr const char* kOp = "gaussian_posterior_backward";
  check_inputs(kOp, context, mean, log_variance, options);
  check::matrix(kOp, "z", context, z, mean.rows, mean.cols);
  check::matrix(kOp, "grad_z", context, grad_z, mean.rows, mean.cols);
  check::matrix(kOp, "grad_mean", context, grad_mean, mean.rows, mean.cols);
  check::matrix(kOp, "grad_log_variance", context, grad_log_variance, mean.rows, mean.cols);
  if (mean.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::gaussian_posterior_backward(mean, log_variance, z, options, grad_z, grad_mean,
                                              grad_log_variance, context.stream());
    }
  }
#endif
  cpu::gaussian_posterior_backward(context.threads(), mean, log_variance, z, options, grad_z,
                                   grad_mean, grad_log_variance);
}

}  // namespace

void gaussian_posterior(Context& context, MatrixView<const float> mean,
                        MatrixView<const float> log_variance,
                        const GaussianPosteriorOptions& options,
                        VectorView<const std::uint64_t> step, MatrixView<float> z,
                        VectorView<double> loss) {
  forward(context, mean, log_variance, options, step, z, loss);
}
void gaussian_posterior(Context& context, MatrixView<const double> mean,
                        MatrixView<const double> log_variance,
                        const GaussianPosteriorOptions& options,
                        VectorView<const std::uint64_t> step, MatrixView<double> z,
                        VectorView<double> loss) {
  check::cpu_only("gaussian_posterior", context);
  forward(context, mean, log_variance, options, step, z, loss);
}

void gaussian_posterior_backward(Context& context, MatrixView<const float> mean,
                                 MatrixView<const float> log_variance, MatrixView<const float> z,
                                 const GaussianPosteriorOptions& options,
                                 MatrixView<const float> grad_z, MatrixView<float> grad_mean,
                                 MatrixView<float> grad_log_variance) {
  backward(context, mean, log_variance, z, options, grad_z, grad_mean, grad_log_variance);
}
void gaussian_posterior_backward(Context& context, MatrixView<const double> mean,
                                 MatrixView<const double> log_variance, MatrixView<const double> z,
                                 const GaussianPosteriorOptions& options,
                                 MatrixView<const double> grad_z, MatrixView<double> grad_mean,
                                 MatrixView<double> grad_log_variance) {
  check::cpu_only("gaussian_posterior_backward", context);
  backward(context, mean, log_variance, z, options, grad_z, grad_mean, grad_log_variance);
}

}  // namespace clipk
