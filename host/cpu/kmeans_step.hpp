#pragma once

#include <cstdint>

#include "clipk/ops/kmeans_step.hpp"

namespace clipk::cpu {

/// How the points are cut: into pieces with sums of their own, added in order, and these into
/// blocks that stay in cache while all sets of centres are compared with them. By the sizes alone,
/// and not by the number of sets, so that a set's sums do not depend on the other sets.
struct KMeansPlan {
  KMeansPlan(std::int64_t n, std::int64_t k, std::int64_t d);

  std::int64_t piece_rows;
  std::int64_t pieces;
  std::int64_t block_rows;
  std::int64_t panel_values;  ///< of a set: k, padded, times d
  std::int64_t padded;        ///< k
};

struct KMeansScratch {
  float* panels;         ///< [r, plan.panel_values]
  float* offsets;        ///< [r, plan.padded]
  float* grows;          ///< [r, k]
  float* shrinks;        ///< [r, k]
  float* values;         ///< [threads, kPanelRows, plan.padded]
  double* sums;          ///< [plan.pieces, r, k, d]
  std::int64_t* counts;  ///< [plan.pieces, r, k + 1], the last one the changed labels
};

void kmeans_step(int threads, const KMeansPlan& plan, MatrixView<const float> points,
                 const KMeansState& state, const KMeansBounds& bounds,
                 const KMeansScratch& scratch);

/// piece_inertia [plan.pieces, r] is scratch.
void kmeans_inertia(int threads, const KMeansPlan& plan, MatrixView<const float> points,
                    BatchView<const float> centres, MatrixView<const std::int32_t> labels,
                    double* piece_inertia, MatrixView<double> squared, VectorView<double> inertia);

}  // namespace clipk::cpu
