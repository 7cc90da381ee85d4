// Vector code that both forms of the quadruple loss share; included once a Highway target.
#if defined(CLIPK_QUAD_HINGE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_QUAD_HINGE_INL
#undef CLIPK_QUAD_HINGE_INL
#else
#define CLIPK_QUAD_HINGE_INL
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "clipk/core/random.hpp"
#include "core/virtual_lanes-inl.hpp"
#include "cpu/detail/philox-inl.hpp"
#include "cpu/detail/quad_hinge_forms.hpp"
#include "shared/quad_draw.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Draws are made and looked up in batches of this many.
inline constexpr std::int64_t kQuadBatch = 256;
inline constexpr std::int64_t kQuadSlack = 64;  // whole vectors are stored beyond the end
/// Of the two distances of every quadruple of a batch.
template <class T>
using OfPairs = T[2][kQuadBatch + kQuadSlack];

/// A row of codes is padded to whole blocks of lanes, one cache line each.
template <class T>
using LineTag = hn::ScalableTag<T>;

HWY_INLINE Words below(Words bits, std::uint32_t n) {
  return mul_wide(bits, hn::Set(WordTag(), n)).high;
}

/// Leaves out `skip`.
HWY_INLINE Words skipping(Words column, Words skip) {
  const WordTag d;
  const hn::RebindToSigned<WordTag> signed_tag;  // both are below 2^31
  const auto before = hn::MaskFromVec(hn::BitCast(
      d, hn::VecFromMask(signed_tag,
                         hn::Lt(hn::BitCast(signed_tag, column), hn::BitCast(signed_tag, skip)))));
  return hn::IfThenElse(before, column, hn::Add(column, hn::Set(d, 1u)));
}

/// a0, b0, a1, b1, ...
HWY_INLINE void store_pairs(Words a, Words b, std::uint32_t* to) {
  const WordTag d;
#if HWY_TARGET == HWY_SCALAR
  hn::Store(a, d, to);
  hn::Store(b, d, to + 1);
#else
  hn::StoreInterleaved2(a, b, d, to);
#endif
}

/// Quadruples t ... t + count - 1 of query q (t even, count <= kQuadBatch): places in the list of
/// `near`, and other columns out of m, without `skip` unless it is negative. Arrays have room for
/// two vectors more.
HWY_INLINE void draw_query(std::uint64_t seed, std::uint64_t step, std::int64_t q, std::int64_t t,
                           std::int64_t count, std::uint32_t near, std::uint32_t m,
                           std::int64_t skip, std::uint32_t* HWY_RESTRICT place,
                           std::uint32_t* HWY_RESTRICT column) {
  const WordTag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < count; i += 2 * lanes) {
    Words word[4];
    random_blocks(seed, RandomStream::quadruples, step, quad_query_block(q, t + i), word);
    Words first, second;
    if (skip < 0) {
      first = below(word[1], m);
      second = below(word[3], m);
    } else {
      const Words without = hn::Set(d, static_cast<std::uint32_t>(skip));
      first = skipping(below(word[1], m - 1), without);
      second = skipping(below(word[3], m - 1), without);
    }
    store_pairs(below(word[0], near), below(word[2], near), place + i);
    store_pairs(first, second, column + i);
  }
}

/// Quadruples t ... of a uniform draw over n x m pairs: pair (row[0], column[0]) and pair
/// (row[1], column[1]). t is a multiple of kQuadBatch, count at most that.
HWY_INLINE void draw_all(std::uint64_t seed, std::uint64_t step, std::int64_t t, std::int64_t count,
                         std::uint32_t n, std::uint32_t m, bool self, OfPairs<std::uint32_t>& row,
                         OfPairs<std::uint32_t>& column) {
  const WordTag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < count; i += lanes) {
    Words word[4];
    random_blocks(seed, RandomStream::quadruples, step, static_cast<std::uint64_t>(t + i), word);
    for (int pair = 0; pair < 2; ++pair) {
      const Words r = below(word[2 * pair], n);
      const Words c =
          self ? skipping(below(word[2 * pair + 1], m - 1), r) : below(word[2 * pair + 1], m);
      hn::StoreU(r, d, row[pair] + i);
      hn::StoreU(c, d, column[pair] + i);
    }
  }
}

