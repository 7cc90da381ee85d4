#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How retrieval_axes weights directions.
struct RetrievalAxesOptions {
  /// How strongly the directions in which images and texts vary most are scaled down: near 0 all
  /// directions that vary count equally, a large value does not change them. In units of the mean
  /// variance of a direction.
  double whitening = 10;
  /// Weight of the images' variance beside that of the texts.
  double images = 0.1;
};

/// A linear map to D' dimensions for retrieval between new images and texts: PCA with regularised
/// whitening, mostly of the texts. Images vary in ways that no caption mentions; directions in
/// which texts vary, scaled down by the variance of both modalities, keep more of top-1 on new
/// pairs than PCA's. The pairing is not used.
///
/// With the covariances S_i and S_t of the modalities, each divided by its trace,
///   H = ((S_i + S_t) / 2 + whitening / D)^(-1/2),
///   axes = eigenvectors of H (S_t + images S_i) H, times H.
/// If images and texts together are fewer than D, the same axes come from matrices of size
/// N = n + m: O(N^2 (N + D)) instead of O(D^3). Beyond the rank of the data a fixed choice of
/// directions completes the axes.
///
/// @param images [n, D]  @param texts [m, D]: rows centred per modality, on the host
/// @returns [dim, D] on the host; the largest entry of every axis is positive
/// @throws Error if the widths differ, all rows of a modality are equal, a value is not finite, dim
/// is not in 1 ... D, or whitening is not above 0. Deterministic: yes; float64.
Matrix<float> retrieval_axes(MatrixView<const float> images, MatrixView<const float> texts,
                             std::int64_t dim, const RetrievalAxesOptions& options = {});

}  // namespace clipk
