#include "train/shuffled_batches.hpp"

#include <algorithm>

#include "clipk/ops/random_permutation.hpp"

namespace clipk::train {

ShuffledBatches::ShuffledBatches(Context& context, std::int64_t rows, std::int64_t batch,
                                 RandomStream stream)
    : rows_(rows),
      batch_(batch),
      stream_(stream),
      order_(context, 1, rows),
      selected_(context, 1, batch) {}

std::int64_t ShuffledBatches::size(std::int64_t step) const {
  return std::min(batch_, rows_ - step % steps_per_epoch() * batch_);
}

VectorView<const std::int32_t> ShuffledBatches::select(Context& context, std::int64_t step) {
  const std::int64_t epoch = step / steps_per_epoch();
  if (epoch != shuffled_epoch_) {
    random_permutation(context, context.seed(), stream_, static_cast<std::uint32_t>(epoch),
                       order_.flat());
    shuffled_epoch_ = epoch;
  }
  const std::int64_t first = step % steps_per_epoch() * batch_;
  const VectorView<std::int32_t> here = selected_.flat().slice(0, size(step));
  copy<std::int32_t>(context, order_.flat().slice(first, here.size), here);
  return here;
}

}  // namespace clipk::train
