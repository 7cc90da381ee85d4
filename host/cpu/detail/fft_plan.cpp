#include <complex>
#include <string>

#include "clipk/core/error.hpp"
#include "cpu/detail/fft.hpp"
#include "cpu/detail/unit_root.hpp"

namespace clipk::cpu {
namespace {

void add_root(std::vector<float>& twiddles, std::int64_t k, std::int64_t n) {
  const std::complex<double> root = unit_root(k, n);
  twiddles.push_back(static_cast<float>(root.real()));
  twiddles.push_back(static_cast<float>(root.imag()));
}

}  // namespace

FftPlan::FftPlan(std::int64_t length, std::int64_t quarters) : length(length), first(4), leaf(4) {
  std::int64_t odd = length;
  while (odd > 0 && odd % 2 == 0) odd /= 2;
  if (length < 64 || (odd != 1 && odd != 3 && odd != 5)) {
    throw Error("fft: expected a length of 1, 3 or 5 times a power of two from 64 on, got " +
                std::to_string(length));
  }
  if (odd != 1) leaf = static_cast<int>(odd);
  std::int64_t rest = length / leaf;
  while (rest % 4 == 0) rest /= 4;
  if (rest == 2) first = 2;

  // Value j of part m is turned by z^(m length / first), z = exp(-2 pi i (1/4) / length); row j of
  // block r by exp(-2 pi i j (r + 1/4) / length).
  if (quarters != 0) {
    for (int m = 0; m < first; ++m) add_root(first_twiddles, -m, 4 * first);
  }
  for (std::int64_t j = 0; j < length / first; ++j) {
    for (int r = 0; r < first; ++r) add_root(first_twiddles, -j * (4 * r + quarters), 4 * length);
  }
  for (std::int64_t n = length / first; n > leaf; n /= 4) {
    for (std::int64_t j = 0; j < n / 4; ++j) {
      for (int r = 1; r < 4; ++r) add_root(twiddles, -j * r, n);
    }
  }
}

}  // namespace clipk::cpu
