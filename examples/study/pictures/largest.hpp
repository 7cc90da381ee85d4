#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace clipk::study {

/// Of so many things the `most` largest, in the order that they had; of equal ones the earlier.
std::vector<std::size_t> largest(const std::vector<std::int64_t>& sizes, std::size_t most);

}  // namespace clipk::study
