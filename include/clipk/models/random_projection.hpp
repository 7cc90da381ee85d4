#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Gaussian random projection, the control that a method which learns from data must beat:
/// out = x R^T / sqrt(D'), with R [D', D] standard normal from Philox.
///
/// Row r of R depends only on the seed, r and D: a projection to fewer dimensions is the beginning
/// of one to more, up to the factor. Source: Johnson and Lindenstrauss 1984.
class RandomProjection {
 public:
  /// @throws Error if a dimension is below 1 or output_dim > input_dim.
  RandomProjection(std::int64_t input_dim, std::int64_t output_dim, std::uint64_t seed);

  std::int64_t input_dim() const { return matrix_.cols(); }   ///< D, columns of a row
  std::int64_t output_dim() const { return matrix_.rows(); }  ///< D', columns of a projected row
  /// R / sqrt(D') [D', D], on the host.
  MatrixView<const float> matrix() const { return matrix_; }

  /// @param rows [n, D]  @param[out] out [n, D']
  /// @throws Error if a shape or a device differs. Deterministic: yes.
  void transform(Context& context, MatrixView<const float> rows, MatrixView<float> out) const;

 private:
  Matrix<float> matrix_;
};

}  // namespace clipk
