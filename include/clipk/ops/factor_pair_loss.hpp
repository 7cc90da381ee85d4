#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The negative log-likelihood of factor pairs, two codes a and b that share factors, and its
/// gradients, in one pass. Column k belongs to factor f = blocks_k; where pair p shares it, the
/// two values have the correlation r_pk = rho_f shared_pf, and elsewhere r_pk = 0. With e_pk =
/// b_pk - r_pk a_pk
///   L = 1 / m * sum over p of ( sum over k of [ a_pk^2 + e_pk^2 / (1 - r_pk^2)
///       + log(1 - r_pk^2) ] / 2 - log_det_p - log_det_(m + p) ),
/// which is -log N(a; 0, 1) N(b; r a, 1 - r^2) as a mean over pairs, without its constant
/// D log(2 pi). The term log(1 - r^2) stays, so that losses under different rho can be compared.
/// Pairs that share no factor give the loss of a plain density model, twice its mean over rows.
///
/// @param z [2m, D] codes: rows 0 ... m - 1 are a, rows m ... 2m - 1 are b
/// @param log_det [2m] log-determinants of the map that made them, or empty: all 0
/// @param shared [m, F] how much of a factor a pair shares, -1 to 1: 0 nothing, 1 all of it
/// @param blocks [D] the factor of each column, or -1 for a column of no factor
/// @param rho [F] inside (-1, 1). On the device, like all of these, so that a captured graph can be
///   replayed with new values.
/// @param[in,out] loss [1]: the loss is added to it
/// @param[out] grad_z [2m, D] overwritten, or empty
/// @param[out] grad_log_det [2m] overwritten (-1 / m everywhere), or empty
/// @throws Error if a shape or a device differs; on the CPU also for a block that is no factor and
///   a correlation outside (-1, 1). Deterministic: yes. Scratch: D + F values, and a double per 64
///   pairs. An empty batch adds nothing.
/// Source: Esser, Rombach and Ommer, CVPR 2020 (one shared factor per pair, rho the same for all,
/// the constant left out).
void factor_pair_loss(Context& context, MatrixView<const float> z, VectorView<const float> log_det,
                      MatrixView<const float> shared, VectorView<const std::int32_t> blocks,
                      VectorView<const float> rho, VectorView<double> loss,
                      MatrixView<float> grad_z, VectorView<float> grad_log_det);
void factor_pair_loss(Context& context, MatrixView<const double> z,
                      VectorView<const double> log_det, MatrixView<const double> shared,
                      VectorView<const std::int32_t> blocks, VectorView<const double> rho,
                      VectorView<double> loss, MatrixView<double> grad_z,
                      VectorView<double> grad_log_det);

}  // namespace clipk
