#pragma once

#include <cstdint>
#include <span>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How far apart images and texts lie, for rows scaled to length one.
struct ModalityGap {
  double distance = 0;       ///< from the mean image to the mean text, Euclidean
  double paired_cosine = 0;  ///< mean cosine of a text and its image
  double other_cosine = 0;   ///< mean cosine of an image and a text that is not its own
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

/// The same where an image may have several texts, or none. The means are those of all images and
/// of all texts, whether they have a partner or not; `paired_cosine` is over the texts that have an
/// image, `other_cosine` over all other combinations of an image and a text.
///
/// @param images [n, d], n >= 2  @param texts [m, d], m >= 2
/// @param image_of_text [m] the row of the image that each text belongs to, from 0; -1: none
/// @throws Error if a shape differs, there are fewer than 2 images or texts, an entry is no row of
///   the images and not -1, no text has an image, a value is not finite, or a row has length zero.
/// Deterministic: yes, whatever the number of threads. Memory: as above.
ModalityGap modality_gap(Context& context, MatrixView<const float> images,
                         MatrixView<const float> texts,
                         std::span<const std::int32_t> image_of_text);

}  // namespace clipk
