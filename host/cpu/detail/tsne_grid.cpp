#include "cpu/detail/tsne_grid.hpp"

#include <omp.h>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/tsne_grid.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "cpu/detail/tsne_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The 16 rows of a strip's tile, [16][2][16], become its lines at `to`.
HWY_INLINE void transpose_tile(const float* from, float* to) {
#if HWY_TARGET == HWY_SCALAR
  for (std::int64_t r = 0; r < kFftLines; ++r) {
    for (std::int64_t c = 0; c < kFftLines; ++c) {
      to[c * kFftRow + r] = from[r * kFftRow + c];
      to[c * kFftRow + kFftLines + r] = from[r * kFftRow + kFftLines + c];
    }
  }
#else
  const hn::FixedTag<float, 4> d;
  for (std::int64_t r = 0; r < kFftLines; r += 4) {
    for (std::int64_t part = 0; part < kFftRow; part += kFftLines) {
      for (std::int64_t c = 0; c < kFftLines; c += 4) {
        const float* const in = from + r * kFftRow + part + c;
        float* const out = to + c * kFftRow + part + r;
        const auto row0 = hn::Load(d, in), row1 = hn::Load(d, in + kFftRow);
        const auto row2 = hn::Load(d, in + 2 * kFftRow), row3 = hn::Load(d, in + 3 * kFftRow);
        const auto lower0 = hn::InterleaveLower(d, row0, row2);
        const auto lower1 = hn::InterleaveLower(d, row1, row3);
        const auto upper0 = hn::InterleaveUpper(d, row0, row2);
        const auto upper1 = hn::InterleaveUpper(d, row1, row3);
        hn::Store(hn::InterleaveLower(d, lower0, lower1), d, out);
        hn::Store(hn::InterleaveUpper(d, lower0, lower1), d, out + kFftRow);
        hn::Store(hn::InterleaveLower(d, upper0, upper1), d, out + 2 * kFftRow);
        hn::Store(hn::InterleaveUpper(d, upper0, upper1), d, out + 3 * kFftRow);
      }
    }
  }
#endif
}

void transpose_tiles(std::int64_t count, const float* from, std::int64_t from_step, float* to,
                     std::int64_t to_step) {
  for (std::int64_t tile = 0; tile < count; ++tile) {
    transpose_tile(from + tile * from_step, to + tile * to_step);
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(transpose_tiles);

namespace {

constexpr std::int64_t kTile = kFftLines * kFftRow;  // floats

// A strip of this length for every thread.
class StripPerThread {
 public:
  StripPerThread(Scratch& scratch, int threads, std::int64_t length)
      : size_(length * kFftRow), data_(scratch.vector<float>(threads * size_).data) {}
  float* get() const { return data_ + omp_get_thread_num() * size_; }

 private:
  std::int64_t size_;
  float* data_;
};

// Strips of 16 frequencies along axis 0, whose lines run along axis 1.
struct Strips {
  float* data;
  std::int64_t count, length;

  float* at(std::int64_t strip) const { return data + strip * length * kFftRow; }
};

// Frequencies along axis 0 of lines [rows, stride], as strips along axis 1.
void transform_columns(int threads, Scratch& scratch, const RealFft& fft, const float* lines,
                       std::int64_t stride, std::int64_t rows, const Strips& strips) {
  const StripPerThread buffers(scratch, threads, fft.length());
  parallel_for(threads, strips.length / kFftLines, [&](std::int64_t tile) {
    float* const strip = buffers.get();
    fft.forward(lines + tile * kFftLines, stride, rows, strip);
    HWY_DYNAMIC_DISPATCH(transpose_tiles)
    (strips.count, strip, kTile, strips.data + tile * kTile, strips.length * kFftRow);
  });
}

}  // namespace

void TsneGrid::prepare(int threads, Scratch& scratch, const TsneGridShape& shape) {
  if (shape_ && shape_->same_kernel(shape)) return;
  shape_.reset();
  const std::int64_t length0 = shape.lengths[0] / 2, length1 = shape.lengths[1];
  const std::int64_t half1 = length1 / 2;
  if (!columns_fft_ || columns_fft_->length() != length0) columns_fft_.emplace(length0);
  if (!rows_fft_ || rows_fft_->length() != length1) rows_fft_.emplace(length1);
  const auto bytes = static_cast<std::size_t>(length0 * length1) * sizeof(float);
  if (spectrum_.bytes() != bytes) spectrum_ = Buffer(Device::cpu, bytes);

  // The kernel is even along both axes: half of it, with half of the values in its middle, has half
  // of its spectrum as real part. No two nodes of a grid are half a period apart.
  MatrixView<float> kernel = scratch.matrix<float>(length0, half1);
  const double share = 4 / static_cast<double>(length0 * length1);
  tsne_kernel(threads, scratch, shape, share, kernel);
  for (std::int64_t b = 0; b < half1; ++b) kernel.row(0)[b] *= 0.5F;
  for (std::int64_t a = 0; a < length0; ++a) kernel.row(a)[0] *= 0.5F;

  const Strips strips{scratch.vector<float>(length0 * half1 * 2).data, length0 / kFftLines, half1};
  transform_columns(threads, scratch, *columns_fft_, kernel.data, kernel.stride, length0, strips);
  const StripPerThread buffers(scratch, threads, length1);
  auto* const spectrum = static_cast<float*>(spectrum_.data());
  parallel_for(threads, strips.count, [&](std::int64_t s) {
    float* const strip = strips.at(s);
    for (std::int64_t b = 0; b < half1; ++b) {
      std::fill_n(strip + b * kFftRow + kFftLines, kFftLines, 0.0F);
    }
    float* const frequencies = buffers.get();
    rows_fft_->forward(strip, half1, frequencies);
    for (std::int64_t k = 0; k < length1; ++k) {
      std::copy_n(frequencies + k * kFftRow, kFftLines, spectrum + (s * length1 + k) * kFftLines);
    }
  });
  shape_ = shape;
}

void TsneGrid::convolve(int threads, Scratch& scratch, const TsneGridShape& shape,
                        const float* charges, float* potential) const {
  const std::int64_t length0 = columns_fft_->length(), length1 = rows_fft_->length();
  const std::int64_t nodes0 = shape.nodes(0);
  const auto* const spectrum = static_cast<const float*>(spectrum_.data());

  const std::int64_t count = length0 / kFftLines, length = columns(shape);
  const Strips strips{scratch.vector<float>(count * length * kFftRow).data, count, length};
  transform_columns(threads, scratch, *columns_fft_, charges, stride(shape), nodes0, strips);

  const StripPerThread work(scratch, threads, length1);
  parallel_for(threads, count, [&](std::int64_t s) {
    rows_fft_->convolve(strips.at(s), length, spectrum + s * length1 * kFftLines, work.get());
  });

  const StripPerThread buffers(scratch, threads, length0);
  parallel_for(threads, length / kFftLines, [&](std::int64_t tile) {
    float* const strip = buffers.get();
    HWY_DYNAMIC_DISPATCH(transpose_tiles)
    (count, strips.data + tile * kTile, length * kFftRow, strip, kTile);
    columns_fft_->inverse(strip, nodes0, potential + tile * kFftLines, stride(shape));
  });
}

}  // namespace clipk::cpu
#endif
