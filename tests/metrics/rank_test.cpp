#include "metrics/rank.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "clipk/core/random.hpp"
#include "support/each_target.hpp"

namespace clipk::test {
namespace {

TEST(Rank, CountsWhatComesBefore) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  for (const std::int64_t n : {1, 2, 7, 8, 9, 17, 113}) {
    Random random(static_cast<std::uint64_t>(n));
    std::vector<double> values;
    for (std::int64_t i = 0; i < n; ++i) values.push_back(static_cast<double>(random.below(5)));
    if (n > 8) values[3] = kNaN;
    on_each_target([&] {
      for (std::int64_t at = 0; at < n; ++at) {
        const double own = values[static_cast<std::size_t>(at)];
        std::int64_t want = 0;
        for (std::int64_t i = 0; i < n; ++i) {
          const double value = values[static_cast<std::size_t>(i)];
          want += value < own || (value == own && i < at);
        }
        EXPECT_EQ(cpu::rank_of(values.data(), n, at), want) << n << ", " << at;
      }
    });
  }
}

}  // namespace
}  // namespace clipk::test
