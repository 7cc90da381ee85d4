#pragma once

#include <cstdint>

#include "clipk/core/view.hpp"
#include "cpu/detail/code_scan.hpp"

namespace clipk::cpu {

/// Bytes of scratch that a thread needs for codes of this many bytes.
std::int64_t hamming_scratch_bytes(const ScanPlan& plan, std::int64_t bytes);

/// @param work [threads * hamming_scratch_bytes]
void hamming_top_k(int threads, const ScanPlan& plan, const ScanScratch& scratch,
                   std::uint8_t* work, MatrixView<const std::uint8_t> queries,
                   MatrixView<const std::uint8_t> database, MatrixView<std::int32_t> indices,
                   MatrixView<std::int32_t> distances);

}  // namespace clipk::cpu
