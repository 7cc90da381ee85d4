#pragma once

#include <cstdint>
#include <string_view>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The function f that turns a network's output a into a log-scale s = clamp f(a), with f
/// within [-1, 1].
enum class CouplingScale : std::uint8_t {
  tanh,     ///< f = tanh(a)
  atan,     ///< f = (2 / pi) atan(a)
  sigmoid,  ///< f = 2 / (1 + e^-a) - 1
};

/// The name that files and options use.
const char* to_string(CouplingScale scale);
/// @throws Error that lists the names.
CouplingScale coupling_scale_named(std::string_view name);

/// The bounds of a coupling's scales.
struct AffineCouplingOptions {
  CouplingScale scale = CouplingScale::tanh;  ///< which f
  float clamp = 1;  ///< above 0, at most 80: every scale lies in [e^-clamp, e^clamp]
};

/// The half of a coupling layer that changes: y = x e^s + t with s = clamp f(a), where a and t are
/// the outputs of networks that see the other half. The log-determinant of row i is sum_j s_ij.
///
/// All matrices are [n, k] and may be column ranges of wider ones (row stride above k).
/// @param[out] y may be x  @param[in,out] log_det [n]: the row's log-determinant is added;
///   may be empty
/// @throws Error if a shape, a device or an option does not fit. Deterministic: yes.
/// Scratch: none.
/// Source: Dinh, Sohl-Dickstein and Bengio, ICLR 2017; atan as in FrEIA.
void affine_coupling(Context& context, MatrixView<const float> x, MatrixView<const float> a,
                     MatrixView<const float> t, const AffineCouplingOptions& options,
                     MatrixView<float> y, VectorView<float> log_det);
void affine_coupling(Context& context, MatrixView<const double> x, MatrixView<const double> a,
                     MatrixView<const double> t, const AffineCouplingOptions& options,
                     MatrixView<double> y, VectorView<double> log_det);

/// The inverse: x = (y - t) e^-s. Matrices and errors as above; x may be y.
void affine_coupling_inverse(Context& context, MatrixView<const float> y, MatrixView<const float> a,
                             MatrixView<const float> t, const AffineCouplingOptions& options,
                             MatrixView<float> x);
void affine_coupling_inverse(Context& context, MatrixView<const double> y,
                             MatrixView<const double> a, MatrixView<const double> t,
                             const AffineCouplingOptions& options, MatrixView<double> x);

/// Gradients of a loss with respect to x, a and t, from the results of the forward pass. x is not
/// needed, since x e^s = y - t (which loses digits where t is much larger than the rest).
///
/// @param y [n, k]: of the forward pass  @param grad_y [n, k]
/// @param grad_log_det [n]: the gradient with respect to the log-determinants, or empty for none
/// @param[out] grad_x may be grad_y  @param[out] grad_a may be a  @param[out] grad_t may be t;
///   all overwritten
/// @throws Error if a shape, a device or an option does not fit. Deterministic: yes.
/// Scratch: none.
void affine_coupling_backward(Context& context, MatrixView<const float> y,
                              MatrixView<const float> a, MatrixView<const float> t,
                              const AffineCouplingOptions& options, MatrixView<const float> grad_y,
                              VectorView<const float> grad_log_det, MatrixView<float> grad_x,
                              MatrixView<float> grad_a, MatrixView<float> grad_t);
void affine_coupling_backward(Context& context, MatrixView<const double> y,
                              MatrixView<const double> a, MatrixView<const double> t,
                              const AffineCouplingOptions& options, MatrixView<const double> grad_y,
                              VectorView<const double> grad_log_det, MatrixView<double> grad_x,
                              MatrixView<double> grad_a, MatrixView<double> grad_t);

}  // namespace clipk
