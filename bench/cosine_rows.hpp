#pragma once

#include "bench/support.hpp"

namespace clipk::bench {

/// Rows of 512 values, uniform on [-1, 1): generating a million rows of normal numbers would take
/// longer than the timed work.
Matrix<float> cosine_rows(Context& context, std::int64_t n, std::uint64_t seed);

/// The least work for all cosines of n rows with m rows, if the table is not stored.
Work cosine_work(std::int64_t n, std::int64_t m);

/// Adds the process's peak memory so far to the counters.
void report_peak_memory(benchmark::State& state);

}  // namespace clipk::bench
