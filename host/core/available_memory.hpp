#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace clipk {

/// Bytes of host memory that can still be taken without swapping: the system's available memory,
/// limited by the control groups of this process (containers). Nothing where that cannot be read.
/// The allocator grants more than that; the process is then killed when it uses the memory.
/// @param root of /proc and /sys
std::optional<std::uint64_t> available_memory(const std::filesystem::path& root = "/");

}  // namespace clipk
