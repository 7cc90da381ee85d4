#pragma once

#include <cstdint>
#include <span>

namespace clipk {

/// What check_owners calls its arguments, for messages.
struct OwnerNames {
  const char* argument;
  const char* owner;  ///< with its article
  const char* owned;
};

/// Checks what belongs to whom: for each of m a row of n, or -1, and at least one of them a row.
/// @throws Error that begins with `op`
void check_owners(const char* op, std::span<const std::int32_t> owners, std::int64_t n,
                  std::int64_t m, const OwnerNames& names);

}  // namespace clipk
