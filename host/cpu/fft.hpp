#pragma once

#include <complex>
#include <cstdint>

struct fftwf_plan_s;

namespace clipk::cpu {

/// Transforms of one length by FFTW, on the calling thread, unscaled. Plans are chosen by the
/// length alone, so that the same input gives the same bytes; every array is aligned to 64 bytes.
class LineFft {
 public:
  /// @param length even, at least 2
  explicit LineFft(std::int64_t length);
  ~LineFft();
  LineFft(const LineFft&) = delete;
  LineFft& operator=(const LineFft&) = delete;

  std::int64_t length() const { return length_; }
  /// length -> length / 2 + 1. Keeps its input.
  void forward(const float* in, std::complex<float>* out) const;
  /// length / 2 + 1 -> length. Destroys its input.
  void inverse(std::complex<float>* in, float* out) const;
  /// length -> length. Keep their input.
  void forward(const std::complex<float>* in, std::complex<float>* out) const;
  void inverse(const std::complex<float>* in, std::complex<float>* out) const;

 private:
  std::int64_t length_;
  fftwf_plan_s* real_forward_ = nullptr;
  fftwf_plan_s* real_inverse_ = nullptr;
  fftwf_plan_s* forward_ = nullptr;
  fftwf_plan_s* inverse_ = nullptr;
};

}  // namespace clipk::cpu
