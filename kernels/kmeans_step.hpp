#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/device.hpp"
#include "clipk/ops/kmeans_step.hpp"
#include "kernels/detail/gemm.hpp"

namespace clipk::gpu {

/// How the points are cut: into pieces with sums of their own, added in order, and for the labels
/// into blocks whose products with the centres fit the L2 cache. By the sizes alone; the pieces do
/// not depend on the number of sets, so that a set's sums do not depend on the others.
struct KMeansPlan {
  KMeansPlan(std::int64_t n, std::int64_t sets, std::int64_t k, std::int64_t d);

  std::int64_t piece_rows;
  std::int64_t pieces;
  std::int64_t block_rows;
};

struct KMeansScratch {
  double* means;         ///< [r, d] of the centres of a set
  float* centred;        ///< [r k, d] centres less their mean m
  float* offsets;        ///< [r k]: |x - c|^2 / 2 is offset - x . (c - m) plus what is common
  float* lengths;        ///< [r k] |c - m|
  float* point_lengths;  ///< [plan.block_rows]
  float* products;       ///< [r k, plan.block_rows]
  double* sums;          ///< [plan.pieces, r, k, d]
  std::int32_t* moves;   ///< [plan.pieces, r, k, 2] points that came, and that went
};

/// Shapes as in clipk::kmeans_step. The new labels go to new_labels [r, n]; state.labels stay.
void kmeans_step(GemmHandle& handle, const KMeansPlan& plan, Precision precision,
                 MatrixView<const float> points, const KMeansState& state,
                 MatrixView<std::int32_t> new_labels, const KMeansScratch& scratch,
                 cudaStream_t stream);

/// Blocks of kmeans_inertia: partials is [r, blocks].
std::int64_t kmeans_inertia_blocks(std::int64_t n);

/// Shapes as in clipk::kmeans_inertia; squared may be empty.
void kmeans_inertia(MatrixView<const float> points, BatchView<const float> centres,
                    MatrixView<const std::int32_t> labels, double* partials,
                    MatrixView<double> squared, double* inertia, cudaStream_t stream);

}  // namespace clipk::gpu
