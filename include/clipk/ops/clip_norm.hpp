#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Scales a gradient so that its Euclidean norm is at most max_norm:
///   g = g min(1, max_norm / |g|)
/// with the norm in float64. A gradient that is not finite stays as it is.
///
/// @param max_norm above 0  @param[in,out] gradients [n]
/// @throws Error if max_norm is not above 0 or a device differs. Deterministic: yes. Scratch: a
/// double per 16,384 elements. Source: Pascanu et al., ICML 2013.
void clip_norm(Context& context, float max_norm, VectorView<float> gradients);
void clip_norm(Context& context, double max_norm, VectorView<double> gradients);

}  // namespace clipk
