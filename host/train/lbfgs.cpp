#include "clipk/train/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "lbfgs";
constexpr double kDecrease = 1e-4;  // sufficient decrease, as a share of the first slope
constexpr double kSlope = 0.9;      // largest slope at a step's end, as a share of the first
constexpr int kMaxTrials = 50;      // step lengths tried

using Values = std::vector<double>;

double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
void add(double factor, const Values& from, Values& to) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * from[i];
}
double largest(const Values& values) {
  double result = 0;
  for (const double v : values) {
    if (!(std::fabs(v) <= result)) result = std::fabs(v);  // keeps NaN
  }
  return result;
}

struct Point {
  Values x, gradient;
  double value = 0;
};

// The last steps, and how the gradient changed along them.
class History {
 public:
  explicit History(std::int64_t memory) : memory_(static_cast<std::size_t>(memory)) {}

  void add_step(const Point& from, const Point& to) {
    Pair pair{to.x, to.gradient, 0};
    add(-1, from.x, pair.step);
    add(-1, from.gradient, pair.change);
    pair.curvature = dot(pair.step, pair.change);
    if (!(pair.curvature > 0)) return;  // rounding; earlier steps still give a descent
    scale_ = pair.curvature / dot(pair.change, pair.change);
    pairs_.push_back(std::move(pair));
    if (pairs_.size() > memory_) pairs_.pop_front();
  }
  bool empty() const { return pairs_.empty(); }
  void clear() { pairs_.clear(); }

  // -H gradient
  Values direction(const Values& gradient) const {
    Values d = gradient;
    Values shares(pairs_.size());
    for (std::size_t i = pairs_.size(); i-- > 0;) {
      shares[i] = dot(pairs_[i].step, d) / pairs_[i].curvature;
      add(-shares[i], pairs_[i].change, d);
    }
    for (double& v : d) v *= -scale_;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const double back = dot(pairs_[i].change, d) / pairs_[i].curvature;
      add(-shares[i] - back, pairs_[i].step, d);
    }
    return d;
  }

 private:
  struct Pair {
    Values step, change;
    double curvature;
  };
  std::size_t memory_;
  std::deque<Pair> pairs_;
  double scale_ = 1;
};

class Search {
 public:
  Search(const SmoothFunction& function, double value_error)
      : function_(function), value_error_(value_error) {}

  void evaluate(Point& point) {
    point.value = function_(point.x, point.gradient);
    ++evaluations_;
  }

  // Finds the point of a step along the direction; false if no point is better.
  bool step(const Point& from, const Values& direction, double length, Point& to) {
    const double slope = dot(from.gradient, direction);
    if (!(slope < 0)) return false;
    double low = 0, high = std::numeric_limits<double>::infinity();
    for (int trial = 0; trial < kMaxTrials; ++trial) {
      to.x = from.x;
      add(length, direction, to.x);
      evaluate(to);
      const double slope_there = dot(to.gradient, direction);
      const bool down = to.value <= from.value + kDecrease * length * slope;
      const bool level = to.value <= from.value + value_error_ * std::fabs(from.value) &&
                         slope_there <= (2 * kDecrease - 1) * slope;
      if (!(down || level)) {  // NaN too
        high = length;
      } else if (slope_there < kSlope * slope) {
        low = length;
      } else {
        return true;
      }
      length = high < std::numeric_limits<double>::infinity() ? (low + high) / 2 : 2 * length;
    }
    return false;
  }

  std::int64_t evaluations() const { return evaluations_; }

 private:
  const SmoothFunction& function_;
  double value_error_;
  std::int64_t evaluations_ = 0;
};

}  // namespace

LbfgsResult minimize_lbfgs(const SmoothFunction& function, std::span<double> x,
                           const LbfgsOptions& options) {
  if (options.max_iterations < 0) {
    check::fail(kName, "at least 0 iterations", std::to_string(options.max_iterations));
  }
  if (options.memory < 1) {
    check::fail(kName, "a memory of at least 1", std::to_string(options.memory));
  }
  if (!(options.tolerance >= 0)) {
    check::fail(kName, "a tolerance of at least 0", std::to_string(options.tolerance));
  }
  Search search(function, options.value_error);
  Point at{{x.begin(), x.end()}, Values(x.size())}, next = at;
  search.evaluate(at);
  LbfgsResult result{.value = at.value, .gradient = largest(at.gradient)};
  if (!std::isfinite(result.value) || !std::isfinite(result.gradient)) {
    check::fail(kName, "a finite value and gradient at the start",
                std::to_string(result.value) + " and " + std::to_string(result.gradient));
  }
  History history(options.memory);
  while (result.gradient > options.tolerance && result.iterations < options.max_iterations) {
    // The first direction has no scale, so the first step gets length 1.
    const double length =
        history.empty() ? 1 / std::max(std::sqrt(dot(at.gradient, at.gradient)), 1e-300) : 1;
    if (!search.step(at, history.direction(at.gradient), length, next)) {
      if (history.empty()) break;
      history.clear();  // try again along the negative gradient
      continue;
    }
    history.add_step(at, next);
    std::swap(at, next);
    result.value = at.value;
    result.gradient = largest(at.gradient);
    ++result.iterations;
  }
  std::copy(at.x.begin(), at.x.end(), x.begin());
  result.evaluations = search.evaluations();
  result.converged = result.gradient <= options.tolerance;
  return result;
}

}  // namespace clipk
