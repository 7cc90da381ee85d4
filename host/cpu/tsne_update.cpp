#include "cpu/tsne_update.hpp"

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"

// Memory-bound and small beside the forces: plain loops.
namespace clipk::cpu {
namespace {

constexpr std::int64_t kGrain = 1024;

template <class T>
void run(int threads, Scratch& scratch, const TsneUpdateOptions& options,
         MatrixView<const T> attraction, MatrixView<const T> repulsion, VectorView<const double> z,
         MatrixView<T> y, MatrixView<T> velocity, MatrixView<T> gains) {
  const std::int64_t n = y.rows;
  const std::int64_t chunks = (n + kGrain - 1) / kGrain;
  double* sums = scratch.vector<double>(2 * chunks).data;
  parallel_chunks(threads, n, kGrain, [&](std::int64_t first, std::int64_t count) {
    double* sum = sums + first / kGrain * 2;
    sum[0] = sum[1] = 0;
    for (std::int64_t i = first; i < first + count; ++i) {
      const double norm = z[z.size == 1 ? 0 : i];
      const T share = norm > 0 ? static_cast<T>(1 / norm) : T{0};  // a point alone has no force
      T step[2];
      for (int c = 0; c < 2; ++c) {
        const T gradient = static_cast<T>(options.exaggeration) * attraction.row(i)[c] -
                           repulsion.row(i)[c] * share;
        const T moving = velocity.row(i)[c];
        const T gain = gains.row(i)[c];
        const bool against = (gradient > 0 && moving > 0) || (gradient < 0 && moving < 0);
        const T gain_new = std::max(against ? gain * T(0.8) : gain + T(0.2), T(0.01));
        gains.row(i)[c] = gain_new;
        step[c] = static_cast<T>(options.momentum) * moving -
                  static_cast<T>(options.rate) * gain_new * gradient;
      }
      if (options.max_step > 0) {
        const T length = std::sqrt(step[0] * step[0] + step[1] * step[1]);
        if (length > static_cast<T>(options.max_step)) {
          for (T& part : step) part *= static_cast<T>(options.max_step) / length;
        }
      }
      for (int c = 0; c < 2; ++c) {
        velocity.row(i)[c] = step[c];
        y.row(i)[c] += step[c];
        sum[c] += static_cast<double>(y.row(i)[c]);
      }
    }
  });
  if (!options.recentre || n == 0) return;
  double mean[2] = {};
  for (std::int64_t c = 0; c < 2 * chunks; ++c) mean[c % 2] += sums[c] / static_cast<double>(n);
  parallel_chunks(threads, n, kGrain, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      for (int c = 0; c < 2; ++c) y.row(i)[c] -= static_cast<T>(mean[c]);
    }
  });
}

}  // namespace

void tsne_update(int threads, Scratch& scratch, const TsneUpdateOptions& options,
                 MatrixView<const float> attraction, MatrixView<const float> repulsion,
                 VectorView<const double> z, MatrixView<float> y, MatrixView<float> velocity,
                 MatrixView<float> gains) {
  run(threads, scratch, options, attraction, repulsion, z, y, velocity, gains);
}
void tsne_update(int threads, Scratch& scratch, const TsneUpdateOptions& options,
                 MatrixView<const double> attraction, MatrixView<const double> repulsion,
                 VectorView<const double> z, MatrixView<double> y, MatrixView<double> velocity,
                 MatrixView<double> gains) {
  run(threads, scratch, options, attraction, repulsion, z, y, velocity, gains);
}

}  // namespace clipk::cpu
