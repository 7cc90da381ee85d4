#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/factor.hpp"
#include "clipk/core/view.hpp"
#include "clipk/models/flow.hpp"
#include "clipk/models/iin.hpp"
#include "clipk/models/probe.hpp"

namespace clipk {

/// Checks of a trained flow.
struct FlowDiagnostics {
  double nll = 0;           ///< -log p of held-out rows, nats per row
  double nll_gaussian = 0;  ///< the same for a Gaussian with the training rows' mean and covariance
  double round_trip_max = 0;         ///< largest |T^-1(T(x)) - x| over held-out rows, in float32
  double round_trip_max_double = 0;  ///< the same flow in double, on the sample
  double logdet_error = 0;  ///< largest |log_det - log |det J|| / max(1, |log |det J||) over the
                            ///< sample, in double, J being the dense Jacobian
  std::int64_t sample = 0;  ///< held-out rows of the two checks in double
};

/// @param train [n, D], n > D  @param held_out [m, D], m at least 1, both on any device
/// @param sample rows for the checks in double, spread evenly over held_out: each costs a forward
///   and a backward pass of D rows
/// @throws Error if widths or numbers of rows do not fit, or the training rows' covariance is
///   singular. Deterministic: yes.
FlowDiagnostics flow_diagnostics(Context& context, const Flow& flow, MatrixView<const float> train,
                                 MatrixView<const float> held_out, std::int64_t sample = 16);

/// Checks that flow_diagnostics will accept these training rows; call it before a long training.
/// @param train [n, D] on any device
/// @throws Error as it does, if there are too few rows or their covariance is singular.
void check_diagnosable(Context& context, MatrixView<const float> train);

/// How well each factor can be read from each block of the codes.
struct Leakage {
  /// [blocks][factors] Probe::scores on held-out rows; empty for a block without columns.
  std::vector<std::vector<double>> scores;
  std::vector<double> chance;  ///< [factors] chance_scores of the held-out rows
};

/// Fits one probe per block, with all factors as its outputs, on training rows.
/// @param train [n, D], held_out [m, D]: rows, not codes, on any device
/// @throws Error as Iin::transform and Probe do. Deterministic: yes.
Leakage leakage(Context& context, const Iin& iin, MatrixView<const float> train,
                const std::vector<Factor>& train_factors, MatrixView<const float> held_out,
                const std::vector<Factor>& held_out_factors, const ProbeOptions& options = {});

}  // namespace clipk
