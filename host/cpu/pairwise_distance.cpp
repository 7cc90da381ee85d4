#include "cpu/pairwise_distance.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "cpu/detail/distance_tile.hpp"
#include "linalg/row_scales.hpp"

namespace clipk::cpu {
namespace {

constexpr std::int64_t kScaleRows = 256;

template <class T>
void scales_of_sides(int threads, Metric metric, BatchView<const T> x, T* scales_x,
                     BatchView<const T> y, T* scales_y) {
  const auto chunks = [](const BatchView<const T>& side) {
    return (side.rows + kScaleRows - 1) / kScaleRows;
  };
  const auto scale = [&](const BatchView<const T>& side, std::int64_t task, T* scales) {
    const std::int64_t b = task / chunks(side);
    const std::int64_t first = task % chunks(side) * kScaleRows;
    row_scales(metric, side[b].row_range(first, std::min(kScaleRows, side.rows - first)),
               scales + b * side.rows + first);
  };
  const std::int64_t of_x = x.batch * chunks(x);
  const std::int64_t of_y = scales_y != nullptr ? y.batch * chunks(y) : 0;
  parallel_for(threads, of_x + of_y, [&](std::int64_t task) {
    task < of_x ? scale(x, task, scales_x) : scale(y, task - of_x, scales_y);
  });
}

// out(j, i) = out(i, j) for the tile's rows i and columns j > i.
template <class T>
void mirror(MatrixView<T> out, std::int64_t i0, std::int64_t rows, std::int64_t j0,
            std::int64_t cols) {
  constexpr std::int64_t kStreams = 16;  // rows written at once: a cache line of each is open
  for (std::int64_t j = j0; j < j0 + cols; j += kStreams) {
    const std::int64_t end = std::min(j + kStreams, j0 + cols);
    for (std::int64_t i = i0; i < std::min(i0 + rows, end - 1); ++i) {
      const T* from = out.row(i);
      for (std::int64_t c = std::max(j, i + 1); c < end; ++c) out.row(c)[i] = from[c];
    }
  }
}

template <class T>
void distances(int threads, BatchView<const T> x, BatchView<const T> y, Metric metric,
               const T* scales_x, const T* scales_y, BatchView<T> out) {
  const std::int64_t n = x.rows, m = y.rows, d = x.cols;
  const bool within = x.data == y.data && n == m && x.stride == y.stride &&
                      (x.batch_stride == y.batch_stride || x.batch == 1);
  const std::int64_t row_tiles = (n + kTileRows - 1) / kTileRows;
  const std::int64_t col_tiles = (m + kTileCols - 1) / kTileCols;
  const std::int64_t tiles = row_tiles * col_tiles;
  parallel_for(threads, x.batch * tiles, [&](std::int64_t task) {
    const std::int64_t b = task / tiles;
    const std::int64_t i = task % tiles / col_tiles * kTileRows;
    std::int64_t j = task % tiles % col_tiles * kTileCols;
    const std::int64_t j_end = std::min(j + kTileCols, m);
    // Within one set the tiles right of the diagonal serve both sides of it.
    if (within) j = std::max(j, i);
    if (j >= j_end) return;
    const std::int64_t rows = std::min(kTileRows, n - i);
    distance_tile(
        metric, rows, j_end - j, d, ScaledRows<T>{x[b].row(i), x.stride, scales_x + b * n + i},
        ScaledRows<T>{y[b].row(j), y.stride, scales_y + b * m + j}, out[b].row(i) + j, out.stride);
    if (within) mirror(out[b], i, rows, j, j_end - j);
  });
}

}  // namespace

void batch_scales(int threads, Metric metric, BatchView<const float> x, float* scales_x,
                  BatchView<const float> y, float* scales_y) {
  scales_of_sides(threads, metric, x, scales_x, y, scales_y);
}
void batch_scales(int threads, Metric metric, BatchView<const double> x, double* scales_x,
                  BatchView<const double> y, double* scales_y) {
  scales_of_sides(threads, metric, x, scales_x, y, scales_y);
}

void pairwise_distance(int threads, BatchView<const float> x, BatchView<const float> y,
                       Metric metric, const float* scales_x, const float* scales_y,
                       BatchView<float> out) {
  distances(threads, x, y, metric, scales_x, scales_y, out);
}
void pairwise_distance(int threads, BatchView<const double> x, BatchView<const double> y,
                       Metric metric, const double* scales_x, const double* scales_y,
                       BatchView<double> out) {
  distances(threads, x, y, metric, scales_x, scales_y, out);
}

}  // namespace clipk::cpu
