#pragma once

#include <cstdint>

#include "clipk/io/embeddings.hpp"

namespace clipk {

/// How many pairs, and of what dimension. The other figures are those of 500 COCO pairs under
/// CLIP ViT-B/16, and seldom need a change.
struct SyntheticPairsOptions {
  std::int64_t pairs = 500;  ///< how many
  std::int64_t dim = 512;    ///< at least 4
  std::uint64_t seed = 0;    ///< behind every number
};

/// Generated pairs that resemble CLIP's: two narrow cones with a gap between them, a decaying
/// spectrum, and a component that image and text share. With the rows normalised at the end,
///
///   image_i = m_I + B z_i + Q_I e_i      text_i = m_T + B z_i + Q_T f_i
///
/// where m_I and m_T have the lengths and the angle of COCO's means (distance 0.851, cosine of
/// unpaired rows 0.162), B, Q_I and Q_T are random orthonormal bases of what is orthogonal to both,
/// and z (variance 0.148 in all) and e, f (0.32) are normal with variances that fall as (k + a)^-b
/// exp(-k / c); a, b and c were fitted to the spectrum of COCO's images and to top-1 under PCA at
/// 256 ... 16 dimensions, which are met within some hundredths.
///
/// Deterministic: the same options give the same bytes on one machine, whatever its threads.
/// Cost: 6 n d^2 + 6 d^3 operations in float64. @throws Error if an option is out of range.
EmbeddingPairs synthetic_pairs(const SyntheticPairsOptions& options);

}  // namespace clipk
