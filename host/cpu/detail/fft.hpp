#pragma once

#include <cstdint>
#include <vector>

namespace clipk::cpu {

/// Lines that are transformed side by side, whatever the width of a vector: no operation mixes
/// them, so that the bytes of a line are the same on every processor.
inline constexpr std::int64_t kFftLines = 16;

/// A strip holds 16 complex lines: floats [length][2][16], real parts before imaginary ones.
inline constexpr std::int64_t kFftRow = 2 * kFftLines;

/// How a length is cut, and the twiddle factors of every stage: `first` * 4^k * `leaf`.
struct FftPlan {
  /// @param length 2^k, 3 2^k or 5 2^k, at least 64
  /// @param quarters 1 where frequencies lie at k + 1/4, else 0
  /// @throws Error if the length is another.
  FftPlan(std::int64_t length, std::int64_t quarters);

  std::int64_t length;
  int first;  ///< radix of the first stage: 2 or 4
  int leaf;   ///< of the last one, which has no twiddle factors: 3, 4 or 5
  /// (re, im) in the order in which the stages read them, the first stage's apart.
  std::vector<float> first_twiddles, twiddles;
};

/// Transforms of strips, on the calling thread, unscaled. Frequencies stand in the order in which
/// decimation in frequency leaves them, and are taken back from it: a convolution needs no other.
/// Strips are aligned to 64 bytes.
///
/// This one is of real lines of n values, at the n frequencies k + 1/4: sums of x[j] z^j for the
/// z with z^n = -i. A product of two such spectra is their convolution modulo z^n = -i, whose real
/// part is the plain one as far as n values go: a real convolution padded to twice its length, for
/// the price of a complex one that is not padded.
class RealFft {
 public:
  explicit RealFft(std::int64_t length) : plan_(length, 1) {}
  std::int64_t length() const { return plan_.length; }
  /// @param lines floats [count, stride], of which 16 columns are read; the values after `count`
  /// count as 0
  /// @param[out] strip [length]
  void forward(const float* lines, std::int64_t stride, std::int64_t count, float* strip) const;
  /// The real part of the first `count` values. Destroys the strip.
  void inverse(float* strip, std::int64_t count, float* lines, std::int64_t stride) const;

 private:
  FftPlan plan_;
};

/// Of complex lines, the upper half of which is 0 before the transform and not wanted after it.
class PaddedFft {
 public:
  explicit PaddedFft(std::int64_t length) : plan_(length, 0) {}
  std::int64_t length() const { return plan_.length; }
  /// @param lines strip [count], count <= length / 2; the values after it count as 0
  /// @param[out] strip [length]
  void forward(const float* lines, std::int64_t count, float* strip) const;
  /// Forward, times a real spectrum, and back.
  /// @param lines strip [count], in place
  /// @param spectrum floats [length, 16]
  /// @param[out] work strip [length]
  void convolve(float* lines, std::int64_t count, const float* spectrum, float* work) const;

 private:
  FftPlan plan_;
};

}  // namespace clipk::cpu
