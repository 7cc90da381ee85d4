// Arithmetic of a transform's stages on vectors of lines; included once a Highway target, after
// highway's headers.
#if defined(CLIPK_FFT_BUTTERFLIES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_FFT_BUTTERFLIES_INL
#undef CLIPK_FFT_BUTTERFLIES_INL
#else
#define CLIPK_FFT_BUTTERFLIES_INL
#endif

#include <hwy/highway.h>

#include "cpu/detail/fft.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using LineTag = hn::CappedTag<float, kFftLines>;
using Lines = hn::Vec<LineTag>;

struct Complex {
  Lines re, im;
};

// An inverse transform is a forward one with real and imaginary parts exchanged on both sides.
enum class Direction { forward, inverse };

template <Direction kDirection>
HWY_INLINE Complex load(const float* at) {
  const LineTag d;
  const Lines first = hn::Load(d, at), second = hn::Load(d, at + kFftLines);
  return kDirection == Direction::forward ? Complex{first, second} : Complex{second, first};
}
template <Direction kDirection>
HWY_INLINE void store(Complex value, float* at) {
  const LineTag d;
  const bool forward = kDirection == Direction::forward;
  hn::Store(forward ? value.re : value.im, d, at);
  hn::Store(forward ? value.im : value.re, d, at + kFftLines);
}

HWY_INLINE Complex add(Complex a, Complex b) {
  return {hn::Add(a.re, b.re), hn::Add(a.im, b.im)};
}
HWY_INLINE Complex subtract(Complex a, Complex b) {
  return {hn::Sub(a.re, b.re), hn::Sub(a.im, b.im)};
}
// a - i b and a + i b.
HWY_INLINE void add_turned(Complex a, Complex b, Complex& minus, Complex& plus) {
  minus = {hn::Add(a.re, b.im), hn::Sub(a.im, b.re)};
  plus = {hn::Sub(a.re, b.im), hn::Add(a.im, b.re)};
}
HWY_INLINE Complex scale(Complex a, Lines factor) {
  return {hn::Mul(a.re, factor), hn::Mul(a.im, factor)};
}
HWY_INLINE Complex multiply_add(Complex a, float factor, Complex b) {
  const auto f = hn::Set(LineTag(), factor);
  return {hn::MulAdd(a.re, f, b.re), hn::MulAdd(a.im, f, b.im)};
}
// Times one number: (re, im) at `twiddle`.
HWY_INLINE Complex twiddled(Complex a, const float* twiddle) {
  const auto re = hn::Set(LineTag(), twiddle[0]), im = hn::Set(LineTag(), twiddle[1]);
  return {hn::MulSub(a.re, re, hn::Mul(a.im, im)), hn::MulAdd(a.re, im, hn::Mul(a.im, re))};
}

// Discrete Fourier transforms of a few values, in place.
HWY_INLINE void butterfly(Complex (&x)[2]) {
  const Complex sum = add(x[0], x[1]);
  x[1] = subtract(x[0], x[1]);
  x[0] = sum;
}
HWY_INLINE void butterfly(Complex (&x)[3]) {
  constexpr float kSine = 0.866025403784438647F;  // of pi / 3
  const Complex sum = add(x[1], x[2]);
  const Complex turned = scale(subtract(x[1], x[2]), hn::Set(LineTag(), kSine));
  const Complex middle = multiply_add(sum, -0.5F, x[0]);
  x[0] = add(x[0], sum);
  add_turned(middle, turned, x[1], x[2]);
}
HWY_INLINE void butterfly(Complex (&x)[4]) {
  const Complex even = add(x[0], x[2]), even_rest = subtract(x[0], x[2]);
  const Complex odd = add(x[1], x[3]), odd_rest = subtract(x[1], x[3]);
  x[0] = add(even, odd);
  x[2] = subtract(even, odd);
  add_turned(even_rest, odd_rest, x[1], x[3]);
}
HWY_INLINE void butterfly(Complex (&x)[5]) {
  constexpr float kCosine1 = 0.309016994374947424F, kCosine2 = -0.809016994374947424F;
  constexpr float kSine1 = 0.951056516295153572F, kSine2 = 0.587785252292473129F;
  const Complex outer = add(x[1], x[4]), outer_rest = subtract(x[1], x[4]);
  const Complex inner = add(x[2], x[3]), inner_rest = subtract(x[2], x[3]);
  const Complex middle1 = multiply_add(inner, kCosine2, multiply_add(outer, kCosine1, x[0]));
  const Complex middle2 = multiply_add(inner, kCosine1, multiply_add(outer, kCosine2, x[0]));
  const auto sine1 = hn::Set(LineTag(), kSine1), sine2 = hn::Set(LineTag(), kSine2);
  const Complex turned1 = multiply_add(inner_rest, kSine2, scale(outer_rest, sine1));
  const Complex turned2 = multiply_add(inner_rest, -kSine1, scale(outer_rest, sine2));
  x[0] = add(add(x[0], outer), inner);
  add_turned(middle1, turned1, x[1], x[4]);
  add_turned(middle2, turned2, x[2], x[3]);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // CLIPK_FFT_BUTTERFLIES_INL
