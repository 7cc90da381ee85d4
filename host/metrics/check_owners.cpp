#include "metrics/check_owners.hpp"

#include <string>

#include "core/check.hpp"

namespace clipk {

void check_owners(const char* op, std::span<const std::int32_t> owners, std::int64_t n,
                  std::int64_t m, const OwnerNames& names) {
  if (static_cast<std::int64_t>(owners.size()) != m) {
    check::fail(op, std::string(names.argument) + " of size " + std::to_string(m),
                std::to_string(owners.size()));
  }
  bool any = false;
  for (std::size_t j = 0; j < owners.size(); ++j) {
    any = any || owners[j] >= 0;
    if (owners[j] >= -1 && owners[j] < n) continue;
    check::fail(op,
                std::string(names.owner) + " from 0 to " + std::to_string(n - 1) +
                    ", or -1 for none, for " + names.owned + " " + std::to_string(j),
                std::to_string(owners[j]));
  }
  if (any) return;
  check::fail(op, std::string("at least 1 ") + names.owned + " with " + names.owner,
              std::to_string(m) + " without");
}

}  // namespace clipk
