#pragma once

/// The C library's functions differ by version and by processor. These give the same bytes
/// everywhere, in plain float64 arithmetic, with errors below 2 units in the last place.
namespace clipk::math {

double exp(double x);
/// e^x - 1.
double expm1(double x);
double log(double x);
/// log(1 + x).
double log1p(double x);
/// x^y for x >= 0; NaN for x < 0.
double pow(double x, double y);

/// For |x| <= 2^20; NaN beyond.
double sin(double x);
double cos(double x);

double tanh(double x);
double atanh(double x);

/// The quantile of the standard normal distribution at a probability between 0 and 1. The argument
/// is the probability's distance from 1/2, so that one near 1/2 keeps its digits.
double normal_quantile_from_half(double probability_less_half);

}  // namespace clipk::math
