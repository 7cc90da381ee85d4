// Normal numbers from blocks of Philox; included once a Highway target, after highway's headers.
#if defined(CLIPK_NORMAL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_NORMAL_INL
#undef CLIPK_NORMAL_INL
#else
#define CLIPK_NORMAL_INL
#endif

#include <cmath>

#include <hwy/highway.h>
// after highway.h
#include <hwy/contrib/math/math-inl.h>

#include "cpu/detail/philox-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::Rebind<float, WordTag>;
using Floats = hn::Vec<FloatTag>;

// Four vectors, lane by lane: a0, b0, c0, d0, a1, ...
HWY_INLINE void store_four(const Floats (&v)[4], float* to) {
  const FloatTag d;
#if HWY_TARGET == HWY_SCALAR
  for (int w = 0; w < 4; ++w) hn::Store(v[w], d, to + w);
#else
  hn::StoreInterleaved4(v[0], v[1], v[2], v[3], d, to);
#endif
}

// The upper 24 bits of a word, an exact float.
HWY_INLINE Floats upper_bits(Words word) {
  const hn::RebindToSigned<WordTag> integer;
  return hn::ConvertTo(FloatTag(), hn::BitCast(integer, hn::ShiftRight<8>(word)));
}

/// The Box-Muller transform of two times two words: four numbers of this deviation a lane.
HWY_INLINE void normal_numbers(const Words (&word)[4], float deviation, float* to) {
  const FloatTag d;
  Floats value[4];
  for (int pair = 0; pair < 4; pair += 2) {
    const auto u = hn::Mul(hn::Add(upper_bits(word[pair]), hn::Set(d, 0.5F)),
                           hn::Set(d, 0x1p-24F));  // never 0
    const auto angle =
        hn::Mul(upper_bits(word[pair + 1]), hn::Set(d, static_cast<float>(M_PI * 0x1p-23)));
    const auto radius =
        hn::Mul(hn::Sqrt(hn::Mul(hn::Set(d, -2.0F), hn::Log(d, u))), hn::Set(d, deviation));
    value[pair] = hn::Mul(radius, hn::Cos(d, angle));
    value[pair + 1] = hn::Mul(radius, hn::Sin(d, angle));
  }
  store_four(value, to);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
