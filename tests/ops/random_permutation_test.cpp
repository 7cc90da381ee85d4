#include "clipk/ops/random_permutation.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "support/arrays.hpp"
#include "support/device_test.hpp"

namespace clipk::test {
namespace {

constexpr std::uint64_t kSeed = 0x0123456789ABCDEFU;

// The definition: indices sorted by their 64 bits of Philox.
std::vector<std::int32_t> expected(std::int64_t n, std::uint64_t seed, RandomStream stream,
                                   std::uint32_t step) {
  std::vector<std::pair<std::uint64_t, std::int32_t>> keys;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto block = random_block(seed, stream, step, static_cast<std::uint64_t>(i));
    keys.emplace_back(std::uint64_t{block[0]} << 32 | block[1], static_cast<std::int32_t>(i));
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::int32_t> order;
  for (const auto& [key, index] : keys) order.push_back(index);
  return order;
}

class RandomPermutation : public DeviceTest {
 protected:
  std::vector<std::int32_t> permutation(std::int64_t n, std::uint64_t seed, RandomStream stream,
                                        std::uint32_t step) {
    Guarded<std::int32_t> out(context(), 1, n);
    random_permutation(context(), seed, stream, step, out.flat());
    return out.values();
  }
};

// The device's Philox must give the host's bits for this to hold.
TEST_P(RandomPermutation, IsTheOrderOfThePhiloxKeys) {
  for (const std::int64_t n : {1, 2, 17, 31, 32, 33, 113, 257, 1021, 4096, 70000}) {
    if (simt() && n > 5000) continue;
    EXPECT_EQ(permutation(n, kSeed, RandomStream::shuffle, 7),
              expected(n, kSeed, RandomStream::shuffle, 7))
        << n;
  }
}

TEST_P(RandomPermutation, SeedStreamAndStepGiveOtherOrders) {
  const std::int64_t n = 257;
  const auto base = permutation(n, kSeed, RandomStream::shuffle, 0);
  EXPECT_EQ(base, permutation(n, kSeed, RandomStream::shuffle, 0));
  EXPECT_NE(base, permutation(n, kSeed ^ 1, RandomStream::shuffle, 0));
  EXPECT_NE(base, permutation(n, kSeed ^ std::uint64_t{1} << 32, RandomStream::shuffle, 0));
  EXPECT_NE(base, permutation(n, kSeed, RandomStream::bootstrap, 0));
  EXPECT_NE(base, permutation(n, kSeed, RandomStream::shuffle, 1));
}

TEST_P(RandomPermutation, AnEmptyOneIsFine) {
  random_permutation(context(), kSeed, RandomStream::shuffle, 0, {});
  context().synchronize();
}

CLIPK_INSTANTIATE_DEVICE_TEST(RandomPermutation);

}  // namespace
}  // namespace clipk::test
