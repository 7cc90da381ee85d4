#include "cpu/detail/fft.hpp"

#include <cstdint>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/fft.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "cpu/detail/fft_butterflies-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A row is worked on in vectors of this many lanes.
constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(LineTag()));

// ---- Stages between the first and the last: radix 4, in place -----------------------------------

constexpr int kRadix = 4;
constexpr std::int64_t kStageTwiddles = 2 * (kRadix - 1);  // floats for each row of a quarter

void forward_stage(std::int64_t quarter, const float* twiddles, float* strip) {
  for (std::int64_t j = 0; j < quarter; ++j, twiddles += kStageTwiddles) {
    for (std::int64_t lane = 0; lane < kFftLines; lane += kLanes) {
      float* const at = strip + j * kFftRow + lane;
      Complex x[kRadix];
      for (int m = 0; m < kRadix; ++m) {
        x[m] = load<Direction::forward>(at + m * quarter * kFftRow);
      }
      butterfly(x);
      store<Direction::forward>(x[0], at);
      for (int r = 1; r < kRadix; ++r) {
        store<Direction::forward>(twiddled(x[r], twiddles + 2 * (r - 1)),
                                  at + r * quarter * kFftRow);
      }
    }
  }
}

void inverse_stage(std::int64_t quarter, const float* twiddles, float* strip) {
  for (std::int64_t j = 0; j < quarter; ++j, twiddles += kStageTwiddles) {
    for (std::int64_t lane = 0; lane < kFftLines; lane += kLanes) {
      float* const at = strip + j * kFftRow + lane;
      Complex x[kRadix];
      x[0] = load<Direction::inverse>(at);
      for (int r = 1; r < kRadix; ++r) {
        x[r] =
            twiddled(load<Direction::inverse>(at + r * quarter * kFftRow), twiddles + 2 * (r - 1));
      }
      butterfly(x);
      for (int m = 0; m < kRadix; ++m) {
        store<Direction::inverse>(x[m], at + m * quarter * kFftRow);
      }
    }
  }
}

// ---- Leaves: the last stage of the way there, the first of the way back -------------------------

template <int kLeaf, Direction kDirection>
HWY_INLINE void transform_leaf(float* strip) {
  for (std::int64_t lane = 0; lane < kFftLines; lane += kLanes) {
    Complex x[kLeaf];
    for (int m = 0; m < kLeaf; ++m) x[m] = load<kDirection>(strip + m * kFftRow + lane);
    butterfly(x);
    for (int m = 0; m < kLeaf; ++m) store<kDirection>(x[m], strip + m * kFftRow + lane);
  }
}

template <int kLeaf>
HWY_INLINE void convolve_leaf(const float* spectrum, float* strip) {
  const LineTag d;
  for (std::int64_t lane = 0; lane < kFftLines; lane += kLanes) {
    Complex x[kLeaf];
    for (int m = 0; m < kLeaf; ++m) x[m] = load<Direction::forward>(strip + m * kFftRow + lane);
    butterfly(x);
    for (int m = 0; m < kLeaf; ++m) {
      const Complex y = scale(x[m], hn::Load(d, spectrum + m * kFftLines + lane));
      x[m] = {y.im, y.re};
    }
    butterfly(x);
    for (int m = 0; m < kLeaf; ++m) store<Direction::inverse>(x[m], strip + m * kFftRow + lane);
  }
}

// ---- All but the first stage of one block: depth first, so that small blocks stay in the cache --

template <int kLeaf>
void forward_block(std::int64_t length, const float* twiddles, float* strip) {
  const std::int64_t quarter = length / kRadix;
  forward_stage(quarter, twiddles, strip);
  for (int r = 0; r < kRadix; ++r) {
    float* const part = strip + r * quarter * kFftRow;
    if (quarter == kLeaf) {
      transform_leaf<kLeaf, Direction::forward>(part);
    } else {
      forward_block<kLeaf>(quarter, twiddles + kStageTwiddles * quarter, part);
    }
  }
}

template <int kLeaf>
void inverse_block(std::int64_t length, const float* twiddles, float* strip) {
  const std::int64_t quarter = length / kRadix;
  for (int r = 0; r < kRadix; ++r) {
    float* const part = strip + r * quarter * kFftRow;
    if (quarter == kLeaf) {
      transform_leaf<kLeaf, Direction::inverse>(part);
    } else {
      inverse_block<kLeaf>(quarter, twiddles + kStageTwiddles * quarter, part);
    }
  }
  inverse_stage(quarter, twiddles, strip);
}

