#pragma once

#include "clipk/core/view.hpp"
#include "cpu/detail/chunk_plan.hpp"

namespace clipk::cpu {

/// A tile of products stays in L2 until it is summed.
inline constexpr std::int64_t kSumTileRows = 256;
inline constexpr std::int64_t kSumTileCols = 512;

/// A sum of exponentials: sum * exp(top).
struct ScaledSum {
  double top;
  double sum;
};

/// The offsets of a tile's columns: rounded + rest.
template <class T>
struct TileOffsets {
  T rounded[kSumTileCols];
  T rest[kSumTileCols];
};

/// Shapes as in clipk::log_sum_exp; n > 0. offset may be null.
/// @param plan ChunkPlan(n, m, kSumTileRows, kSumTileCols)
/// @param tiles [threads * kSumTileRows * kSumTileCols] and @param parts [plan.chunks * n] scratch
void log_sum_exp(int threads, const ChunkPlan& plan, MatrixView<const float> x,
                 MatrixView<const float> y, double scale, const double* offset, float* tiles,
                 ScaledSum* parts, double* out);
void log_sum_exp(int threads, const ChunkPlan& plan, MatrixView<const double> x,
                 MatrixView<const double> y, double scale, const double* offset, double* tiles,
                 ScaledSum* parts, double* out);

}  // namespace clipk::cpu
