#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clipk {

/// The bits of the Highway targets that promise the same results: those with a fused multiply-add.
/// x86 below AVX2 and plain C++ have none.
std::int64_t fused_targets(std::int64_t targets);

/// Their names, best first: a lower bit is a better target in Highway.
std::vector<std::string> target_names(std::int64_t targets);

/// The bit of the best target that `name` allows; of the best of all for an empty name.
/// @param targets of this build and processor
/// @throws Error as limit_cpu_target
std::int64_t best_target(std::int64_t targets, std::string_view name);

}  // namespace clipk
