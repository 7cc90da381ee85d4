#pragma once

#include <cstdint>
#include <functional>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How the table is cut into blocks.
struct CosineTableOptions {
  std::int64_t block_rows = 0;  ///< rows per block, the last one shorter; 0: as many as take 16 MiB
};

/// The cosines of n rows with m others, one block of rows at a time: the table is never stored.
///
/// Rows need no unit length. Products run on the context's device; `visit` sees its block on the
/// host, and its memory is reused afterwards. An exception in `visit` ends the computation.
///
/// @param images [n, d]  @param texts [m, d], of any device
/// @param visit called with the block's first row and its cosines [rows, m], in ascending order
/// @throws Error if the widths differ or are 0, a value is not finite, a row has length zero, or
///   block_rows is negative.
/// Deterministic: yes, whatever the number of threads. Memory: a copy of the texts and a
/// block of the table; on a GPU, or where rows have lengths beyond 1e-15 to 1e15, also a
/// block of the images.
void cosine_table(
    Context& context, MatrixView<const float> images, MatrixView<const float> texts,
    const CosineTableOptions& options,
    const std::function<void(std::int64_t first, MatrixView<const float> cosines)>& visit);

}  // namespace clipk
