#include "cpu/permute.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace clipk::cpu {
namespace {

constexpr std::int64_t kGrain = 1 << 15;  // elements a task

// Calls row(i) for every row.
template <class F>
void for_rows(int threads, std::int64_t rows, std::int64_t cols, F&& row) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, cols));
  parallel_chunks(threads, rows, grain, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) row(i);
  });
}

}  // namespace

// Not Highway: a row lies in L1, where single loads are no slower than gathers.

template <class T>
void permute(int threads, MatrixView<const T> x, VectorView<const std::int32_t> order,
             MatrixView<T> y) {
  for_rows(threads, x.rows, x.cols, [&](std::int64_t i) {
    const T* from = x.row(i);
    T* to = y.row(i);
    for (std::int64_t j = 0; j < order.size; ++j) to[j] = from[order.data[j]];
  });
}

template <class T>
void permute_inverse(int threads, MatrixView<const T> y, VectorView<const std::int32_t> order,
                     MatrixView<T> x) {
  for_rows(threads, y.rows, y.cols, [&](std::int64_t i) {
    const T* from = y.row(i);
    T* to = x.row(i);
    for (std::int64_t j = 0; j < order.size; ++j) to[order.data[j]] = from[j];
  });
}

template void permute<float>(int, MatrixView<const float>, VectorView<const std::int32_t>,
                             MatrixView<float>);
template void permute<double>(int, MatrixView<const double>, VectorView<const std::int32_t>,
                              MatrixView<double>);
template void permute_inverse<float>(int, MatrixView<const float>, VectorView<const std::int32_t>,
                                     MatrixView<float>);
template void permute_inverse<double>(int, MatrixView<const double>, VectorView<const std::int32_t>,
                                      MatrixView<double>);

}  // namespace clipk::cpu
