#pragma once

#include <cstdint>
#include <functional>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How the table is cut.
struct CosineTableOptions {
  std::int64_t block_rows = 0;  ///< rows a block, the last one shorter; 0: as many as take 16 MiB
};

/// The cosines of n rows with m others, a block of rows at a time: the table is never held.
///
/// Rows need no unit length. Products run on the context's device; a visit sees its block on the
/// host, and after it the block's memory is used again. An exception of a visit ends the table.
///
/// @param images [n, d]  @param texts [m, d], of any device
/// @param visit called with the block's first row and its cosines [rows, m], in rising order
/// @throws Error if the widths differ or are 0, a value is not finite, a row has length zero, or
///   block_rows is negative.
/// Deterministic: yes, whatever the number of threads. Memory: the texts once more and a block of
/// the table; on a GPU, or where rows have lengths beyond 1e-15 to 1e15, also a block of the
/// images.
void cosine_table(
    Context& context, MatrixView<const float> images, MatrixView<const float> texts,
    const CosineTableOptions& options,
    const std::function<void(std::int64_t first, MatrixView<const float> cosines)>& visit);

/// The best of the table in both directions, on the host.
struct CosineTops {
  Matrix<std::int32_t> texts;   ///< [n, k] of each image, the largest cosine first
  Matrix<float> text_cosines;   ///< [n, k]
  Matrix<std::int32_t> images;  ///< [m, k'] of each text, k' = min(k, n)
  Matrix<float> image_cosines;  ///< [m, k']
};

/// The k texts of the largest cosine with every image and the k images of every text, from one
/// pass over the table, which is never held. Equal cosines: the lower index first. Cosines are
/// those of `nearest` under Metric::cosine: float32, near ones from the rows' difference.
///
/// @param images [n, d]  @param texts [m, d], both on the context's device
/// @param k of the texts, 1 to min(m, 128)
/// @throws Error if a shape or a device differs, k is out of range, there are no images, or (on the
///   CPU) a value is not finite or a row has length zero.
/// Deterministic: yes, whatever the number of threads. Scratch on the CPU: n + m floats, 16 m k
/// candidates and a tile a thread; a side whose rows have lengths beyond 1e-15 to 1e15 once more.
CosineTops cosine_tops(Context& context, MatrixView<const float> images,
                       MatrixView<const float> texts, std::int64_t k);

}  // namespace clipk
