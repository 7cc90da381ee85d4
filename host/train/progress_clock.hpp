#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace clipk::train {

/// The times of a Progress: how long a run has taken, and how long the rest takes at its mean pace.
class ProgressClock {
 public:
  ProgressClock() { start(); }
  /// Starts the run and its first step.
  void start() {
    began_ = Clock::now();
    start_steps();
  }
  /// Starts the first step, for a run that prepares something before it.
  void start_steps() {
    steps_began_ = Clock::now();
    steps_ = 0;
  }
  /// Marks the end of a step.
  void count_step() { ++steps_; }

  /// Seconds since the run began.
  double seconds() const { return since(began_); }
  /// Seconds for `steps` steps; NaN before the first step has ended.
  double seconds_left(std::int64_t steps) const {
    if (steps_ == 0) return std::numeric_limits<double>::quiet_NaN();
    return since(steps_began_) / static_cast<double>(steps_) * static_cast<double>(steps);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double since(Clock::time_point time) {
    return std::chrono::duration<double>(Clock::now() - time).count();
  }

  Clock::time_point began_, steps_began_;
  std::int64_t steps_ = 0;  // of this run, without those before a checkpoint
};

}  // namespace clipk::train
