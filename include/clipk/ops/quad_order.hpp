#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/target_distances.hpp"
#include "clipk/ops/quad_hinge_loss.hpp"

namespace clipk {

/// Which quadruples an order is of.
struct QuadOrderOptions {
  QuadDraw draw = QuadDraw::query;  ///< within one query, or of all pairs of the block
  bool one_set = false;             ///< distances of a set to itself: i != j, d symmetric
  /// By query: the nearer of the two candidates is among this many nearest (of equal ones the lower
  /// index is nearer). 0: any candidate.
  std::int64_t near = 0;
};

/// The order of a block's target distances, as full_quad_hinge_loss needs it at every step. The
/// rank of a distance is the number of those of its group that are smaller: equal distances share
/// a rank. By query a group is a row or a column of the block; else it is the whole block, or
/// within one set its pairs i < j.
struct QuadOrder {
  QuadOrderOptions options;        ///< which quadruples it is of
  std::int64_t rows = 0;           ///< n
  std::int64_t cols = 0;           ///< m
  std::int64_t count = 0;          ///< quadruples: pairs of a group, one d smaller than the other
  bool ties = false;               ///< whether any two distances of a group are equal
  Matrix<std::int32_t> of_rows;    ///< [n, m] ranks within each row, or within the block; -1: none
  Matrix<std::int32_t> of_cols;    ///< [m, n] ranks within each column; by query between two sets
  Matrix<std::int32_t> near_rows;  ///< [n, near] nearest columns of each row, the nearest first
  Matrix<std::int32_t> near_cols;  ///< [m, near] nearest rows of each column
};

/// Sorts the target distances of a block once, so that the steps of a training need not. The target
/// is not needed afterwards.
///
/// @param target d_ij, n by m; within one set n by n, and rows_y is not read
/// @returns the order, on the context's device
/// @throws Error if a shape or a device differs, a distance is not finite, the block has fewer than
///   two distances or more than 2^31 - 1, `near` is negative, more than the candidates of a query,
///   or given for a draw of all; under cosine also if a target row has length zero.
/// Deterministic: yes. Waits for the device. Scratch: n m distances where they are made from rows;
/// on the CPU 16 bytes (32 in double) a distance of the groups in work, on CUDA 48 bytes for each
/// of up to 4 M distances, or of the whole block for a draw of all.
QuadOrder quad_order(Context& context, const TargetDistances& target,
                     const QuadOrderOptions& options);
/// In double precision; CPU only.
QuadOrder quad_order(Context& context, const BasicTargetDistances<double>& target,
                     const QuadOrderOptions& options);

}  // namespace clipk
