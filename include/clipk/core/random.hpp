#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "clipk/core/random_streams.hpp"

namespace clipk {

/// One block of Philox4x32-10 (Salmon et al., SC 2011): 128 random bits from a counter and a key.
/// The same bits as cuRAND's generator on the GPU.
constexpr std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                                     std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {
        static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(p1),
        static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter;
}

/// The block that belongs to (seed, stream, step, index). Every random number of the library has
/// such an address, which makes it independent of thread and device:
/// counter = {index low, index high, step, stream}, key = seed.
constexpr std::array<std::uint32_t, 4> random_block(std::uint64_t seed, RandomStream stream,
                                                    std::uint32_t step, std::uint64_t index) {
  return philox4x32_10({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                        step, static_cast<std::uint32_t>(stream)},
                       {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

/// Maps 32 random bits to [0, n) by a 64-bit product (Lemire's method without the rejection; the
/// bias is below n / 2^32).
constexpr std::uint32_t random_below(std::uint32_t bits, std::uint32_t n) {
  return static_cast<std::uint32_t>((std::uint64_t{bits} * n) >> 32);
}

/// A sequence of random numbers on the host, from one stream of a seed.
class Random {
 public:
  /// @param step distinguishes the sequences of one seed and stream
  explicit Random(std::uint64_t seed, RandomStream stream = RandomStream::general,
                  std::uint32_t step = 0)
      : seed_(seed), stream_(stream), step_(step) {}

  /// 32 uniform bits.
  std::uint32_t bits();
  /// Uniform in [0, 1), 24 bits.
  float uniform();
  /// Standard normal (Box-Muller in double).
  double normal();
  /// Uniform in [0, n), exact. n >= 1.
  std::uint64_t below(std::uint64_t n);
  /// A random order of 0 ... n - 1 (Fisher-Yates).
  std::vector<std::int64_t> permutation(std::int64_t n);

 private:
  std::uint64_t seed_;
  RandomStream stream_;
  std::uint32_t step_;
  std::uint64_t index_ = 0;
  int left_ = 0;
  std::array<std::uint32_t, 4> block_{};
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace clipk
