#pragma once

#include "clipk/ops/nearest.hpp"
#include "cpu/detail/candidate_list.hpp"
#include "cpu/detail/chunk_plan.hpp"
#include "cpu/detail/distance_tile.hpp"

namespace clipk::cpu {

struct NearestPlan : ChunkPlan {
  NearestPlan(std::int64_t n, std::int64_t m, std::int64_t k);

  std::int64_t list_capacity;    ///< of a query's list while its chunk is searched
  std::int64_t chunk_list_size;  ///< of the lists of all queries and chunks; 0 for one chunk
};

/// Scales are those of row_scales.
template <class T>
struct NearestScratch {
  T* tiles;                   ///< [threads * kTileRows * kTileCols]
  Candidate<T>* candidates;   ///< [threads * kTileRows * list_capacity]
  Candidate<T>* chunk_lists;  ///< [chunk_list_size]
};

void nearest(int threads, const NearestPlan& plan, MatrixView<const float> queries,
             MatrixView<const float> database, const NearestOptions& options, const float* scales_q,
             const float* scales_d, const NearestScratch<float>& scratch,
             MatrixView<std::int32_t> indices, MatrixView<float> distances);
void nearest(int threads, const NearestPlan& plan, MatrixView<const double> queries,
             MatrixView<const double> database, const NearestOptions& options,
             const double* scales_q, const double* scales_d, const NearestScratch<double>& scratch,
             MatrixView<std::int32_t> indices, MatrixView<double> distances);

}  // namespace clipk::cpu
