#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"
#include "clipk/models/paired_axes.hpp"
#include "linalg/symmetric_eigen.hpp"

namespace clipk {

/// Pairs of rows on the host: those of `rows`, or all where it is empty.
struct PairRows {
  MatrixView<const float> images, texts;  ///< [n, D]
  std::span<const std::int64_t> rows = {};

  std::int64_t size() const {
    return rows.empty() ? images.rows : static_cast<std::int64_t>(rows.size());
  }
  MatrixView<const float> of(int modality) const { return modality == 0 ? images : texts; }
  const float* row(int modality, std::int64_t i) const {
    return of(modality).row(rows.empty() ? i : rows[static_cast<std::size_t>(i)]);
  }
};

/// The means and covariances of pairs, from which all settings of PairedAxes follow. Where both
/// modalities together have fewer rows than columns, in coordinates of the rows' span.
struct PairedCovariances {
  std::int64_t width = 0;            ///< D
  std::int64_t rank = 0;             ///< dimensions that the rows span, at most; the first ones
  std::vector<double> means[2];      ///< [D] by modality
  Matrix<double> basis;              ///< [r, D] orthonormal rows; empty: the columns themselves
  cpu::SymmetricEigen variances[2];  ///< of the covariance [r, r] of a modality, over its trace
  Matrix<double> cross;              ///< [r, r] images^T texts, over the root of both traces

  std::int64_t coordinates() const { return cross.rows(); }  ///< r
  /// [count, r]: coordinates of centred rows of a modality.
  Matrix<double> coordinates_of(int threads, const PairRows& pairs, int modality) const;
};

/// @throws Error if all rows of a modality are equal.
PairedCovariances paired_covariances(int threads, const PairRows& pairs);

/// Covariances after whitening with one ridge.
class WhitenedPairs {
 public:
  WhitenedPairs(int threads, const PairedCovariances& of, double ridge);

  /// [r, r]: H of a modality.
  const Matrix<double>& root(int modality) const { return roots_[modality]; }
  /// [dim, r]: eigenvectors of M, largest first.
  Matrix<double> rotation(const PairedAxesSetting& setting, std::int64_t dim) const;

 private:
  Matrix<double> roots_[2];
  Matrix<double> variances_[2];  // H S H by modality
  Matrix<double> cross_;         // sym(H_i C H_t)
};

}  // namespace clipk
