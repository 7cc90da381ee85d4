#pragma once

#include <cstdint>
#include <span>

#include "clipk/core/matrix.hpp"

namespace clipk {

/// These rows of a host matrix, copied in this order; one may be named more than once. (For rows on
/// any device see gather_rows.)
/// @param from [n, d] on the host  @param rows [m] each in [0, n)
/// @returns [m, d] on the host
/// @throws Error if a row is out of range, or `from` is not on the host.
Matrix<float> select_rows(MatrixView<const float> from, std::span<const std::int64_t> rows);
/// The same by 32-bit numbers.
Matrix<float> select_rows(MatrixView<const float> from, std::span<const std::int32_t> rows);

}  // namespace clipk
