#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Copies chosen rows: out_i = x[indices_i].
///
/// @param x [n, d]  @param indices [b], each in [0, n) (checked on the CPU)  @param[out] out [b, d]
/// @throws Error if a shape or a device differs, or an index is out of range. Deterministic: yes.
void gather_rows(Context& context, MatrixView<const float> x,
                 VectorView<const std::int32_t> indices, MatrixView<float> out);

}  // namespace clipk
