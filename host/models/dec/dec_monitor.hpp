#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/models/dec.hpp"

namespace clipk {

/// What the host sees of q [n, k]: each row's label, and the fields of an update that follow.
struct DecView {
  std::vector<std::int32_t> labels;
  DecUpdate update;  ///< masses, shares, entropy, smallest_centre_distance
};

/// @param q [n, k]  @param column_sums [k] of q  @param centres [k, code]; all on any device
DecView dec_view(Context& context, MatrixView<const float> q, VectorView<const double> column_sums,
                 MatrixView<const float> centres);

/// Labels alone.
std::vector<std::int32_t> largest_columns(Context& context, MatrixView<const float> q);

/// The share of the labels that differ.
double label_change(const std::vector<std::int32_t>& before, const std::vector<std::int32_t>& now);

/// The bounds of a guard, which the state at the start helps to set.
class CollapseAlarm {
 public:
  CollapseAlarm(const DecGuard& guard, const DecUpdate& start);
  /// Also for any number that is not finite.
  bool sounds(const DecUpdate& update) const;

 private:
  double least_mass_, least_share_, least_distance_;
};

/// As entries history/numbers, history/masses and history/shares.
void save_history(ArchiveWriter& archive, const std::vector<DecUpdate>& history);
/// @param k clusters  @throws Error where it is no history of k clusters: at least the start, and
///   finite but for what an alarm sounded of.
std::vector<DecUpdate> load_history(const ArchiveReader& archive, std::int64_t k);

}  // namespace clipk
