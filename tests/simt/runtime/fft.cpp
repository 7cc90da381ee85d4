// A stand-in for kernels/detail/fft.cu, whose cuFFT kernels the harness cannot run: the definition
// of the transform by recursion over the prime factors of a length, in double precision.
#include "kernels/detail/fft.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "clipk/core/error.hpp"
#include "simt/runtime/device_memory.hpp"
#include "simt/runtime/monitor.hpp"
#include "simt/runtime/stream.hpp"

namespace clipk::gpu {
namespace {

using Complex = std::complex<double>;

// values[offset + i * stride], i < n, with roots[k] = exp(-+2 pi i k / roots.size()).
std::vector<Complex> transform(const Complex* values, std::size_t n, std::size_t stride,
                               const std::vector<Complex>& roots) {
  if (n == 1) return {*values};
  std::size_t factor = 2;
  while (n % factor != 0) ++factor;
  const std::size_t part = n / factor, step = roots.size() / n;
  std::vector<Complex> result(n);
  for (std::size_t r = 0; r < factor; ++r) {
    const std::vector<Complex> sub = transform(values + r * stride, part, factor * stride, roots);
    for (std::size_t k = 0; k < n; ++k) result[k] += roots[r * k % n * step] * sub[k % part];
  }
  return result;
}

void transform_lines(std::vector<Complex>& plane, std::size_t lines, std::size_t apart,
                     std::size_t n, std::size_t stride, double sign) {
  std::vector<Complex> roots(n);
  for (std::size_t k = 0; k < n; ++k) {
    roots[k] = std::polar(
        1.0, sign * 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
  }
  for (std::size_t line = 0; line < lines; ++line) {
    const std::vector<Complex> result = transform(plane.data() + line * apart, n, stride, roots);
    for (std::size_t k = 0; k < n; ++k) plane[line * apart + k * stride] = result[k];
  }
}

// Both axes of a whole plane.
void transform_plane(std::vector<Complex>& plane, std::size_t rows, std::size_t columns,
                     double sign) {
  transform_lines(plane, rows, columns, columns, 1, sign);
  transform_lines(plane, columns, 1, rows, columns, sign);
}

}  // namespace

struct PlaneFft::Impl {
  std::size_t rows, columns;

  std::size_t half() const { return columns / 2 + 1; }
  std::size_t plane_bytes() const { return rows * columns * sizeof(float); }
  std::size_t spectrum_bytes() const { return rows * half() * sizeof(float2); }
  void check(void* work, const float* plane, const float2* spectrum) const {
    const bool valid = simt::check_device_range("FFT: work area", work, kWorkBytes) &&
                       simt::check_device_range("FFT: plane", plane, plane_bytes()) &&
                       simt::check_device_range("FFT: spectrum", spectrum, spectrum_bytes());
    if (!valid) throw Error("FFT: invalid argument");
  }

  static constexpr std::size_t kWorkBytes = 4096;
};

PlaneFft::PlaneFft(std::int64_t rows, std::int64_t columns)
    : impl_(std::make_unique<Impl>(
          Impl{static_cast<std::size_t>(rows), static_cast<std::size_t>(columns)})) {
  if (rows < 1 || columns < 2 || columns % 2 != 0) throw Error("plan of an FFT: cuFFT error 8");
}

PlaneFft::~PlaneFft() = default;

std::size_t PlaneFft::work_bytes() const {
  return Impl::kWorkBytes;
}

void PlaneFft::forward(void* work, const float* plane, float2* spectrum, cudaStream_t stream) {
  impl_->check(work, plane, spectrum);
  simt::enqueue(stream, [impl = *impl_, plane, spectrum] {
    std::vector<Complex> values(plane, plane + impl.rows * impl.columns);
    transform_plane(values, impl.rows, impl.columns, -1);
    for (std::size_t r = 0; r < impl.rows; ++r) {
      for (std::size_t c = 0; c < impl.half(); ++c) {
        const Complex value = values[r * impl.columns + c];
        spectrum[r * impl.half() + c] = {static_cast<float>(value.real()),
                                         static_cast<float>(value.imag())};
      }
    }
    if (simt::g_monitor != nullptr) {
      simt::g_monitor->written_by_host(spectrum, impl.spectrum_bytes());
    }
  });
}

void PlaneFft::inverse(void* work, float2* spectrum, float* plane, cudaStream_t stream) {
  impl_->check(work, plane, spectrum);
  simt::enqueue(stream, [impl = *impl_, plane, spectrum] {
    std::vector<Complex> values(impl.rows * impl.columns);
    for (std::size_t r = 0; r < impl.rows; ++r) {
      for (std::size_t c = 0; c < impl.columns; ++c) {
        const bool mirrored = c >= impl.half();  // the conjugate of the opposite frequency
        const std::size_t row = mirrored ? (impl.rows - r) % impl.rows : r;
        const std::size_t column = mirrored ? impl.columns - c : c;
        const float2 value = spectrum[row * impl.half() + column];
        values[r * impl.columns + c] = Complex(static_cast<double>(value.x),
                                               static_cast<double>(mirrored ? -value.y : value.y));
      }
    }
    transform_plane(values, impl.rows, impl.columns, 1);
    for (std::size_t e = 0; e < values.size(); ++e) {
      plane[e] = static_cast<float>(values[e].real());
    }
    // A real cuFFT leaves nothing to rely on in its input.
    std::fill_n(spectrum, impl.spectrum_bytes() / sizeof(float2), float2{NAN, NAN});
    if (simt::g_monitor != nullptr) {
      simt::g_monitor->written_by_host(plane, impl.plane_bytes());
      simt::g_monitor->written_by_host(spectrum, impl.spectrum_bytes());
    }
  });
}

}  // namespace clipk::gpu
