#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The input and output of a step of Lloyd's algorithm, for r sets of k centres over the same n
/// points: r restarts share one pass over the points.
struct KMeansState {
  BatchView<const float> centres;    ///< [r, k, d]
  MatrixView<std::int32_t> labels;   ///< [r, n] in, out: a point's cluster; -1 at first
  BatchView<double> sums;            ///< [r, k, d] in, out, contiguous: sum of the cluster's points
  MatrixView<std::int64_t> counts;   ///< [r, k] in, out: points of the cluster
  VectorView<std::int64_t> changed;  ///< [r] out: points whose label changed
};

/// Bounds on distances from earlier steps, with which a step can skip the points whose label cannot
/// change. All empty: every distance is computed.
struct KMeansBounds {
  MatrixView<float> upper;         ///< [r, n] in, out: at least the distance to the label's centre
  MatrixView<float> lower;         ///< [r, n] in, out: at most the distance to any other centre
  MatrixView<const double> moves;  ///< [r, k] how far each centre moved since the step before
};

/// One step: every point gets the label of its nearest centre, and sums and counts are updated for
/// the points that changed their label. At the start labels are -1, sums and counts zero.
///
/// Labels are exact: where float32 cannot tell two centres apart, their distances are compared in
/// float64, computed from plain differences, and among equal ones the lower index wins. Labels are
/// therefore the same on every device, in every precision, for every r, and with or without bounds.
/// A point with a NaN gets some label. The sums of an empty cluster are exactly zero.
///
/// Bounds need no values for a point of label -1. If you change a label between two steps, set its
/// lower bound to zero. On CUDA bounds are not used: every distance is computed.
///
/// @param points [n, d], d >= 1, n < 2^31
/// @throws Error if a shape or a device differs, or a centre is missing (k or r of 0).
/// Deterministic: yes. Scratch: r k d doubles for every piece of the points (at most 32), r k d
///   floats, and on CUDA the products of a block of the points with all centres (32 MB or less).
/// Sources: Lloyd, IEEE Trans. Information Theory 28 (1982); the bounds are those of Hamerly, SDM
///   2010.
void kmeans_step(Context& context, MatrixView<const float> points, const KMeansState& state,
                 const KMeansBounds& bounds = {});

/// Squared distances of the points to the centres of their labels, in float64 from
/// plain differences.
///
/// @param labels [r, n], each from 0 to k - 1
/// @param[out] squared [r, n], or empty  @param[out] inertia [r]: their sums over the points
/// @throws Error as kmeans_step. Deterministic: yes. Scratch: r doubles per piece of the points.
void kmeans_inertia(Context& context, MatrixView<const float> points,
                    BatchView<const float> centres, MatrixView<const std::int32_t> labels,
                    MatrixView<double> squared, VectorView<double> inertia);

}  // namespace clipk
