#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/ops/adam.hpp"

namespace clipk::train {

/// The values on the device that change from step to step: the learning rate, Adam's corrections
/// and the number of the step. Those of many steps are uploaded at once. The values of one step are
/// then copied to a fixed address, where a captured graph reads them.
class RateTable {
 public:
  RateTable() = default;
  /// @param most_steps that are uploaded at once
  RateTable(Context& context, const AdamOptions& adam, std::int64_t most_steps);

  /// Uploads steps first ... first + count - 1, counted from 0 over the whole training.
  /// @param rate the learning rate of a step
  void upload(Context& context, std::int64_t first, std::int64_t count,
              const std::function<double(std::int64_t step)>& rate);
  /// Sets rates() and step() to one of the uploaded steps, counted from 0.
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
