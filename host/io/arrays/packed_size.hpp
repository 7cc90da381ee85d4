#pragma once

#include <cstdint>
#include <string>

namespace clipk::io {

/// Refuses data that would inflate out of all proportion: to more than deflate can pack, or to more
/// than 1 GiB at over 200 bytes per packed byte.
/// @param name for messages  @param size after inflation, as the file claims
/// @param packed bytes that are present
/// @throws Error
void check_packed_size(const std::string& name, std::uint64_t size, std::uint64_t packed);

/// "4000 bytes from 12".
std::string packed_sizes(std::uint64_t size, std::uint64_t packed);

}  // namespace clipk::io
