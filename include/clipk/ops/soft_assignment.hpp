#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The similarity of a point z to a centre m, before it is divided by the sum over the centres.
enum class SoftKernel : std::uint8_t {
  student_t,         ///< (1 + |z - m|^2 / alpha)^(-(alpha + 1) / 2), the squared distance
  von_mises_fisher,  ///< exp(kappa z . m), for points and centres of length one
};

/// The name that files and options use.
const char* to_string(SoftKernel kernel);

/// The kernel and its parameter.
struct SoftAssignmentOptions {
  SoftKernel kernel = SoftKernel::student_t;  ///< student_t uses alpha, von_mises_fisher kappa
  float alpha = 1;                            ///< degrees of freedom, above 0
  float kappa = 20;                           ///< concentration, above 0
};

/// The probability with which every point belongs to every centre:
///   q_ij = kernel(z_i, m_j) / sum over j' of kernel(z_i, m_j')
/// and the sums of q over the points, in one pass over the points. Distances are sums of squared
/// differences, so they do not cancel for near points.
///
/// @param points [n, d]  @param centres [k, d]; under von_mises_fisher rows of length one (not
///   checked: other lengths scale kappa)
/// @param[out] q [n, k], or empty  @param[out] column_sums [k], or empty: sum over i of q_ij
/// @throws Error if a shape or a device differs, there is no centre or no column, alpha or kappa is
///   not above 0, or on CUDA there are more than 1024 centres.
/// Deterministic: yes. Scratch: about 64 (k d + 64 k) values.
/// Source: Xie, Girshick and Farhadi, ICML 2016, equation 1; van der Maaten 2009 (alpha).
void soft_assignment(Context& context, MatrixView<const float> points,
                     MatrixView<const float> centres, const SoftAssignmentOptions& options,
                     MatrixView<float> q, VectorView<double> column_sums);
void soft_assignment(Context& context, MatrixView<const double> points,
                     MatrixView<const double> centres, const SoftAssignmentOptions& options,
                     MatrixView<double> q, VectorView<double> column_sums);

/// The clustering loss of DEC and its gradients in one pass over the points, with q not stored:
///   L = weight / n * sum over i, j of p_ij log(p_ij / q_ij),   0 log 0 = 0
/// q is raised to the smallest normal number before the logarithm. p is detached (the gradient
/// takes it as a constant), also where it is computed here.
///
/// @param points [n, d]  @param centres [k, d], as in soft_assignment
/// @param p [n, k]: the target, rows that sum to 1. Empty: p_ij = (q_ij^2 / f_j) / (its sum over j)
///   is computed on the fly and not stored
/// @param column_sums [k]: f, over all data, where p is empty; not read otherwise
/// @param[in,out] loss [1]: the loss is added to it
/// @param[in,out] grad_points [n, d]  @param[in,out] grad_centres [k, d]: the gradients are added;
///   either may be empty. Under von_mises_fisher they are those of kappa z . m, before any
///   normalisation (see normalize_rows_backward).
/// @throws Error as soft_assignment. Deterministic: yes. Scratch: about 64 (3 k d + 200 k) values.
/// Source: Xie, Girshick and Farhadi, ICML 2016, equations 2 to 5.
void soft_assignment_kl(Context& context, MatrixView<const float> points,
                        MatrixView<const float> centres, const SoftAssignmentOptions& options,
                        MatrixView<const float> p, VectorView<const double> column_sums,
                        float weight, VectorView<double> loss, MatrixView<float> grad_points,
                        MatrixView<float> grad_centres);
void soft_assignment_kl(Context& context, MatrixView<const double> points,
                        MatrixView<const double> centres, const SoftAssignmentOptions& options,
                        MatrixView<const double> p, VectorView<const double> column_sums,
                        double weight, VectorView<double> loss, MatrixView<double> grad_points,
                        MatrixView<double> grad_centres);

}  // namespace clipk
