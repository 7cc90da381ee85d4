#include "cpu/tsne_grid.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/tsne_grid.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "cpu/parallel.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One column of the charges' spectrum times the three kernels: a real spectrum, and two imaginary.
void multiply_column(const float* charges, std::int64_t length, const float* spectra,
                     float* products) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t k = 0; k < length; k += lanes) {  // a length is a multiple of 32
    auto real = hn::Zero(d), imaginary = hn::Zero(d);
    hn::LoadInterleaved2(d, charges + 2 * k, real, imaginary);
    const auto s0 = hn::Load(d, spectra + k);
    const auto s1 = hn::Load(d, spectra + length + k);
    const auto s2 = hn::Load(d, spectra + 2 * length + k);
    const auto turned = hn::Neg(imaginary);
    hn::StoreInterleaved2(hn::Mul(real, s0), hn::Mul(imaginary, s0), d, products + 2 * k);
    hn::StoreInterleaved2(hn::Mul(turned, s1), hn::Mul(real, s1), d, products + 2 * (length + k));
    hn::StoreInterleaved2(hn::Mul(turned, s2), hn::Mul(real, s2), d,
                          products + 2 * (2 * length + k));
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(multiply_column);

namespace {

using Complex = std::complex<float>;

std::int64_t padded(std::int64_t size) {
  return (size + 7) / 8 * 8;
}

// Memory of its own for every thread, aligned to 64 bytes.
template <class T>
class PerThread {
 public:
  PerThread(Scratch& scratch, int threads, std::int64_t size)
      : size_((size + 15) / 16 * 16), data_(scratch.vector<T>(threads * size_).data) {}
  T* get() const { return data_ + omp_get_thread_num() * size_; }

 private:
  std::int64_t size_;
  T* data_;
};

// 1 / the spectrum of the spline at whole nodes, squared: charges are spread and fields read by it.
double sharpening(std::int64_t k, std::int64_t length) {
  const double angle = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(length);
  const double spline = (66 + 52 * std::cos(angle) + 2 * std::cos(2 * angle)) / 120;
  return 1 / (spline * spline);
}

}  // namespace

void TsneGrid::prepare(int threads, Scratch& scratch, const TsneGridShape& shape) {
  if (shape_ && shape_->same_kernel(shape)) return;
  shape_.reset();
  for (int axis = 0; axis < 2; ++axis) {
    if (fft_[axis] == nullptr || fft_[axis]->length() != shape.lengths[axis]) {
      fft_[axis] = std::make_unique<LineFft>(shape.lengths[axis]);
    }
  }
  const std::int64_t length0 = shape.lengths[0], length1 = shape.lengths[1];
  const std::int64_t half0 = length0 / 2 + 1, half1 = length1 / 2 + 1;
  const auto bytes = static_cast<std::size_t>(half1 * kFields * length0) * sizeof(float);
  if (spectra_.bytes() != bytes) spectra_ = Buffer(Device::cpu, bytes);

  // Rows of the kernels at distances 0 ... length0 / 2; the others are their mirror images. A row
  // of k and of k^2 d_0 is even and its spectrum real, that of k^2 d_1 odd and imaginary.
  float* rows = scratch.vector<float>(kFields * half0 * half1).data;
  const PerThread<float> lines(scratch, threads, kFields * length1);
  const PerThread<Complex> spectra(scratch, threads, half1);
  parallel_for(threads, half0, [&](std::int64_t a) {
    float* line = lines.get();
    const double d0 = shape.spacing * static_cast<double>(a);
    for (std::int64_t b = 0; b < length1; ++b) {
      const std::int64_t from_zero = b <= length1 / 2 ? b : b - length1;
      const double d1 = shape.spacing * static_cast<double>(from_zero);
      const double k = 1 / (1 + d0 * d0 + d1 * d1);
      line[b] = static_cast<float>(k);
      line[length1 + b] = a == length0 / 2 ? 0 : static_cast<float>(k * k * d0);
      line[2 * length1 + b] = b == length1 / 2 ? 0 : static_cast<float>(k * k * d1);
    }
    for (std::int64_t f = 0; f < kFields; ++f) {
      Complex* spectrum = spectra.get();
      fft_[1]->forward(line + f * length1, spectrum);
      float* row = rows + (f * half0 + a) * half1;
      for (std::int64_t c = 0; c < half1; ++c) {
        row[c] = f == 2 ? spectrum[c].imag() : spectrum[c].real();
      }
    }
  });

  // Then their columns: even in a, but those of k^2 d_0 odd.
  auto* result = static_cast<float*>(spectra_.data());
  const double share = 1 / static_cast<double>(length0 * length1);
  const PerThread<Complex> columns(scratch, threads, 2 * length0);
  parallel_for(threads, half1, [&](std::int64_t c) {
    Complex* column = columns.get();
    Complex* spectrum = column + length0;
    for (std::int64_t f = 0; f < kFields; ++f) {
      for (std::int64_t a = 0; a < length0; ++a) {
        const bool mirrored = a > length0 / 2;
        const float value = rows[(f * half0 + (mirrored ? length0 - a : a)) * half1 + c];
        column[a] = f == 1 && mirrored ? -value : value;
      }
      fft_[0]->forward(column, spectrum);
      float* out = result + (c * kFields + f) * length0;
      const double sharp = share * sharpening(c, length1);
      for (std::int64_t a = 0; a < length0; ++a) {
        const float part = f == 1 ? spectrum[a].imag() : spectrum[a].real();
        out[a] = static_cast<float>(part * sharp * sharpening(a, length0));
      }
    }
  });
  shape_ = shape;
}

void TsneGrid::convolve(int threads, Scratch& scratch, const TsneGridShape& shape,
                        const Spread& spread, float* fields) const {
  const std::int64_t length0 = shape.lengths[0], length1 = shape.lengths[1];
  const std::int64_t nodes0 = shape.nodes(0), nodes1 = shape.nodes(1);
  const std::int64_t half1 = length1 / 2 + 1;
  const std::int64_t stride0 = padded(nodes0), stride1 = padded(half1);
  const auto* spectra = static_cast<const float*>(spectra_.data());

  // Half of the rows are empty, and of the result half is not wanted: neither is transformed. Every
  // line is transformed by one task, so that bytes depend on nothing but the line.
  Complex* columns = scratch.vector<Complex>(half1 * stride0).data;
  const PerThread<float> charges(scratch, threads, kBlock * length1);
  const PerThread<Complex> lines(scratch, threads, kBlock * stride1);
  parallel_chunks(threads, nodes0, kBlock, [&](std::int64_t first, std::int64_t count) {
    float* block = charges.get();
    std::fill(block, block + count * length1, 0.0F);
    spread(first, count, block);
    Complex* line = lines.get();
    for (std::int64_t r = 0; r < count; ++r) {
      fft_[1]->forward(block + r * length1, line + r * stride1);
    }
    for (std::int64_t c = 0; c < half1; ++c) {
      for (std::int64_t r = 0; r < count; ++r) {
        columns[c * stride0 + first + r] = line[r * stride1 + c];
      }
    }
  });

  Complex* rows = scratch.vector<Complex>(kFields * nodes0 * stride1).data;
  const PerThread<Complex> buffers(scratch, threads, (2 + 2 * kFields) * length0);
  const PerThread<Complex> blocks(scratch, threads, kBlock * kFields * nodes0);
  parallel_chunks(threads, half1, kBlock, [&](std::int64_t first, std::int64_t count) {
    Complex* column = buffers.get();
    Complex* spectrum = column + length0;
    Complex* products = spectrum + length0;
    Complex* result = products + kFields * length0;
    Complex* block = blocks.get();
    std::fill(column + nodes0, column + length0, Complex{});
    for (std::int64_t c = 0; c < count; ++c) {
      std::copy_n(columns + (first + c) * stride0, nodes0, column);
      fft_[0]->forward(column, spectrum);
      HWY_DYNAMIC_DISPATCH(multiply_column)
      (reinterpret_cast<const float*>(spectrum), length0, spectra + (first + c) * kFields * length0,
       reinterpret_cast<float*>(products));
      for (std::int64_t f = 0; f < kFields; ++f) {
        fft_[0]->inverse(products + f * length0, result);
        for (std::int64_t a = 0; a < nodes0; ++a) block[(f * nodes0 + a) * kBlock + c] = result[a];
      }
    }
    for (std::int64_t line = 0; line < kFields * nodes0; ++line) {
      std::copy_n(block + line * kBlock, count, rows + line * stride1 + first);
    }
  });

  const std::int64_t stride = field_stride(shape);
  const PerThread<float> outputs(scratch, threads, length1);
  parallel_chunks(threads, nodes0, kBlock, [&](std::int64_t first, std::int64_t count) {
    float* line = outputs.get();
    for (std::int64_t a = first; a < first + count; ++a) {
      for (std::int64_t f = 0; f < kFields; ++f) {
        fft_[1]->inverse(rows + (f * nodes0 + a) * stride1, line);
        float* field = fields + (a * kFields + f) * stride;
        std::copy_n(line, nodes1, field);
        std::fill(field + nodes1, field + stride, 0.0F);
      }
    }
  });
}

}  // namespace clipk::cpu
#endif
