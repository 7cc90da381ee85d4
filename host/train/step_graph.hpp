#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "clipk/core/context.hpp"

namespace clipk::train {

/// A training step as a CUDA graph. It is captured once its scratch memory stays in place and
/// again whenever that has moved. A step that cannot be captured, and any step on the CPU, is
/// called directly.
class StepGraph {
 public:
  explicit StepGraph(bool enabled);
  ~StepGraph();
  /// Runs `step` once, by replay where possible.
  void run(Context& context, const std::function<void()>& step);
  std::int64_t replays() const { return replays_; }

 private:
  struct Executable;
  bool capture(Context& context, const std::function<void()>& step);

  bool enabled_;
  std::int64_t replays_ = 0;
  std::int64_t arena_state_ = -1;  // allocations when the step last ran
  std::unique_ptr<Executable> executable_;
};

}  // namespace clipk::train
