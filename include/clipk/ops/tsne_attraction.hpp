#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Affinities p_ij of n points to their neighbours, a sparse matrix in CSR form: row i has the
/// entries starts[i] ... starts[i + 1] - 1.
template <class T>
struct BasicTsneAffinities {
  VectorView<const std::int64_t> starts;   ///< [n + 1], ascending from 0 to the number of entries
  VectorView<const std::int32_t> columns;  ///< [entries]
  VectorView<const T> values;              ///< [entries]
};
using TsneAffinities = BasicTsneAffinities<float>;  ///< In float32, as models hold it.

/// The attractive part of t-SNE's gradient, with k_ij = 1 / (1 + |y_i - others_j|^2):
///   forces_i = sum_j p_ij k_ij (y_i - others_j),   loss = sum_ij p_ij log(1 + |y_i - others_j|^2)
/// With Z of tsne_repulsion, and p that sums to one, KL(P || Q) = sum p log p + loss + log Z.
///
/// @param p n rows; columns are rows of others (not checked)
/// @param y [n, 2]  @param others [m, 2]: y itself, or a finished map on which new
///   points are placed
/// @param[out] forces [n, 2]  @param[out] loss [1], may be empty
/// Terms of a row are added in float32, rows in float64.
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: at most a double for
///   every 8 rows, and on the CPU a copy of others if its rows are not contiguous.
/// Source: van der Maaten and Hinton, JMLR 2008.
void tsne_attraction(Context& context, const TsneAffinities& p, MatrixView<const float> y,
                     MatrixView<const float> others, MatrixView<float> forces,
                     VectorView<double> loss);
/// In double precision; CPU only.
void tsne_attraction(Context& context, const BasicTsneAffinities<double>& p,
                     MatrixView<const double> y, MatrixView<const double> others,
                     MatrixView<double> forces, VectorView<double> loss);

}  // namespace clipk
