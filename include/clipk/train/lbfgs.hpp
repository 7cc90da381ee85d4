#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace clipk {

/// When minimize_lbfgs ends, and how much it remembers.
struct LbfgsOptions {
  std::int64_t max_iterations = 1000;  ///< steps
  double tolerance = 1e-6;             ///< on the largest absolute value of the gradient
  std::int64_t memory = 10;            ///< pairs of steps and changes of the gradient that are kept
  /// Relative rounding error of the function's values: of changes below it the slope alone judges.
  double value_error = 1e-12;
};

/// Where minimize_lbfgs ended.
struct LbfgsResult {
  double value = 0;              ///< of the function
  double gradient = 0;           ///< its largest absolute value
  std::int64_t iterations = 0;   ///< steps that were taken
  std::int64_t evaluations = 0;  ///< of the function
  bool converged = false;        ///< gradient <= tolerance
};

/// The value at x; the gradient is written.
using SmoothFunction = std::function<double(std::span<const double> x, std::span<double> gradient)>;

/// A minimum of a smooth function by L-BFGS: the direction from the last `memory` steps (two-loop
/// recursion), its length by bisection to the weak Wolfe conditions, or to the approximate ones
/// where rounding hides the decrease. All state is float64.
///
/// It ends at the tolerance, after max_iterations, or where no step along the direction is better:
/// at the rounding of the function.
///
/// @param[in,out] x the start, then the best point
/// @throws Error if an option makes no sense, or value or gradient is not finite at the start; what
///   the function throws. Deterministic: as the function is. Memory: 2 memory + 4 times x.
/// Sources: Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4; Lewis and Overton,
/// Mathematical Programming 141 (2013), algorithm 2.6; Hager and Zhang, SIAM J. Optim. 16 (2005).
LbfgsResult minimize_lbfgs(const SmoothFunction& function, std::span<double> x,
                           const LbfgsOptions& options = {});

}  // namespace clipk
