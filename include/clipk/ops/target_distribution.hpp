#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The target distribution of DEC, which sharpens q and takes weight from large clusters:
///   p_ij = (q_ij^2 / f_j) / sum over j' of (q_ij'^2 / f_j')
///
/// @param q [n, k], of soft_assignment  @param column_sums [k]: f_j = sum over i of q_ij, over all
///   data  @param[out] p [n, k], may be q
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: none.
/// Source: Xie, Girshick and Farhadi, ICML 2016, equation 3.
void target_distribution(Context& context, MatrixView<const float> q,
                         VectorView<const double> column_sums, MatrixView<float> p);
void target_distribution(Context& context, MatrixView<const double> q,
                         VectorView<const double> column_sums, MatrixView<double> p);

/// How balanced_target sharpens and balances.
struct BalancedTargetOptions {
  float power = 2;      ///< of q, above 0
  int iterations = 50;  ///< of Sinkhorn, at least 1
};

/// A target in which every cluster has the same mass: p_ij = a_i b_j q_ij^power with rows that sum
/// to 1 and columns that sum to n / k, by Sinkhorn's iteration from b = 1. The sums of rows are
/// exact, those of columns as close to n / k as the given number of iterations brings them.
///
/// @param q [n, k]  @param[out] p [n, k], may be q
/// @param[out] column_sums [k], or empty: the column sums of p that were reached
/// A row whose powers are all 0 becomes even (1 / k each); a column whose powers are all 0 stays 0.
/// @throws Error if a shape or a device differs, or an option is out of range. Deterministic: yes.
/// Scratch: n k + 64 k values. Source: Sinkhorn and Knopp 1967; Asano, Rupprecht and Vedaldi,
/// ICLR 2020.
void balanced_target(Context& context, MatrixView<const float> q,
                     const BalancedTargetOptions& options, MatrixView<float> p,
                     VectorView<double> column_sums);
void balanced_target(Context& context, MatrixView<const double> q,
                     const BalancedTargetOptions& options, MatrixView<double> p,
                     VectorView<double> column_sums);

}  // namespace clipk
