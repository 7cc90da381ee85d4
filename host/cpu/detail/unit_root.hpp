#pragma once

#include <complex>
#include <cstdint>

namespace clipk::cpu {

/// exp(2 pi i k / n) for any k and n > 0, to about an ulp. Additions and multiplications alone make
/// it, so that it is the same on every machine; those of libm are not.
std::complex<double> unit_root(std::int64_t k, std::int64_t n);

}  // namespace clipk::cpu
