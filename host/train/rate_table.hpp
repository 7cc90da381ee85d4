#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/ops/adam.hpp"

namespace clipk::train {

/// What changes from step to step, on the device: the learning rate, Adam's corrections and the
/// number of the step. Those of many steps are uploaded at once. One step's are then copied to a
/// place that stays, where a captured graph reads them.
class RateTable {
 public:
  RateTable() = default;
  /// @param most_steps that are uploaded at once
  RateTable(Context& context, const AdamOptions& adam, std::int64_t most_steps);

  /// Steps first ... first + count - 1, from 0 over the whole training.
  /// @param rate the learning rate of a step
  void upload(Context& context, std::int64_t first, std::int64_t count,
              const std::function<double(std::int64_t step)>& rate);
  /// Turns rates() and step() to one of the steps that were uploaded, from 0.
  void select(Context& context, std::int64_t index);

  /// [3] as adam takes them; sgd takes the first.
  VectorView<const float> rates() const;
  /// [1] the number of the step.
  VectorView<const std::uint64_t> step() const;
  /// The learning rate of the step that was selected last; 0 before.
  double rate() const { return rate_; }

 private:
  struct Record;

  AdamOptions adam_;
  std::vector<float> uploaded_;  // learning rates
  Matrix<std::uint8_t> table_, selected_;
  double rate_ = 0;
};

}  // namespace clipk::train
