#include "cpu/detail/unit_root.hpp"

#include <numbers>

#include "core/math/math.hpp"

namespace clipk::cpu {

std::complex<double> unit_root(std::int64_t k, std::int64_t n) {
  const std::int64_t eighths = 8 * ((k % n + n) % n), octant = eighths / n;
  const std::int64_t rest = octant % 2 == 0 ? eighths % n : n - eighths % n;
  const double angle = std::numbers::pi / 4 * (static_cast<double>(rest) / static_cast<double>(n));
  const double c = math::cos(angle), s = math::sin(angle);
  switch (octant) {
    case 0:
      return {c, s};
    case 1:
      return {s, c};
    case 2:
      return {-s, c};
    case 3:
      return {-c, s};
    case 4:
      return {-c, -s};
    case 5:
      return {-s, -c};
    case 6:
      return {s, -c};
    default:
      return {c, -s};
  }
}

}  // namespace clipk::cpu
