#pragma once

#include "clipk/ops/pq_top_k.hpp"
#include "cpu/detail/code_scan.hpp"

namespace clipk::cpu {

/// Floats that pq_top_k needs for every thread.
std::int64_t pq_scratch_floats(std::int64_t m, std::int64_t centroids);

/// Shapes as in clipk::pq_top_k. @param work [threads * pq_scratch_floats()]
void pq_top_k(int threads, const ScanPlan& plan, const ScanScratch& scratch, float* work,
              BatchView<const float> tables, MatrixView<const std::uint8_t> codes, PqOrder order,
              MatrixView<std::int32_t> indices, MatrixView<float> scores);

}  // namespace clipk::cpu
