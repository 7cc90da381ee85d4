// Mean and variance of the columns of x [n, d].
//
// Plan    two launches. In the first a block owns a part of the rows and 128 columns, one a thread,
//         so that a warp reads 128 bytes of a row; it adds x - x's first value and its square in
//         float64. The second has a thread a column, which joins the at most 128 parts in their
//         order by the formula of Chan, Golub and LeVeque.
// Floor   4 n d bytes: n d / 7.5e11 s on an H100. The three float64 operations and the conversion a
//         value take n d / 8e12 s there.
// Ladder  two passes (mean first, then squares of differences) read x twice where it is beyond L2;
//         differences from the part's first row need one and cancel no more. Not run on hardware.

#include "kernels/column_moments.hpp"

#include <algorithm>

#include "kernels/detail/portable.cuh"
#include "shared/column_moments.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 128;
constexpr std::int64_t kLeastRows = 512;  // of a part, but for the last
constexpr std::int64_t kMostParts = 128;

std::int64_t rows_of_part(std::int64_t rows) {
  return std::max(kLeastRows, (rows + kMostParts - 1) / kMostParts);
}

__global__ void __launch_bounds__(kThreads)
    part_sums_kernel(std::int64_t part_rows, MatrixView<const float> x,
                     double* __restrict__ parts) {
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (j >= x.cols) return;
  const std::int64_t first = blockIdx.y * part_rows, last = min(x.rows, first + part_rows);
  const auto origin = static_cast<double>(__ldg(x.data + first * x.stride + j));
  double sum = 0, squares = 0;
#pragma unroll 8
  for (std::int64_t i = first + 1; i < last; ++i) {
    const double moved = static_cast<double>(__ldg(x.data + i * x.stride + j)) - origin;
    sum += moved;
    squares = fma(moved, moved, squares);
  }
  double* const own = parts + blockIdx.y * 2 * x.cols;
  own[j] = sum;
  own[x.cols + j] = squares;
}

__global__ void __launch_bounds__(kThreads)
    join_parts_kernel(std::int64_t part_rows, std::int64_t count, MatrixView<const float> x,
                      const double* __restrict__ parts, double* __restrict__ mean,
                      double* __restrict__ variance) {
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (j >= x.cols) return;
  ColumnPart all;
  for (std::int64_t p = 0; p < count; ++p) {
    const std::int64_t first = p * part_rows;
    all = joined(all, column_part(static_cast<double>(min(part_rows, x.rows - first)),
                                  static_cast<double>(__ldg(x.data + first * x.stride + j)),
                                  parts[p * 2 * x.cols + j], parts[(p * 2 + 1) * x.cols + j]));
  }
  mean[j] = all.mean;
  if (variance != nullptr) variance[j] = variance_of(all);
}

}  // namespace

std::int64_t column_moment_parts(std::int64_t rows) {
  const std::int64_t part_rows = rows_of_part(rows);
  return (rows + part_rows - 1) / part_rows;
}

void column_moments(MatrixView<const float> x, double* parts, double* mean, double* variance,
                    cudaStream_t stream) {
  const std::int64_t count = column_moment_parts(x.rows), part_rows = rows_of_part(x.rows);
  const auto strips = static_cast<unsigned>((x.cols + kThreads - 1) / kThreads);
  CLIPK_LAUNCH(part_sums_kernel,
               (Launch{dim3(strips, static_cast<unsigned>(count)), dim3(kThreads), 0, stream}),
               part_rows, x, parts);
  CLIPK_LAUNCH(join_parts_kernel, (Launch{dim3(strips), dim3(kThreads), 0, stream}), part_rows,
               count, x, parts, mean, variance);
}

}  // namespace clipk::gpu
