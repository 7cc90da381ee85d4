// Blocks of Philox4x32-10, one a lane; included once a Highway target.
#if defined(CLIPK_PHILOX_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_PHILOX_INL
#undef CLIPK_PHILOX_INL
#else
#define CLIPK_PHILOX_INL
#endif

#include <hwy/highway.h>

#include "clipk/core/random.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using WordTag = hn::ScalableTag<std::uint32_t>;
using Words = hn::Vec<WordTag>;

struct WordPair {
  Words high, low;
};

/// The 64-bit products of 32-bit lanes, cut in halves.
HWY_INLINE WordPair mul_wide(Words a, Words b) {
  const WordTag d;
#if HWY_TARGET == HWY_SCALAR
  const std::uint64_t product = std::uint64_t{hn::GetLane(a)} * hn::GetLane(b);
  return {hn::Set(d, static_cast<std::uint32_t>(product >> 32)),
          hn::Set(d, static_cast<std::uint32_t>(product))};
#else
  const hn::RepartitionToWide<WordTag> d64;
  const auto down = [&](auto v) HWY_ATTR { return hn::BitCast(d, hn::ShiftRight<32>(v)); };
  const auto up = [&](auto v) HWY_ATTR { return hn::BitCast(d, hn::ShiftLeft<32>(v)); };
  const auto even = hn::MulEven(a, b);
  const auto odd = hn::MulEven(down(hn::BitCast(d64, a)), down(hn::BitCast(d64, b)));
  return {hn::OddEven(hn::BitCast(d, odd), down(even)), hn::OddEven(up(odd), hn::BitCast(d, even))};
#endif
}

/// random_block(seed, stream, low word of step, index ...): one block a lane, its four words. The
/// indices must not carry into the high word.
HWY_INLINE void random_blocks(std::uint64_t seed, RandomStream stream, std::uint64_t step,
                              std::uint64_t index, Words (&word)[4]) {
  const WordTag d;
  word[0] = hn::Iota(d, static_cast<std::uint32_t>(index));
  word[1] = hn::Set(d, static_cast<std::uint32_t>(index >> 32));
  word[2] = hn::Set(d, static_cast<std::uint32_t>(step));
  word[3] = hn::Set(d, static_cast<std::uint32_t>(stream));
  std::uint32_t key0 = static_cast<std::uint32_t>(seed);
  std::uint32_t key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const WordPair p0 = mul_wide(word[0], hn::Set(d, 0xD2511F53u));
    const WordPair p1 = mul_wide(word[2], hn::Set(d, 0xCD9E8D57u));
    word[0] = hn::Xor(p1.high, hn::Xor(word[1], hn::Set(d, key0)));
    word[2] = hn::Xor(p0.high, hn::Xor(word[3], hn::Set(d, key1)));
    word[1] = p1.low;
    word[3] = p0.low;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
