#pragma once

#include <cstdint>

namespace clipk::cpu {

/// How many of values [n] come before element `at` in ascending order, among ties the lower index
/// first. NaN comes before nothing, and nothing comes before NaN.
std::int64_t rank_of(const double* values, std::int64_t n, std::int64_t at);

}  // namespace clipk::cpu