template <int kLeaf>
void convolve_block(std::int64_t length, const float* twiddles, const float* spectrum,
                    float* strip) {
  const std::int64_t quarter = length / kRadix;
  forward_stage(quarter, twiddles, strip);
  for (int r = 0; r < kRadix; ++r) {
    float* const part = strip + r * quarter * kFftRow;
    const float* const factors = spectrum + r * quarter * kFftLines;
    if (quarter == kLeaf) {
      convolve_leaf<kLeaf>(factors, part);
    } else {
      convolve_block<kLeaf>(quarter, twiddles + kStageTwiddles * quarter, factors, part);
    }
  }
  inverse_stage(quarter, twiddles, strip);
}

// ---- The first stage of real lines --------------------------------------------------------------

// Twiddles: the roots by which a value of part m is turned, then those of each row.
template <int kFirst>
void real_first(const FftPlan& plan, const float* lines, std::int64_t stride, std::int64_t count,
                float* strip) {
  const LineTag d;
  const std::int64_t part = plan.length / kFirst;
  const float* const turns = plan.first_twiddles.data();
  const float* twiddles = turns + 2 * kFirst;
  for (std::int64_t j = 0; j < part; ++j, twiddles += 2 * kFirst) {
    for (std::int64_t lane = 0; lane < kFftLines; lane += kLanes) {
      Complex x[kFirst];
      for (int m = 0; m < kFirst; ++m) {
        const std::int64_t row = j + m * part;
        const auto value = row < count ? hn::LoadU(d, lines + row * stride + lane) : hn::Zero(d);
        x[m] = {hn::Mul(value, hn::Set(d, turns[2 * m])),
                hn::Mul(value, hn::Set(d, turns[2 * m + 1]))};
      }
      butterfly(x);
      for (int r = 0; r < kFirst; ++r) {
        store<Direction::forward>(twiddled(x[r], twiddles + 2 * r),
                                  strip + (j + r * part) * kFftRow + lane);
      }
    }
  }
}

template <int kFirst>
void real_last(const FftPlan& plan, const float* strip, std::int64_t count, float* lines,
               std::int64_t stride) {
  const LineTag d;
  const std::int64_t part = plan.length / kFirst;
  const float* const turns = plan.first_twiddles.data();
  const float* twiddles = turns + 2 * kFirst;
  for (std::int64_t j = 0; j < part; ++j, twiddles += 2 * kFirst) {
    for (std::int64_t lane = 0; lane < kFftLines; lane += kLanes) {
      Complex x[kFirst];
      for (int r = 0; r < kFirst; ++r) {
        x[r] = twiddled(load<Direction::inverse>(strip + (j + r * part) * kFftRow + lane),
                        twiddles + 2 * r);
      }
      butterfly(x);
      for (int m = 0; m < kFirst; ++m) {
        const std::int64_t row = j + m * part;
        if (row >= count) continue;
        const auto value = hn::MulAdd(x[m].im, hn::Set(d, turns[2 * m]),
                                      hn::Mul(x[m].re, hn::Set(d, turns[2 * m + 1])));
        hn::StoreU(value, d, lines + row * stride + lane);
      }
    }
  }
}

// ---- The first stage of padded lines ------------------------------------------------------------

template <int kFirst>
void padded_first(const FftPlan& plan, const float* lines, std::int64_t count, float* strip) {
  const LineTag d;
  const std::int64_t part = plan.length / kFirst;
  const float* twiddles = plan.first_twiddles.data();
  for (std::int64_t j = 0; j < part; ++j, twiddles += 2 * kFirst) {
    for (std::int64_t lane = 0; lane < kFftLines; lane += kLanes) {
      Complex x[kFirst];
      for (int m = 0; m < kFirst; ++m) {
        const std::int64_t row = j + m * part;
        x[m] = m < kFirst / 2 && row < count
                   ? load<Direction::forward>(lines + row * kFftRow + lane)
                   : Complex{hn::Zero(d), hn::Zero(d)};
      }
      butterfly(x);
      for (int r = 0; r < kFirst; ++r) {
        store<Direction::forward>(r == 0 ? x[0] : twiddled(x[r], twiddles + 2 * r),
                                  strip + (j + r * part) * kFftRow + lane);
      }
    }
  }
}

