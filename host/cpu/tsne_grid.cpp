#include "cpu/tsne_grid.hpp"

#include <omp.h>

#include <algorithm>
#include <complex>
#include <numbers>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/tsne_grid.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/math.hpp"
#include "cpu/parallel.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One column of the charges' spectrum times that of the kernel.
void multiply_column(float* charges, std::int64_t length, const float* spectrum) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t k = 0; k < length; k += lanes) {  // a length is a multiple of 32
    auto real = hn::Zero(d), imaginary = hn::Zero(d);
    hn::LoadInterleaved2(d, charges + 2 * k, real, imaginary);
    const auto factor = hn::Load(d, spectrum + k);
    hn::StoreInterleaved2(hn::Mul(real, factor), hn::Mul(imaginary, factor), d, charges + 2 * k);
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

// 1 / the spectrum of the spline at whole nodes, squared: charges are spread and the potential read
// by it.
void fill_sharpening(std::int64_t length, std::int64_t count, double* factors) {
  for (std::int64_t k = 0; k < count; ++k) {
    const double angle =
        2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(length);
    const double spline =
        (2416 + 2382 * math::cos(angle) + 240 * math::cos(2 * angle) + 2 * math::cos(3 * angle)) /
        5040;
    factors[k] = 1 / (spline * spline);
  }
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
  const auto bytes = static_cast<std::size_t>(half1 * length0) * sizeof(float);
  if (spectrum_.bytes() != bytes) spectrum_ = Buffer(Device::cpu, bytes);

  // Rows of the kernel at distances 0 ... length0 / 2; the others are their mirror images. All rows
  // and columns are even, so that their transforms are real.
  float* rows = scratch.vector<float>(half0 * half1).data;
  const PerThread<float> lines(scratch, threads, length1);
  const PerThread<Complex> spectra(scratch, threads, half1);
  parallel_for(threads, half0, [&](std::int64_t a) {
    float* line = lines.get();
    const double d0 = shape.spacing * static_cast<double>(a);
    for (std::int64_t b = 0; b < half1; ++b) {
      const double d1 = shape.spacing * static_cast<double>(b);
      const double squared = d0 * d0 + d1 * d1;
      line[b] = static_cast<float>((1 - shape.offset - shape.offset * squared) / (1 + squared));
    }
    for (std::int64_t b = half1; b < length1; ++b) line[b] = line[length1 - b];
    Complex* spectrum = spectra.get();
    fft_[1]->forward(line, spectrum);
    for (std::int64_t c = 0; c < half1; ++c) rows[a * half1 + c] = spectrum[c].real();
  });

  auto* result = static_cast<float*>(spectrum_.data());
  const double share = 1 / static_cast<double>(length0 * length1);
  double* sharp0 = scratch.vector<double>(length0).data;
  double* sharp1 = scratch.vector<double>(half1).data;
  fill_sharpening(length0, length0, sharp0);
  fill_sharpening(length1, half1, sharp1);
  const PerThread<Complex> columns(scratch, threads, 2 * length0);
  parallel_for(threads, half1, [&](std::int64_t c) {
    Complex* column = columns.get();
    Complex* spectrum = column + length0;
    for (std::int64_t a = 0; a < half0; ++a) column[a] = rows[a * half1 + c];
    for (std::int64_t a = half0; a < length0; ++a) column[a] = column[length0 - a];
    fft_[0]->forward(column, spectrum);
    float* out = result + c * length0;
    for (std::int64_t a = 0; a < length0; ++a) {
      const double real = static_cast<double>(spectrum[a].real());
      out[a] = static_cast<float>(real * share * sharp0[a] * sharp1[c]);
    }
  });
  shape_ = shape;
}

void TsneGrid::convolve(int threads, Scratch& scratch, const TsneGridShape& shape,
                        const Spread& spread, float* potential) const {
  const std::int64_t length0 = shape.lengths[0], length1 = shape.lengths[1];
  const std::int64_t nodes0 = shape.nodes(0), nodes1 = shape.nodes(1);
  const std::int64_t half1 = length1 / 2 + 1;
  const std::int64_t stride0 = padded(nodes0), stride1 = padded(half1);
  const auto* kernel = static_cast<const float*>(spectrum_.data());

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

  Complex* rows = scratch.vector<Complex>(nodes0 * stride1).data;
  const PerThread<Complex> buffers(scratch, threads, 2 * length0);
  const PerThread<Complex> blocks(scratch, threads, kBlock * nodes0);
  parallel_chunks(threads, half1, kBlock, [&](std::int64_t first, std::int64_t count) {
    Complex* column = buffers.get();
    Complex* spectrum = column + length0;
    Complex* block = blocks.get();
    for (std::int64_t c = 0; c < count; ++c) {
      std::copy_n(columns + (first + c) * stride0, nodes0, column);
      std::fill(column + nodes0, column + length0, Complex{});
      fft_[0]->forward(column, spectrum);
      HWY_DYNAMIC_DISPATCH(multiply_column)
      (reinterpret_cast<float*>(spectrum), length0, kernel + (first + c) * length0);
      fft_[0]->inverse(spectrum, column);
      for (std::int64_t a = 0; a < nodes0; ++a) block[a * kBlock + c] = column[a];
    }
    for (std::int64_t a = 0; a < nodes0; ++a) {
      std::copy_n(block + a * kBlock, count, rows + a * stride1 + first);
    }
  });

  const std::int64_t out_stride = stride(shape);
  const PerThread<float> outputs(scratch, threads, length1);
  parallel_chunks(threads, nodes0, kBlock, [&](std::int64_t first, std::int64_t count) {
    float* line = outputs.get();
    for (std::int64_t a = first; a < first + count; ++a) {
      fft_[1]->inverse(rows + a * stride1, line);
      std::copy_n(line, nodes1, potential + a * out_stride);
    }
  });
}

}  // namespace clipk::cpu
#endif
