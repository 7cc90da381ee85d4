#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How far apart images and texts lie, for rows scaled to length one.
struct ModalityGap {
  double distance = 0;       ///< from the mean image to the mean text, Euclidean
  double paired_cosine = 0;  ///< mean cosine of image i and text i
  double other_cosine = 0;   ///< mean cosine of image i and text j, over i != j
  double image_image = 0;    ///< mean cosine of two different images
  double text_text = 0;      ///< mean cosine of two different texts
};

/// The modality gap of n pairs: row i of images belongs to row i of texts.
///
/// All five follow from the sums of the unit rows, in float64: O(n d) time, and no n x n table.
/// Runs on the host whatever the context's device.
///
/// @param images [n, d]  @param texts [n, d], n >= 2; rows of any length above 0
/// @throws Error if the shapes differ, there are fewer than 2 pairs, a value is not finite, or a
///   row has length zero.
/// Deterministic: yes, whatever the number of threads. Memory: 2 d float64 per 4096 pairs.
/// Source: Liang et al. 2022, Mind the Gap.
ModalityGap modality_gap(Context& context, MatrixView<const float> images,
                         MatrixView<const float> texts);

}  // namespace clipk
