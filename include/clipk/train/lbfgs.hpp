#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace clipk {

/// When minimize_lbfgs ends, and how many steps it keeps.
struct LbfgsOptions {
  std::int64_t max_iterations = 1000;  ///< steps
  double tolerance = 1e-6;             ///< on the largest absolute value of the gradient
  std::int64_t memory = 10;            ///< kept steps, each with its change of the gradient
  /// Relative rounding error of the function's values. Smaller changes are judged by the
  /// slope alone.
  double value_error = 1e-12;
};

/// Where minimize_lbfgs ended.
struct LbfgsResult {
  double value = 0;              ///< of the function
  double gradient = 0;           ///< its largest absolute value
  std::int64_t iterations = 0;   ///< steps taken
  std::int64_t evaluations = 0;  ///< of the function
  bool converged = false;        ///< gradient <= tolerance
};

/// Returns the value at x and writes the gradient.
using SmoothFunction = std::function<double(std::span<const double> x, std::span<double> gradient)>;

/// Minimises a smooth function by L-BFGS: the direction comes from the last `memory` steps
/// (two-loop recursion), the step length from bisection to the weak Wolfe conditions, or to the
/// approximate ones where rounding hides the decrease. All state is float64.
///
/// It ends at the tolerance, after max_iterations, or where rounding hides any better step along
/// the direction.
///
/// @param[in,out] x the start, then the best point
/// @throws Error if an option makes no sense, or value or gradient is not finite at the start;
///   exceptions of the function pass through. Deterministic: as the function is. Memory: 2 memory +
///   4 times x.
/// Sources: Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4; Lewis and Overton,
/// Mathematical Programming 141 (2013), algorithm 2.6; Hager and Zhang, SIAM J. Optim. 16 (2005).
LbfgsResult minimize_lbfgs(const SmoothFunction& function, std::span<double> x,
                           const LbfgsOptions& options = {});

}  // namespace clipk
