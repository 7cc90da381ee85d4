#pragma once

#include <cstdint>

#include "clipk/core/matrix.hpp"
#include "clipk/core/random_streams.hpp"

namespace clipk::train {

/// Rows in mini-batches, shuffled anew for every epoch. The last batch of an epoch is shorter where
/// the rows do not fill it. Steps count from 0 over all epochs.
class ShuffledBatches {
 public:
  /// @param rows at least 1  @param batch rows per step, at most `rows`  @param stream of the
  ///   random order
  ShuffledBatches(Context& context, std::int64_t rows, std::int64_t batch, RandomStream stream);

  std::int64_t steps_per_epoch() const { return (rows_ + batch_ - 1) / batch_; }
  /// The number of rows of a step.
  std::int64_t size(std::int64_t step) const;
  /// Whether a step has a full batch.
  bool full(std::int64_t step) const { return size(step) == batch_; }
  /// [size(step)] on the device, at the same address for every step.
  VectorView<const std::int32_t> select(Context& context, std::int64_t step);

 private:
  std::int64_t rows_, batch_;
  RandomStream stream_;
  std::int64_t shuffled_epoch_ = -1;
  Matrix<std::int32_t> order_, selected_;
};

}  // namespace clipk::train
