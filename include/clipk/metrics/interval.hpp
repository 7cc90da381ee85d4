#pragma once

#include <cstdint>

namespace clipk {

/// An estimate and its confidence interval.
struct Interval {
  double estimate = 0;  ///< from the rows as they are
  double low = 0;       ///< lower end
  double high = 0;      ///< upper end
};

/// Wilson's score interval of a share that was found in n independent trials, as the accuracy of a
/// classifier on n rows. Unlike share -+ z standard errors it stays within [0, 1] and keeps a width
/// where the share is 0 or 1. As statsmodels' proportion_confint(method="wilson").
///
/// Its middle is (p + z^2 / 2n) / (1 + z^2 / n), and it reaches z sqrt(p (1 - p) / n + z^2 / 4n^2)
/// / (1 + z^2 / n) to either side, with z the (1 + confidence) / 2 quantile of a normal.
///
/// @param share in [0, 1]  @param n trials, at least 1
/// @throws Error if share is outside [0, 1], n is below 1, or confidence is not inside (0, 1).
/// Deterministic: yes. Runs on the host.
/// Source: Wilson, Probable inference, JASA 22 (1927).
Interval wilson_interval(double share, std::int64_t n, double confidence = 0.95);

}  // namespace clipk
