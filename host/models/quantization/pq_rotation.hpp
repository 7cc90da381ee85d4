#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"

namespace clipk {

/// A rotation and a codebook of rotated rows, learned together.
struct PqRotated {
  Matrix<float> rotation;  ///< R [D, D], on the host
  Matrix<float> codebook;  ///< [centroids, D]
};

/// The rows [n, D] as R x, on the context's device, as the arguments are.
Matrix<float> pq_rotate(Context& context, MatrixView<const float> rows,
                        MatrixView<const float> rotation);

/// Principal axes of rows [n, D] on the host, dealt out to m sub-vectors so that the products of
/// their variances are alike: the best rotation of normally distributed rows (Ge et al., IEEE TPAMI
/// 36 (2014), 3.2).
Matrix<float> pq_balanced_axes(int threads, const Matrix<float>& rows, std::int64_t m);

/// The orthogonal matrix R [D, D] that makes the trace of R^T a largest: the polar factor of a.
Matrix<double> pq_polar_factor(int threads, const Matrix<double>& a);

/// Alternates k-means of the rotated rows with the best rotation for their codes.
/// @param rows [n, D] on the host
PqRotated pq_learn_rotation(Context& context, const Matrix<float>& rows, std::int64_t m,
                            std::int64_t centroids, std::int64_t updates);

}  // namespace clipk
