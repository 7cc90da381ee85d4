#include "cpu/corrupt.hpp"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/corrupt.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "cpu/detail/normal-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int64_t kColumns = 256;  // drawn at a time
constexpr std::int64_t kSlack = 64;     // whole vectors are stored beyond the end

// What dropout multiplies elements by: 0 or `scale`.
HWY_INLINE void dropout_factors(const Words (&word)[4], float threshold, float scale, float* to) {
  const FloatTag d;
  Floats factor[4];
  for (int w = 0; w < 4; ++w) {
    const auto kept = hn::Ge(upper_bits(word[w]), hn::Set(d, threshold));
    factor[w] = hn::IfThenElseZero(kept, hn::Set(d, scale));
  }
  store_four(factor, to);
}

// The numbers of the groups of four columns `group` ...
HWY_INLINE void draw(std::uint64_t seed, const CorruptOptions& options, std::uint64_t step,
                     std::uint64_t group, std::int64_t columns, float* numbers) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(WordTag()));
  const float threshold = std::round(options.amount * 0x1p24F);
  for (std::int64_t j = 0; j < columns; j += 4 * lanes) {
    // The low word of the index may wrap in a lane past the end of the matrix, which nobody reads.
    Words word[4];
    random_blocks(seed, RandomStream::corruption, step,
                  std::uint64_t{options.site} << 32 | (group + static_cast<std::uint64_t>(j / 4)),
                  word);
    if (options.kind == Corruption::dropout) {
      dropout_factors(word, threshold, 1 / (1 - options.amount), numbers + j);
    } else {
      normal_numbers(word, options.amount, numbers + j);
    }
  }
}

template <class T>
void apply(Corruption kind, const float* numbers, std::int64_t columns, const T* x, T* out) {
  if (kind == Corruption::dropout) {  // what is dropped is 0 even if it was NaN
    for (std::int64_t j = 0; j < columns; ++j) out[j] = numbers[j] == 0 ? 0 : x[j] * numbers[j];
  } else {
    for (std::int64_t j = 0; j < columns; ++j) out[j] = x[j] + numbers[j];
  }
}

template <class T>
void corrupt_rows(std::uint64_t seed, MatrixView<const T> x, const CorruptOptions& options,
                  std::uint64_t step, std::int64_t first, std::int64_t count, MatrixView<T> out) {
  HWY_ALIGN float numbers[kColumns + kSlack];
  const std::int64_t groups = (x.cols + 3) / 4;
  for (std::int64_t i = first; i < first + count; ++i) {
    for (std::int64_t j = 0; j < x.cols; j += kColumns) {
      const std::int64_t columns = HWY_MIN(kColumns, x.cols - j);
      draw(seed, options, step, static_cast<std::uint64_t>(i * groups + j / 4), columns, numbers);
      apply(options.kind, numbers, columns, x.row(i) + j, out.row(i) + j);
    }
  }
}

void corrupt_rows_float(std::uint64_t seed, MatrixView<const float> x,
                        const CorruptOptions& options, std::uint64_t step, std::int64_t first,
                        std::int64_t count, MatrixView<float> out) {
  corrupt_rows(seed, x, options, step, first, count, out);
}
void corrupt_rows_double(std::uint64_t seed, MatrixView<const double> x,
                         const CorruptOptions& options, std::uint64_t step, std::int64_t first,
                         std::int64_t count, MatrixView<double> out) {
  corrupt_rows(seed, x, options, step, first, count, out);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(corrupt_rows_float);
HWY_EXPORT(corrupt_rows_double);

namespace {
constexpr std::int64_t kGrain =
    1 << 14;  // elements a task, which takes longer than to wake a thread
}

void corrupt(int threads, std::uint64_t seed, MatrixView<const float> x,
             const CorruptOptions& options, std::uint64_t step, MatrixView<float> out) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / x.cols);
  parallel_chunks(threads, x.rows, grain, [&](std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(corrupt_rows_float)(seed, x, options, step, first, count, out);
  });
}

void corrupt(int threads, std::uint64_t seed, MatrixView<const double> x,
             const CorruptOptions& options, std::uint64_t step, MatrixView<double> out) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / x.cols);
  parallel_chunks(threads, x.rows, grain, [&](std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(corrupt_rows_double)(seed, x, options, step, first, count, out);
  });
}

}  // namespace clipk::cpu
#endif
