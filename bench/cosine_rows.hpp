#pragma once

#include "bench/support.hpp"

namespace clipk::bench {

/// Rows of 512 values, uniform on [-1, 1): a million rows of normal numbers would take longer than
/// what is timed.
Matrix<float> cosine_rows(Context& context, std::int64_t n, std::uint64_t seed);

/// Least work of all cosines of n rows with m, the table not held.
Work cosine_work(std::int64_t n, std::int64_t m);

/// Adds the process's largest memory so far to the counters.
void report_peak_memory(benchmark::State& state);

}  // namespace clipk::bench
