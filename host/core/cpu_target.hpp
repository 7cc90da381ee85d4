#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clipk {

/// The bits of Highway's targets that are promised the same results: those with a fused
/// multiply-add. x86 below AVX2 and plain C++ have none.
std::int64_t fused_targets(std::int64_t targets);

/// Their names, the best first: Highway's lower bits are better.
std::vector<std::string> target_names(std::int64_t targets);

/// The bit of the target that `name` allows at best; the best of all for an empty name.
/// @param targets of this build and processor
/// @throws Error as limit_cpu_target
std::int64_t best_target(std::int64_t targets, std::string_view name);

}  // namespace clipk
