#pragma once

#include <cstdint>
#include <string>

namespace clipk::io {

/// Refuses what would be inflated to a size out of all proportion: more than deflate can pack, or
/// more than 1 GiB of which every packed byte makes more than 200.
/// @param name for messages  @param size after inflation, as the file claims
/// @param packed bytes, that are really there
/// @throws Error
void check_packed_size(const std::string& name, std::uint64_t size, std::uint64_t packed);

/// "4000 bytes from 12".
std::string packed_sizes(std::uint64_t size, std::uint64_t packed);

}  // namespace clipk::io
