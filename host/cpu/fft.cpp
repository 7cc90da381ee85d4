#include "cpu/fft.hpp"

#include <fftw3.h>

#include <mutex>

#include "clipk/core/error.hpp"
#include "clipk/core/memory.hpp"

namespace clipk::cpu {
namespace {

// FFTW's planner is not thread-safe.
std::mutex& planner() {
  static std::mutex mutex;
  return mutex;
}

fftwf_complex* plain(std::complex<float>* values) {
  return reinterpret_cast<fftwf_complex*>(values);
}
// FFTW takes its input as not const even where it keeps it.
fftwf_complex* plain(const std::complex<float>* values) {
  return plain(const_cast<std::complex<float>*>(values));
}

}  // namespace

LineFft::LineFft(std::int64_t length) : length_(length) {
  const std::size_t bytes = static_cast<std::size_t>(length) * sizeof(fftwf_complex);
  const Buffer from(Device::cpu, bytes), to(Device::cpu, bytes);  // aligned as the arrays will be
  auto* in = static_cast<fftwf_complex*>(from.data());
  auto* out = static_cast<fftwf_complex*>(to.data());
  const auto n = static_cast<int>(length);
  // FFTW_ESTIMATE measures nothing: the plan, and with it the rounding, is the same every time.
  constexpr unsigned kKeep = FFTW_ESTIMATE | FFTW_PRESERVE_INPUT;
  const std::lock_guard lock(planner());
  real_forward_ = fftwf_plan_dft_r2c_1d(n, reinterpret_cast<float*>(in), out, kKeep);
  real_inverse_ = fftwf_plan_dft_c2r_1d(n, in, reinterpret_cast<float*>(out),
                                        FFTW_ESTIMATE | FFTW_DESTROY_INPUT);
  forward_ = fftwf_plan_dft_1d(n, in, out, FFTW_FORWARD, kKeep);
  inverse_ = fftwf_plan_dft_1d(n, in, out, FFTW_BACKWARD, kKeep);
  if (real_forward_ == nullptr || real_inverse_ == nullptr || forward_ == nullptr ||
      inverse_ == nullptr) {
    throw Error("fft: expected a plan for length " + std::to_string(length) + ", got none");
  }
}

LineFft::~LineFft() {
  const std::lock_guard lock(planner());
  fftwf_destroy_plan(real_forward_);
  fftwf_destroy_plan(real_inverse_);
  fftwf_destroy_plan(forward_);
  fftwf_destroy_plan(inverse_);
}

void LineFft::forward(const float* in, std::complex<float>* out) const {
  fftwf_execute_dft_r2c(real_forward_, const_cast<float*>(in), plain(out));
}
void LineFft::inverse(std::complex<float>* in, float* out) const {
  fftwf_execute_dft_c2r(real_inverse_, plain(in), out);
}
void LineFft::forward(const std::complex<float>* in, std::complex<float>* out) const {
  fftwf_execute_dft(forward_, plain(in), plain(out));
}
void LineFft::inverse(const std::complex<float>* in, std::complex<float>* out) const {
  fftwf_execute_dft(inverse_, plain(in), plain(out));
}

}  // namespace clipk::cpu
