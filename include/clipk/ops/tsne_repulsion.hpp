#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How the sums over all pairs of a map are taken.
enum class TsneMethod : std::uint8_t {
  automatic,  ///< exact up to kTsneExactPairs pairs, fft above
  exact,      ///< every pair: O(n m)
  fft,        ///< interpolation on a grid, convolution by FFT: O(n + m + area log area)
};

inline constexpr std::int64_t kTsneExactPairs = std::int64_t{2500} * 2500;

const char* to_string(TsneMethod method);

/// The repulsive part of t-SNE's gradient before it is normalised, with k_ij = 1 / (1 + |y_i -
/// y_j|^2):
///   forces_i = sum_j k_ij^2 (y_i - y_j),   Z = sum_i sum_{j != i} k_ij
///
/// @param y [n, 2], finite  @param[out] forces [n, 2]  @param[out] z [1]
/// Exact: products in float32, sums of more than a few hundred terms in float64.
/// fft: charges are spread by quintic B-splines on a grid of four nodes a unit (at least 50 nodes a
/// side), and k and its gradient field k^2 d, sampled on the grid, are convolved with them. The
/// splines' own smoothing is divided out of the spectra. Root mean square error of the forces below
/// 1e-3 of their mean length, error of Z below 3e-5 (Z + n), for maps up to 500 units wide; the
/// nodes of wider maps lie further apart.
/// @throws Error if a shape or a device differs, or (fft) a value of y is not finite.
/// Deterministic: yes, points are added in a fixed order. Scratch: exact O(n), fft O(n + area). The
/// context keeps the FFT plans and the spectra of the last grid. On CUDA fft reads the extent of y
/// back, so it cannot be captured into a graph. Source: van der Maaten and Hinton, JMLR 2008;
/// Linderman et al., Nature Methods 2019 (FIt-SNE), whose piecewise quadratic polynomials need a
/// finer grid for the same error; Essmann et al., J. Chem. Phys. 1995 (splines in place of them,
/// there for particle meshes).
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
