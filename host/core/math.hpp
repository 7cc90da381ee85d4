#pragma once

/// The C library's functions differ by version and by processor. These give the same bytes
/// everywhere: plain float64 arithmetic, within 2 units in the last place.
namespace clipk::math {

double exp(double x);
/// e^x - 1.
double expm1(double x);
double log(double x);
/// log(1 + x).
double log1p(double x);
/// x^y for x of 0 or more; not a number below.
double pow(double x, double y);

/// Up to |x| = 2^20; not a number beyond.
double sin(double x);
double cos(double x);

double tanh(double x);
double atanh(double x);

/// The z that a standard normal number is below with this probability (between 0 and 1), given as
/// its distance from 1/2, so that one near 1/2 keeps its digits.
double normal_quantile_from_half(double probability_less_half);

}  // namespace clipk::math
