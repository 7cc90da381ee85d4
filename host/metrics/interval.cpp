#include "clipk/metrics/interval.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/check.hpp"
#include "core/math/math.hpp"

namespace clipk {

Interval wilson_interval(double share, std::int64_t n, double confidence) {
  constexpr const char* kName = "wilson_interval";
  if (!(share >= 0 && share <= 1)) {
    check::fail(kName, "a share from 0 to 1", std::to_string(share));
  }
  if (n < 1) check::fail(kName, "n of 1 or more", std::to_string(n));
  if (!(confidence > 0 && confidence < 1)) {
    check::fail(kName, "a confidence between 0 and 1", std::to_string(confidence));
  }
  const double z = math::normal_quantile_from_half(confidence / 2);
  const auto count = static_cast<double>(n);
  const double middle = (share + z * z / (2 * count)) / (1 + z * z / count);
  const double half = z / (1 + z * z / count) *
                      std::sqrt(share * (1 - share) / count + z * z / (4 * count * count));
  // Rounding may put the share itself outside where it is 0 or 1.
  return {share, std::clamp(middle - half, 0.0, share), std::clamp(middle + half, share, 1.0)};
}

}  // namespace clipk
