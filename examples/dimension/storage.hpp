#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "dimension/fits.hpp"

namespace clipk::study {

/// Codes as they come back from one way to store them.
struct StoredCodes {
  std::string storage;         ///< float32, float16, int8, int4, binary, pq or pq-residual
  std::int64_t bytes = 0;      ///< of a vector
  std::vector<Codes> decoded;  ///< of each set, without an image block
};

/// The codes of each set as every storage gives them back. Rows are divided by their length first,
/// as retrieval does; quantizers are fitted to `images` and to `texts`.
///
/// pq is product quantisation, of an eighth of a byte a dimension (4 dimensions to 16 centroids, or
/// 8 to 256 where there are at least 4096 rows to fit), with a learned rotation up to 128
/// dimensions; pq-residual stores what it leaves in as much again. A storage that these rows do not
/// allow (a column of one value, fewer rows than centroids) is left out.
std::vector<StoredCodes> stored_codes(Context& context, const Matrix<float>& images,
                                      const Matrix<float>& texts, const std::vector<Codes>& sets);

}  // namespace clipk::study