template <int kFirst>
void padded_last(const FftPlan& plan, const float* strip, std::int64_t count, float* lines) {
  const std::int64_t part = plan.length / kFirst;
  const float* twiddles = plan.first_twiddles.data();
  for (std::int64_t j = 0; j < part; ++j, twiddles += 2 * kFirst) {
    for (std::int64_t lane = 0; lane < kFftLines; lane += kLanes) {
      Complex x[kFirst];
      for (int r = 0; r < kFirst; ++r) {
        const Complex y = load<Direction::inverse>(strip + (j + r * part) * kFftRow + lane);
        x[r] = r == 0 ? y : twiddled(y, twiddles + 2 * r);
      }
      butterfly(x);
      for (int m = 0; m < kFirst / 2; ++m) {
        const std::int64_t row = j + m * part;
        if (row < count) store<Direction::inverse>(x[m], lines + row * kFftRow + lane);
      }
    }
  }
}

// ---- Whole transforms ---------------------------------------------------------------------------

// Calls f(leaf) with the plan's leaf as a constant.
template <class F>
HWY_INLINE void with_leaf(const FftPlan& plan, F&& f) {
  if (plan.leaf == 3) return f(std::integral_constant<int, 3>());
  if (plan.leaf == 5) return f(std::integral_constant<int, 5>());
  f(std::integral_constant<int, 4>());
}

void forward_blocks(const FftPlan& plan, float* strip) {
  const std::int64_t part = plan.length / plan.first;
  with_leaf(plan, [&](auto leaf) HWY_ATTR {
    for (int r = 0; r < plan.first; ++r) {
      forward_block<leaf()>(part, plan.twiddles.data(), strip + r * part * kFftRow);
    }
  });
}

void real_forward(const FftPlan& plan, const float* lines, std::int64_t stride, std::int64_t count,
                  float* strip) {
  (plan.first == 2 ? real_first<2> : real_first<4>)(plan, lines, stride, count, strip);
  forward_blocks(plan, strip);
}

void real_inverse(const FftPlan& plan, float* strip, std::int64_t count, float* lines,
                  std::int64_t stride) {
  const std::int64_t part = plan.length / plan.first;
  with_leaf(plan, [&](auto leaf) HWY_ATTR {
    for (int r = 0; r < plan.first; ++r) {
      inverse_block<leaf()>(part, plan.twiddles.data(), strip + r * part * kFftRow);
    }
  });
  (plan.first == 2 ? real_last<2> : real_last<4>)(plan, strip, count, lines, stride);
}

void padded_forward(const FftPlan& plan, const float* lines, std::int64_t count, float* strip) {
  (plan.first == 2 ? padded_first<2> : padded_first<4>)(plan, lines, count, strip);
  forward_blocks(plan, strip);
}

void padded_convolve(const FftPlan& plan, float* lines, std::int64_t count, const float* spectrum,
                     float* work) {
  (plan.first == 2 ? padded_first<2> : padded_first<4>)(plan, lines, count, work);
  const std::int64_t part = plan.length / plan.first;
  with_leaf(plan, [&](auto leaf) HWY_ATTR {
    for (int r = 0; r < plan.first; ++r) {
      convolve_block<leaf()>(part, plan.twiddles.data(), spectrum + r * part * kFftLines,
                             work + r * part * kFftRow);
    }
  });
  (plan.first == 2 ? padded_last<2> : padded_last<4>)(plan, work, count, lines);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(real_forward);
HWY_EXPORT(real_inverse);
HWY_EXPORT(padded_forward);
HWY_EXPORT(padded_convolve);

void RealFft::forward(const float* lines, std::int64_t stride, std::int64_t count,
                      float* strip) const {
  HWY_DYNAMIC_DISPATCH(real_forward)(plan_, lines, stride, count, strip);
}
void RealFft::inverse(float* strip, std::int64_t count, float* lines, std::int64_t stride) const {
  HWY_DYNAMIC_DISPATCH(real_inverse)(plan_, strip, count, lines, stride);
}
void PaddedFft::forward(const float* lines, std::int64_t count, float* strip) const {
  HWY_DYNAMIC_DISPATCH(padded_forward)(plan_, lines, count, strip);
}
void PaddedFft::convolve(float* lines, std::int64_t count, const float* spectrum,
                         float* work) const {
  HWY_DYNAMIC_DISPATCH(padded_convolve)(plan_, lines, count, spectrum, work);
}

}  // namespace clipk::cpu
#endif
