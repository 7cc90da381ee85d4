#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace clipk {

/// Bytes of host memory that can still be taken without swapping: what the system has to spare, and
/// no more than the control groups of this process (containers) leave it. Nothing where that cannot
/// be read. The allocator grants more than that, and the process is then killed when it is used.
/// @param root of /proc and /sys
std::optional<std::uint64_t> available_memory(const std::filesystem::path& root = "/");

}  // namespace clipk
