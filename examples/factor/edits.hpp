#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/factor.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/models/iin.hpp"
#include "clipk/models/probe.hpp"
#include "factor/stage.hpp"

namespace clipk::study {

/// Rows that are edited, and the row that each takes a block from.
struct Exchange {
  std::vector<std::int64_t> sources, donors;
};

/// What edits of one factor did: its block is taken from another row (the donor), the code turned
/// back and decoded, and the judge reads the result.
struct EditScores {
  std::int64_t edits = 0;
  double success = NAN;       ///< share in which the factor is now read as the donor's
  std::vector<double> kept;   ///< [factors] share in which another is read as before; its own: NaN
  std::vector<double> drift;  ///< [factors] how far another has moved on average: of values in
                              ///< ranges, of classes the share that changed
  double flagged = 0;         ///< share that left the range of the training rows
};

struct EditSettings {
  std::int64_t edits = 1000;  ///< a factor, at most
  double tolerance = 0.15;    ///< of a value's range: what counts as the same
};

/// Edits of held-out rows. Success is held against the donor's true factor, what was kept against
/// the source's true factors; source and donor differ in the edited factor by more than the
/// tolerance. Classes that are not known are left out; a figure that no row tells is NaN.
std::vector<EditScores> measure_edits(Context& context, const Iin& iin, const FirstStage& stage,
                                      const Probe& judge, MatrixView<const float> codes,
                                      const std::vector<Factor>& factors,
                                      const EditSettings& settings, std::uint64_t seed);

}  // namespace clipk::study
