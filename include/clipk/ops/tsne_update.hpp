#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Options of a step of t-SNE's gradient descent.
struct TsneUpdateOptions {
  float rate = 200;        ///< for the gradient without the factor 4
  float momentum = 0.8F;   ///< of the velocity
  float exaggeration = 1;  ///< factor of the attraction
  float max_step = 0;      ///< longest step of a point in units of the map; 0 for any length
  bool recentre = true;    ///< the map's mean is moved to 0
};

/// One step of gradient descent with momentum and a gain for every coordinate (delta-bar-delta):
///   g = exaggeration attraction - repulsion / z
///   gain = max(0.01, 0.8 gain where g and v have the same sign, gain + 0.2 elsewhere)
///   v = momentum v - rate gain g,   y = y + v
///
/// @param attraction [n, 2], of tsne_attraction  @param repulsion [n, 2], of tsne_repulsion
/// @param z [1], or [n] a normaliser for every point
/// @param[in,out] y [n, 2]  @param[in,out] velocity [n, 2], 0 at first
/// @param[in,out] gains [n, 2], 1 at first
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: two doubles for every
///   1024 points. Source: Jacobs, Neural Networks 1988; van der Maaten and Hinton, JMLR 2008.
void tsne_update(Context& context, const TsneUpdateOptions& options,
                 MatrixView<const float> attraction, MatrixView<const float> repulsion,
                 VectorView<const double> z, MatrixView<float> y, MatrixView<float> velocity,
                 MatrixView<float> gains);
/// In double precision; CPU only.
void tsne_update(Context& context, const TsneUpdateOptions& options,
                 MatrixView<const double> attraction, MatrixView<const double> repulsion,
                 VectorView<const double> z, MatrixView<double> y, MatrixView<double> velocity,
                 MatrixView<double> gains);

}  // namespace clipk
