#pragma once

#include <cstdint>

#include "clipk/core/view.hpp"
#include "cpu/detail/code_scan.hpp"

namespace clipk::cpu {

/// Bytes of scratch that a thread needs for rows of this many columns.
std::int64_t int8_scratch_bytes(const ScanPlan& plan, std::int64_t cols);

/// @param work [threads * int8_scratch_bytes]
void int8_top_k(int threads, const ScanPlan& plan, const ScanScratch& scratch, std::uint8_t* work,
                MatrixView<const std::int8_t> queries, MatrixView<const std::int8_t> database,
                VectorView<const float> scale, MatrixView<std::int32_t> indices,
                MatrixView<float> scores);

}  // namespace clipk::cpu
