#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How the sums over all i, j of a map are computed.
enum class TsneMethod : std::uint8_t {
  automatic,  ///< exact up to kTsneExactPairs terms, fft above
  exact,      ///< every term: O(n m)
  fft,        ///< interpolation on a grid, convolution by FFT: O(n + m + area log area)
};

/// Up to this many terms the automatic method is the exact one.
inline constexpr std::int64_t kTsneExactPairs = std::int64_t{4000} * 4000;

/// The name that files and options use.
const char* to_string(TsneMethod method);

/// The repulsive part of t-SNE's gradient before it is normalised, with k_ij = 1 / (1 +
/// |y_i - y_j|^2):
///   forces_i = sum_j k_ij^2 (y_i - y_j),   Z = sum_i sum_{j != i} k_ij
///
/// @param y [n, 2], finite  @param[out] forces [n, 2]  @param[out] z [1]
/// Exact: products in float32, sums of more than a few hundred terms in float64.
/// fft: charges are spread by septic B-splines on a grid of 3.5 nodes a unit (at least 48 along the
///   longer side) and convolved with k, whose potential gives Z, and by the splines' derivatives
///   the forces, for k^2 d is minus half of k's gradient. The splines' own smoothing is divided out
///   of the spectrum. Root mean square error of the forces below 1e-3 of their mean length (2e-3
///   where there is less than a point in ten square units), error of Z below 3e-5 (Z + n), for maps
///   up to 580 units wide; the nodes of wider maps lie further apart.
/// @throws Error if a shape or a device differs, or (fft) a value of y is not finite.
/// Deterministic: yes, points are added in a fixed order. Scratch: exact O(n), fft O(n + area). The
/// context keeps the FFT plans and the spectrum of the last grid. On CUDA fft reads the extent of y
/// back, so it cannot be captured into a graph.
/// Source: van der Maaten and Hinton, JMLR 2008; Linderman et al., Nature Methods 2019 (FIt-SNE),
/// whose piecewise quadratic polynomials need a finer grid for the same error and a field for every
/// term of the force; Essmann et al., J. Chem. Phys. 1995 (splines and their derivatives).
void tsne_repulsion(Context& context, MatrixView<const float> y, TsneMethod method,
                    MatrixView<float> forces, VectorView<double> z);
/// In double precision: the exact method; CPU only. @throws Error if method is fft.
void tsne_repulsion(Context& context, MatrixView<const double> y, TsneMethod method,
                    MatrixView<double> forces, VectorView<double> z);

/// The same for new points against a finished map that does not move: forces_i = sum_j k_ij^2 (y_i
/// - others_j), z_i = sum_j k_ij, where j runs over all the map's points.
///
/// @param y [n, 2]  @param others [m, 2]  @param[out] forces [n, 2]  @param[out] z [n]
void tsne_repulsion(Context& context, MatrixView<const float> y, MatrixView<const float> others,
                    TsneMethod method, MatrixView<float> forces, VectorView<double> z);
void tsne_repulsion(Context& context, MatrixView<const double> y, MatrixView<const double> others,
                    TsneMethod method, MatrixView<double> forces, VectorView<double> z);

}  // namespace clipk
