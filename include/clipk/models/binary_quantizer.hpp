#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// What turns rows before their signs are taken.
enum class BinaryRotation : std::uint8_t {
  none,     ///< nothing: bit j is the sign of column j
  random,   ///< a random orthonormal matrix: spreads the variance of uneven columns over all bits
  learned,  ///< iterative quantisation: the rotation under which the signs lose least
};

/// The name that files and options use.
const char* to_string(BinaryRotation rotation);
/// The rotation of that name. @throws Error that lists the names.
BinaryRotation binary_rotation_named(std::string_view name);

/// How rows become bits.
struct BinaryQuantizerOptions {
  BinaryRotation rotation = BinaryRotation::random;  ///< before the signs
  std::int64_t iterations = 50;                      ///< of the learned rotation
};

/// Binary codes: one bit a column, the sign of R (row - mean), with R [d, d] a rotation or the
/// identity. The Hamming distance of codes grows with the angle of the rows about the mean
/// (`hamming_top_k` finds the nearest).
///
/// The random rotation depends on the context's seed and d alone, so quantizers of one seed share
/// it. The learned one starts there and repeats: take the signs B of the rotated rows, and of all
/// rotations the one that brings the rows nearest to B (Gong and Lazebnik, "Iterative
/// Quantization", CVPR 2011).
///
/// Arithmetic is float64 and runs on the host whatever the context's device (rows on a GPU are
/// copied). Deterministic: yes, whatever the number of threads.
class BinaryQuantizer {
 public:
  /// @param rows [n, d]
  /// @throws Error if there is no row or column, a value is not finite, or (learned) iterations is
  ///   below 1.
  static BinaryQuantizer fit(Context& context, MatrixView<const float> rows,
                             const BinaryQuantizerOptions& options = {});

  std::int64_t dim() const {
    return static_cast<std::int64_t>(mean_.size());
  }                                                                  ///< d, bits of a row
  BinaryRotation rotation() const { return rotation_; }              ///< what turns the rows
  std::int64_t bytes_per_vector() const { return (dim() + 7) / 8; }  ///< d / 8, rounded up
  const std::vector<double>& mean() const { return mean_; }          ///< [d], of the fitted rows
  /// R [d, d], orthonormal rows; empty for BinaryRotation::none.
  MatrixView<const double> axes() const { return axes_; }

  /// Codes of any rows, from the fit or new: bit j % 8 of byte j / 8, the lowest first, is 1 where
  /// R (row - mean) is at least 0 in column j. The bits behind the last column are 0.
  /// @param rows [m, d], on any device  @returns [m, bytes_per_vector()], on the context's
  /// @throws Error if a shape differs or a value is not finite.
  Matrix<std::uint8_t> encode(Context& context, MatrixView<const float> rows) const;
  /// The directions about the mean that codes stand for, at length one: R^T b / sqrt(d), b of +1
  /// and -1. The mean is not added, so that of two codes at Hamming distance h the cosine is
  /// 1 - 2 h / d.
  /// @param codes [m, bytes_per_vector()], on any device  @returns [m, d], on the context's
  /// @throws Error if a shape differs.
  Matrix<float> decode(Context& context, MatrixView<const std::uint8_t> codes) const;

  /// Writes the model as one archive of kind "binary_quantizer model", atomically. @throws Error
  void save(const std::filesystem::path& path) const;
  /// @throws Error if the file is not a whole "binary_quantizer model" archive.
  static BinaryQuantizer load(const std::filesystem::path& path);

 private:
  BinaryQuantizer() = default;
  Matrix<double> turned(MatrixView<const float> rows) const;

  BinaryRotation rotation_ = BinaryRotation::none;
  std::vector<double> mean_;  // [d]
  Matrix<double> axes_;       // [d, d] or empty
};

}  // namespace clipk
