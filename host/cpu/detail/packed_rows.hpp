#pragma once

#include <cstdint>

#include "clipk/core/memory.hpp"
#include "clipk/core/metric.hpp"

namespace clipk::cpu {

/// Rows made ready for tiles of distances: contiguous, moved so that their middle is near the
/// origin (or, for cosine, scaled to length one), with their squared lengths.
template <class T>
struct PackedRows {
  MatrixView<const T> rows;
  const T* norms;
};

template <class T>
struct PackedSides {
  PackedRows<T> x, y;
};

/// Packs both sides by the same movement, which changes no distance of the metric. With `within`
/// set y is x and is not packed again. `op` and the names go into the error of a zero row.
/// @throws Error under cosine if a row has length zero.
PackedSides<float> pack_sides(int threads, Scratch& scratch, const char* op,
                              MatrixView<const float> x, MatrixView<const float> y, bool within,
                              Metric metric);
PackedSides<double> pack_sides(int threads, Scratch& scratch, const char* op,
                               MatrixView<const double> x, MatrixView<const double> y, bool within,
                               Metric metric);

/// values_ij = |x_(row + i) - y_(col + j)|^2 of one tile, on the calling thread: one matrix product
/// with the squared lengths; rows so close that this cancels are compared by their difference,
/// and the nearest of them, less than 1/32 of their lengths apart, come with a negative sign.
void squared_distance_tile(const PackedSides<float>& pair, std::int64_t row, std::int64_t rows,
                           std::int64_t col, std::int64_t cols, float* values, std::int64_t stride);
void squared_distance_tile(const PackedSides<double>& pair, std::int64_t row, std::int64_t rows,
                           std::int64_t col, std::int64_t cols, double* values,
                           std::int64_t stride);

}  // namespace clipk::cpu
