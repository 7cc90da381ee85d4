#include "clipk/core/random.hpp"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "core/math/math.hpp"

namespace clipk {

std::uint32_t Random::bits() {
  if (left_ == 0) {
    block_ = random_block(seed_, stream_, step_, index_++);
    left_ = 4;
  }
  return block_[static_cast<std::size_t>(4 - left_--)];
}

float Random::uniform() {
  return static_cast<float>(bits() >> 8) * 0x1p-24f;
}

double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double u = (static_cast<double>(bits()) + 0.5) * 0x1p-32;  // never 0
  const double v = static_cast<double>(bits()) * 0x1p-32;
  const double radius = std::sqrt(-2 * math::log(u));
  spare_ = radius * math::sin(2 * std::numbers::pi * v);
  has_spare_ = true;
  return radius * math::cos(2 * std::numbers::pi * v);
}

std::uint64_t Random::below(std::uint64_t n) {
  // Rejection makes the distribution exactly uniform; at most one retry is expected.
  const std::uint64_t limit = ~std::uint64_t{0} - ~std::uint64_t{0} % n;
  for (;;) {
    const std::uint64_t high = bits();
    const std::uint64_t value = high << 32 | bits();
    if (value < limit) return value % n;
  }
}

std::vector<std::int64_t> Random::permutation(std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i)]);
  return order;
}

}  // namespace clipk
