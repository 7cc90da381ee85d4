#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/metric.hpp"
#include "clipk/core/view.hpp"

namespace clipk::gpu {

/// Rows made ready for tiles of distances, as on the CPU: moved so that their middle is near
/// the origin (or, for cosine, scaled to length one), with zeros up to `stride` columns and to a
/// multiple of kPackedRows rows, and with their squared lengths.
struct PackedRows {
  float* data;
  float* norms;  ///< one a padded row
  std::int64_t rows;
  int cols;
  int stride;
};

constexpr std::int64_t kPackedRows = 64;

/// Rows after padding.
constexpr std::int64_t padded_rows(std::int64_t rows) {
  return (rows + kPackedRows - 1) / kPackedRows * kPackedRows;
}

/// centre [d]: a point near the middle of the rows of x and y, by a sample of each; the origin
/// where that is near enough.
void find_centre(MatrixView<const float> x, MatrixView<const float> y, float* centre,
                 cudaStream_t stream);

/// Fills `packed`, whose arrays hold padded_rows(x.rows) rows. Cosine takes no centre; a row of
/// length zero gives NaN there.
void pack_rows(MatrixView<const float> x, const float* centre, Metric metric,
               const PackedRows& packed, cudaStream_t stream);

}  // namespace clipk::gpu