/// Which way a quadruple counts: +1 or -1 on its first distance, the opposite on its second, 0
/// where it is inactive; and its hinge.
template <class D, class V = hn::Vec<D>>
struct Hinges {
  V sign;
  V value;
};
template <class D, class V>
HWY_INLINE Hinges<D> hinges(D d, V margin, V d_first, V d_second, V e_first, V e_second) {
  const V one = hn::Set(d, 1);
  const V up = hn::IfThenElseZero(hn::Lt(d_first, d_second), one);
  const V sign = hn::Sub(up, hn::IfThenElseZero(hn::Lt(d_second, d_first), one));
  const V value = hn::MulAdd(sign, hn::Sub(e_first, e_second), margin);
  // Not Gt: a code with NaN must show in the loss.
  const auto active = hn::AndNot(hn::Le(value, hn::Zero(d)), hn::Ne(sign, hn::Zero(d)));
  return {hn::IfThenElseZero(active, sign), hn::IfThenElseZero(active, value)};
}

/// Adds the lanes of vector v of a block to sums in float64.
HWY_INLINE void add_wide(hn::Vec<hn::ScalableTag<double>> lanes, int v, LaneSum<double>& sum) {
  sum.vector[v] = hn::Add(sum.vector[v], lanes);
}
HWY_INLINE void add_wide(hn::Vec<hn::ScalableTag<float>> lanes, int v, LaneSum<double, 2>& sum) {
#if HWY_TARGET == HWY_SCALAR
  sum.vector[v] = hn::Add(sum.vector[v], hn::PromoteTo(hn::ScalableTag<double>(), lanes));
#else
  const hn::ScalableTag<double> wide;
  const hn::Half<hn::ScalableTag<float>> half;
  auto& low = sum.vector[2 * v];
  auto& high = sum.vector[2 * v + 1];
  low = hn::Add(low, hn::PromoteTo(wide, hn::LowerHalf(half, lanes)));
  high = hn::Add(high, hn::PromoteTo(wide, hn::UpperHalf(half, lanes)));
#endif
}

/// Batch arrays of one task. By query, row[0] holds places in the list of nearest at first.
template <class T>
struct QuadBatch {
  alignas(64) OfPairs<std::uint32_t> row;
  alignas(64) OfPairs<std::uint32_t> column;
  alignas(64) OfPairs<T> d;
  alignas(64) OfPairs<T> e;
  alignas(64) T sign[kQuadBatch + kQuadSlack];
};

/// Signs and the sum of the hinges of a batch.
template <class T>
HWY_INLINE double batch_hinges(T margin, std::int64_t count, QuadBatch<T>& batch) {
  const LineTag<T> d;
  // Past the end, equal distances make an inactive quadruple.
  for (std::int64_t i = count; i < count + kBlockLanes<T>; ++i) {
    batch.d[0][i] = batch.d[1][i] = batch.e[0][i] = batch.e[1][i] = 0;
  }
  LaneSum<double, static_cast<int>(sizeof(double) / sizeof(T))> sum;
  for (std::int64_t first = 0; first < count; first += kBlockLanes<T>) {
    for (int v = 0; v < kBlockVectors<T>; ++v) {
      const std::int64_t i = first + v * kVectorLanes<T>;
      const auto result =
          hinges(d, hn::Set(d, margin), hn::Load(d, batch.d[0] + i), hn::Load(d, batch.d[1] + i),
                 hn::Load(d, batch.e[0] + i), hn::Load(d, batch.e[1] + i));
      hn::Store(result.sign, d, batch.sign + i);
      add_wide(result.value, v, sum);
    }
  }
  return sum.total();
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
