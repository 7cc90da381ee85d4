#pragma once

#include <cstdint>

#include "clipk/ops/kmeans_step.hpp"

namespace clipk::cpu {

/// How the points are cut: into pieces with sums of their own, added in order, and these into
/// blocks that stay in cache while all sets of centres meet them. By the sizes alone, and not by
/// the number of sets, so that a set's sums do not depend on its company.
struct KMeansPlan {
  KMeansPlan(std::int64_t n, std::int64_t k, std::int64_t d);

  std::int64_t piece_rows;
  std::int64_t pieces;
  std::int64_t block_rows;
  std::int64_t pitch;  ///< of a row of products: block_rows, rounded up to whole vectors
};

/// Centres less their mean m: |x - c|^2 / 2 is offset - x . (c - m) plus what is the same for all
/// centres of the set. That form loses no more digits than the points themselves have lost.
struct CentredCentres {
  float* rows;     ///< [r k, d]
  float* offsets;  ///< [r k]
  float* lengths;  ///< [r] length of the set's longest row
  float* slack;    ///< [r] error of the offsets
};

/// What the choice of labels needs of one set of centres.
struct CentredSet {
  const float* centres;  ///< [k, d], as they are
  std::int64_t stride;
  std::int64_t k;
  const float* offsets;  ///< [k]
  float part;            ///< error of a value as a part of the point's length
  float slack;           ///< and beside it
};

struct KMeansScratch {
  CentredCentres centred;
  float* products;       ///< [threads, r k, plan.pitch]
  double* sums;          ///< [plan.pieces, r, k, d]
  std::int64_t* counts;  ///< [plan.pieces, r, k + 1], the last one the changed labels
};

void kmeans_step(int threads, const KMeansPlan& plan, MatrixView<const float> points,
                 const KMeansState& state, const KMeansScratch& scratch);

/// piece_inertia [plan.pieces, r] is scratch.
void kmeans_inertia(int threads, const KMeansPlan& plan, MatrixView<const float> points,
                    BatchView<const float> centres, MatrixView<const std::int32_t> labels,
                    double* piece_inertia, MatrixView<double> squared, VectorView<double> inertia);

}  // namespace clipk::cpu
