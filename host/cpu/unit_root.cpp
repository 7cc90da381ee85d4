#include "cpu/unit_root.hpp"

#include <numbers>

namespace clipk::cpu {
namespace {

// Taylor's series on [0, pi / 4]; what is left out is below 1e-19.
std::complex<double> first_octant(double angle) {
  constexpr int kTerms = 9;
  const double square = angle * angle;
  double cosine = 1, sine = 1;
  for (int term = kTerms; term > 0; --term) {
    const double order = 2 * term;
    cosine = 1 - square / (order * (order - 1)) * cosine;
    sine = 1 - square / (order * (order + 1)) * sine;
  }
  return {cosine, angle * sine};
}

}  // namespace

std::complex<double> unit_root(std::int64_t k, std::int64_t n) {
  const std::int64_t eighths = 8 * ((k % n + n) % n), octant = eighths / n;
  const std::int64_t rest = octant % 2 == 0 ? eighths % n : n - eighths % n;
  const std::complex<double> root =
      first_octant(std::numbers::pi / 4 * (static_cast<double>(rest) / static_cast<double>(n)));
  const double c = root.real(), s = root.imag();
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
