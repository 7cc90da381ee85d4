#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/models/dec.hpp"

namespace clipk {

/// Results of q [n, k] on the host: each row's label, and the fields of an update that follow
/// from q.
struct DecView {
  std::vector<std::int32_t> labels;
  DecUpdate update;  ///< masses, shares, entropy, smallest_centre_distance
};

/// @param q [n, k]  @param column_sums [k] of q  @param centres [k, code]; all on any device
DecView dec_view(Context& context, MatrixView<const float> q, VectorView<const double> column_sums,
                 MatrixView<const float> centres);

/// Only the labels.
std::vector<std::int32_t> largest_columns(Context& context, MatrixView<const float> q);

/// The share of the labels that differ.
double label_change(const std::vector<std::int32_t>& before, const std::vector<std::int32_t>& now);

/// The bounds of a guard, computed from its options and the state at the start.
class CollapseAlarm {
 public:
  CollapseAlarm(const DecGuard& guard, const DecUpdate& start);
  /// True also for any value that is not finite.
  bool sounds(const DecUpdate& update) const;

 private:
  double least_mass_, least_share_, least_distance_;
};

/// Saves as entries history/numbers, history/masses and history/shares.
void save_history(ArchiveWriter& archive, const std::vector<DecUpdate>& history);
/// @param k clusters  @throws Error unless it is a history of k clusters: it has at least the
///   start, and is finite except for updates with an alarm.
std::vector<DecUpdate> load_history(const ArchiveReader& archive, std::int64_t k);

}  // namespace clipk
