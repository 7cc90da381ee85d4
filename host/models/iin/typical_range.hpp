#pragma once

#include <vector>

#include "clipk/io/archive.hpp"
#include "clipk/models/iin.hpp"

namespace clipk {

/// The values of a fit's rows with which Iin::typicality compares others.
struct TypicalRange {
  std::vector<double> log_density;     ///< of each row, ascending
  std::vector<float> lowest, highest;  ///< of each component of their codes

  /// @param log_density of each row  @param codes [n, D] of these, on the host
  /// @throws Error if a density is not finite.
  static TypicalRange of(std::vector<double> log_density, MatrixView<const float> codes);
  /// The typicality of other rows, compared with these.
  IinTypicality typicality(std::vector<double> log_density, MatrixView<const float> codes) const;

  void save(ArchiveWriter& archive) const;
  /// @param dim columns of a code  @throws Error that names the file.
  static TypicalRange load(const ArchiveReader& archive, std::int64_t dim);
};

}  // namespace clipk
