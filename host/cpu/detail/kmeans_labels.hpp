#pragma once

#include <cstdint>

#include "clipk/core/view.hpp"

namespace clipk::cpu {

/// Centres of a panel: one vector of the widest target, several of others.
inline constexpr std::int64_t kPanel = 16;
/// Values that a thread needs for each (padded) centre: points whose products are under way.
inline constexpr std::int64_t kPanelRows = 16;

/// The most points of a block.
inline constexpr std::int64_t kMostBlockRows = 1024;

inline std::int64_t padded_centres(std::int64_t k) {
  return (k + kPanel - 1) / kPanel * kPanel;
}

/// A set of centres as the choice of labels needs it. With m the mean of the set, |x - c|^2 / 2 is
/// the value offset - x . (c - m) plus what is the same for all centres. That form loses no more
/// digits than the points themselves have lost, wherever the origin is.
struct CentredSet {
  MatrixView<const float> centres;  ///< [k, d], as they are
  float* panels;                    ///< [padded k / kPanel, d, kPanel] of c - m
  float* offsets;                   ///< [padded k], infinite beyond k
  float error;                      ///< of a value, as a part of the point's length
  float slack;                      ///< of a value, beside it
  float part;                       ///< of a squared distance in float32, as a part of it
  float* grows;                     ///< [k] how far the centre moved
  float* shrinks;                   ///< [k] the farthest that any other centre moved
};

/// Fills in all but `grows` and `shrinks`; panels and offsets are memory to be written.
void center(CentredSet& set);
/// Fills in `grows` and `shrinks`. @param moves [k]
void set_moves(const CentredSet& set, const double* moves);

/// A block of points, and what is known of them.
struct KMeansBlock {
  MatrixView<const float> points;
  float* lengths;        ///< of the points; negative where not known yet
  std::int32_t* labels;  ///< in, out
  float* upper;          ///< in, out; or null
  float* lower;
};

/// Where the points that change their label are counted in and out.
struct KMeansMoves {
  double* sums;          ///< [k, d]
  std::int64_t* counts;  ///< [k], and then how many labels changed
};

/// The labels of a block's points. @param values [kPanelRows, padded k] is scratch
void assign_block(const CentredSet& set, const KMeansBlock& block, const KMeansMoves& moves,
                  float* values);

/// Sum of the squared distances of points to the centres of their labels.
/// @param squared of every point, or null
double block_inertia(MatrixView<const float> points, MatrixView<const float> centres,
                     const std::int32_t* labels, double* squared);

}  // namespace clipk::cpu
