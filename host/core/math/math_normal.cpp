#include <cmath>
#include <initializer_list>

#include "core/math/math.hpp"

namespace clipk::math {
namespace {

double polynomial(double x, std::initializer_list<double> from_highest) {
  double value = 0;
  for (const double coefficient : from_highest) value = value * x + coefficient;
  return value;
}

}  // namespace

// Wichura, The percentage points of the normal distribution (AS 241, PPND16), 1988: a rational
// function for each region, with relative errors of 1e-16.
double normal_quantile_from_half(double q) {
  if (std::fabs(q) <= .425) {
    const double r = .180625 - q * q;
    return q *
           polynomial(r, {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853,
                          45921.953931549871457, 13731.693765509461125, 1971.5909503065514427,
                          133.14166789178437745, 3.387132872796366608}) /
           polynomial(r, {5226.495278852854561, 28729.085735721942674, 39307.89580009271061,
                          21213.794301586595867, 5394.1960214247511077, 687.1870074920579083,
                          42.313330701600911252, 1.0});
  }
  const double tail = std::sqrt(-log(.5 - std::fabs(q)));
  double value;
  if (tail <= 5) {
    const double r = tail - 1.6;
    value = polynomial(r, {7.7454501427834140764e-4, .0227238449892691845833, .24178072517745061177,
                           1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055,
                           4.6303378461565452959, 1.42343711074968357734}) /
            polynomial(r, {1.05075007164441684324e-9, 5.475938084995344946e-4,
                           .0151986665636164571966, .14810397642748007459, .68976733498510000455,
                           1.6763848301838038494, 2.05319162663775882187, 1.0});
  } else {
    const double r = tail - 5;
    value =
        polynomial(r, {2.01033439929228813265e-7, 2.71155556874348757815e-5,
                       .0012426609473880784386, .026532189526576123093, .29656057182850489123,
                       1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772}) /
        polynomial(r, {2.04426310338993978564e-15, 1.4215117583164458887e-7,
                       1.8463183175100546818e-5, 7.868691311456132591e-4, .0148753612908506148525,
                       .13692988092273580531, .59983220655588793769, 1.0});
  }
  return std::copysign(value, q);
}

}  // namespace clipk::math
