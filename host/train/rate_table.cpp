#include "train/rate_table.hpp"

#include <cstddef>

#include "core/math/math.hpp"

namespace clipk::train {

struct RateTable::Record {
  float rates[3];
  float unused;
  std::uint64_t step;
};

RateTable::RateTable(Context& context, const AdamOptions& adam, std::int64_t most_steps)
    : adam_(adam),
      table_(context, most_steps, static_cast<std::int64_t>(sizeof(Record))),
      selected_(context, 1, static_cast<std::int64_t>(sizeof(Record))) {
  static_assert(sizeof(Record) == 24);
}

// Adam's corrections are computed by powers in double, so that they do not depend on the step at
// which a training was resumed.
void RateTable::upload(Context& context, std::int64_t first, std::int64_t count,
                       const std::function<double(std::int64_t)>& rate) {
  std::vector<Record> records;
  uploaded_.resize(static_cast<std::size_t>(count));
  for (std::int64_t s = 0; s < count; ++s) {
    const std::int64_t step = first + s;
    const auto correction = [step](float beta) {
      return static_cast<float>(
          1 - math::pow(static_cast<double>(beta), static_cast<double>(step + 1)));
    };
    const auto here = static_cast<float>(rate(step));
    records.push_back({{here, correction(adam_.beta1), correction(adam_.beta2)},
                       0,
                       static_cast<std::uint64_t>(step)});
    uploaded_[static_cast<std::size_t>(s)] = here;
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(records.data());
  copy<std::uint8_t>(context, MatrixView<const std::uint8_t>(bytes, count, table_.cols()),
                     table_.view().row_range(0, count));
}

void RateTable::select(Context& context, std::int64_t index) {
  copy<std::uint8_t>(context, table_.view().row_range(index, 1), selected_.view());
  rate_ = uploaded_[static_cast<std::size_t>(index)];
}

VectorView<const float> RateTable::rates() const {
  return {reinterpret_cast<const float*>(selected_.data()), 3, selected_.device()};
}

VectorView<const std::uint64_t> RateTable::step() const {
  return {reinterpret_cast<const std::uint64_t*>(selected_.data() + offsetof(Record, step)), 1,
          selected_.device()};
}

}  // namespace clipk::train
