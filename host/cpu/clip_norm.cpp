#include "cpu/clip_norm.hpp"

#include <cmath>

#include "core/parallel.hpp"

namespace clipk::cpu {
namespace {

// Sixteen running sums, which the compiler keeps in vectors without being allowed to reorder.
template <class T>
double sum_of_squares(const T* x, std::int64_t n) {
  constexpr std::int64_t kLanes = 16;
  double sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) {
      const double value = x[i + j];
      sums[j] += value * value;
    }
  }
  for (; i < n; ++i) sums[0] += static_cast<double>(x[i]) * x[i];
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace

template <class T>
void clip_norm(int threads, T max_norm, VectorView<double> parts, VectorView<T> gradients) {
  parallel_chunks(threads, gradients.size, kNormBlock, [&](std::int64_t first, std::int64_t count) {
    parts[first / kNormBlock] = sum_of_squares(gradients.data + first, count);
  });
  double squared = 0;
  for (const double part : parts) squared += part;
  const double factor = max_norm / std::sqrt(squared);
  if (!(factor < 1) || factor == 0) return;
  const T scale = static_cast<T>(factor);
  parallel_chunks(threads, gradients.size, kNormBlock, [&](std::int64_t first, std::int64_t count) {
    for (T& g : gradients.slice(first, count)) g *= scale;
  });
}

template void clip_norm<float>(int, float, VectorView<double>, VectorView<float>);
template void clip_norm<double>(int, double, VectorView<double>, VectorView<double>);

}  // namespace clipk::cpu
