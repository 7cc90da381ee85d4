#include "cpu/gaussian_posterior.hpp"

#include <algorithm>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gaussian_posterior.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"
#include "cpu/detail/normal-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int64_t kNumbers = 1024;  // drawn at a time
constexpr std::int64_t kSlack = 64;      // whole vectors are stored beyond the end

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
using Vector = hn::Vec<Tag<T>>;

// e^(log_variance / 2). hn::Exp would give 0 of NaN.
template <class T>
HWY_INLINE Vector<T> deviation(Vector<T> log_variance) {
  const Tag<T> d;
  const auto half = hn::Mul(hn::Set(d, T{0.5}), log_variance);
  return hn::IfThenElse(hn::IsNaN(half), half, hn::Exp(d, half));
}

// The noise of the groups of four columns `group` ...; there is room for kSlack numbers more.
template <class T>
HWY_INLINE void draw(std::uint64_t seed, std::uint32_t site, std::uint64_t step, std::int64_t group,
                     std::int64_t count, T* noise) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(WordTag()));
  HWY_ALIGN float numbers[4 * hn::MaxLanes(WordTag())];
  for (std::int64_t j = 0; j < count; j += 4 * lanes) {
    // The low word of the index may wrap in a lane past the end of the matrix, which nobody reads.
    Words word[4];
    random_blocks(seed, RandomStream::corruption, step,
                  std::uint64_t{site} << 32 | static_cast<std::uint64_t>(group + j / 4), word);
    if constexpr (std::is_same_v<T, float>) {
      normal_numbers(word, 1, noise + j);
    } else {
      normal_numbers(word, 1, numbers);
      std::copy(numbers, numbers + 4 * lanes, noise + j);
    }
  }
}

// Part of a row: draws, unless z is null, and the sum of mean^2 + variance - 1 - log(variance).
template <class T>
HWY_INLINE T row_part(const T* mean, const T* log_variance, const T* noise, std::int64_t columns,
                      T* z) {
  const Tag<T> d;
  LaneSum<T> sum;
  for_lanes<T>(columns, [&](auto place, std::int64_t j, int v) HWY_ATTR {
    const auto m = place.load(mean + j);
    const auto l = place.load(log_variance + j);
    const auto s = deviation<T>(l);
    if (z != nullptr) place.store(hn::MulAdd(s, hn::LoadU(d, noise + j), m), z + j);
    const auto excess = hn::Sub(hn::MulSub(s, s, hn::Set(d, T{1})), l);
    sum.vector[v] = hn::Add(sum.vector[v], place.inside(hn::MulAdd(m, m, excess), T{0}));
  });
  return sum.total();
}

// The divergences of rows first ...: lanes add along a part of a row, parts are added in double.
template <class T>
double rows_of(std::uint64_t seed, MatrixView<const T> mean, MatrixView<const T> log_variance,
               std::uint32_t site, std::uint64_t step, std::int64_t first, std::int64_t count,
               MatrixView<T> z) {
  HWY_ALIGN T noise[kNumbers + kSlack];
  const bool draws = z.data != nullptr;
  const std::int64_t groups = (mean.cols + 3) / 4;
  // The groups of neighbouring rows follow each other: those of narrow rows are drawn at once.
  const std::int64_t rows_at_once = std::max<std::int64_t>(1, kNumbers / (4 * groups));
  double sum = 0;
  for (std::int64_t i = first; i < first + count; i += rows_at_once) {
    const std::int64_t rows = std::min(rows_at_once, first + count - i);
    for (std::int64_t j = 0; j < mean.cols; j += kNumbers) {
      const std::int64_t columns = std::min(kNumbers, mean.cols - j);
      const std::int64_t numbers = rows == 1 ? columns : 4 * groups * rows;
      if (draws) draw(seed, site, step, i * groups + j / 4, numbers, noise);
      for (std::int64_t r = 0; r < rows; ++r) {
        sum += static_cast<double>(row_part(mean.row(i + r) + j, log_variance.row(i + r) + j,
                                            noise + 4 * groups * r, columns,
                                            draws ? z.row(i + r) + j : nullptr));
      }
    }
  }
  return sum / 2;
}

template <class T>
void backward_rows(MatrixView<const T> mean, MatrixView<const T> log_variance,
                   MatrixView<const T> z, T share, MatrixView<const T> grad_z,
                   MatrixView<T> grad_mean, MatrixView<T> grad_log_variance) {
  const Tag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto shares = hn::Set(d, share), half = hn::Set(d, T{0.5});
  for (std::int64_t i = 0; i < mean.rows; ++i) {
    for (std::int64_t j = 0; j < mean.cols; j += lanes) {
      const std::int64_t count = HWY_MIN(lanes, mean.cols - j);
      const auto m = load_some(mean.row(i) + j, count);
      const auto s = deviation<T>(load_some(log_variance.row(i) + j, count));
      const auto g = load_some(grad_z.row(i) + j, count);
      const auto drawn = hn::Mul(g, hn::Sub(load_some(z.row(i) + j, count), m));
      const auto excess = hn::MulSub(s, s, hn::Set(d, T{1}));
      store_some<T>(hn::MulAdd(shares, m, g), grad_mean.row(i) + j, count);
      store_some<T>(hn::Mul(half, hn::MulAdd(shares, excess, drawn)), grad_log_variance.row(i) + j,
                    count);
    }
  }
}

double rows_of_float(std::uint64_t seed, MatrixView<const float> mean,
                     MatrixView<const float> log_variance, std::uint32_t site, std::uint64_t step,
                     std::int64_t first, std::int64_t count, MatrixView<float> z) {
  return rows_of(seed, mean, log_variance, site, step, first, count, z);
}
double rows_of_double(std::uint64_t seed, MatrixView<const double> mean,
                      MatrixView<const double> log_variance, std::uint32_t site, std::uint64_t step,
                      std::int64_t first, std::int64_t count, MatrixView<double> z) {
  return rows_of(seed, mean, log_variance, site, step, first, count, z);
}
void backward_rows_float(MatrixView<const float> mean, MatrixView<const float> log_variance,
                         MatrixView<const float> z, float share, MatrixView<const float> grad_z,
                         MatrixView<float> grad_mean, MatrixView<float> grad_log_variance) {
  backward_rows(mean, log_variance, z, share, grad_z, grad_mean, grad_log_variance);
}
void backward_rows_double(MatrixView<const double> mean, MatrixView<const double> log_variance,
                          MatrixView<const double> z, double share, MatrixView<const double> grad_z,
                          MatrixView<double> grad_mean, MatrixView<double> grad_log_variance) {
  backward_rows(mean, log_variance, z, share, grad_z, grad_mean, grad_log_variance);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(rows_of_float);
HWY_EXPORT(rows_of_double);
HWY_EXPORT(backward_rows_float);
HWY_EXPORT(backward_rows_double);

namespace {

constexpr std::int64_t kSerialSize = 1 << 13;  // takes less time than waking a second thread

template <class T>
void forward(int threads, std::uint64_t seed, MatrixView<const T> mean,
             MatrixView<const T> log_variance, const GaussianPosteriorOptions& options,
             std::uint64_t step, MatrixView<T> z, VectorView<double> parts,
             VectorView<double> loss) {
  if (mean.rows * mean.cols < kSerialSize) threads = 1;
  parallel_chunks(threads, mean.rows, kPosteriorRows, [&](std::int64_t first, std::int64_t count) {
    double& part = parts[first / kPosteriorRows];
    if constexpr (std::is_same_v<T, float>) {
      part = HWY_DYNAMIC_DISPATCH(rows_of_float)(seed, mean, log_variance, options.site, step,
                                                 first, count, z);
    } else {
      part = HWY_DYNAMIC_DISPATCH(rows_of_double)(seed, mean, log_variance, options.site, step,
                                                  first, count, z);
    }
  });
  if (loss.empty()) return;
  double sum = 0;
  for (const double part : parts) sum += part;
  loss[0] += static_cast<double>(options.weight) / static_cast<double>(mean.rows) * sum;
}

template <class T>
void backward(int threads, MatrixView<const T> mean, MatrixView<const T> log_variance,
              MatrixView<const T> z, const GaussianPosteriorOptions& options,
              MatrixView<const T> grad_z, MatrixView<T> grad_mean,
              MatrixView<T> grad_log_variance) {
  if (mean.rows * mean.cols < kSerialSize) threads = 1;
  const T share =
      static_cast<T>(static_cast<double>(options.weight) / static_cast<double>(mean.rows));
  parallel_chunks(threads, mean.rows, kPosteriorRows, [&](std::int64_t first, std::int64_t count) {
    const auto part = [&](auto view) { return view.row_range(first, count); };
    if constexpr (std::is_same_v<T, float>) {
      HWY_DYNAMIC_DISPATCH(backward_rows_float)
      (part(mean), part(log_variance), part(z), share, part(grad_z), part(grad_mean),
       part(grad_log_variance));
    } else {
      HWY_DYNAMIC_DISPATCH(backward_rows_double)
      (part(mean), part(log_variance), part(z), share, part(grad_z), part(grad_mean),
       part(grad_log_variance));
    }
  });
}

}  // namespace

void gaussian_posterior(int threads, std::uint64_t seed, MatrixView<const float> mean,
                        MatrixView<const float> log_variance,
                        const GaussianPosteriorOptions& options, std::uint64_t step,
                        MatrixView<float> z, VectorView<double> parts, VectorView<double> loss) {
  forward(threads, seed, mean, log_variance, options, step, z, parts, loss);
}
void gaussian_posterior(int threads, std::uint64_t seed, MatrixView<const double> mean,
                        MatrixView<const double> log_variance,
                        const GaussianPosteriorOptions& options, std::uint64_t step,
                        MatrixView<double> z, VectorView<double> parts, VectorView<double> loss) {
  forward(threads, seed, mean, log_variance, options, step, z, parts, loss);
}

void gaussian_posterior_backward(int threads, MatrixView<const float> mean,
                                 MatrixView<const float> log_variance, MatrixView<const float> z,
                                 const GaussianPosteriorOptions& options,
                                 MatrixView<const float> grad_z, MatrixView<float> grad_mean,
                                 MatrixView<float> grad_log_variance) {
  backward(threads, mean, log_variance, z, options, grad_z, grad_mean, grad_log_variance);
}
void gaussian_posterior_backward(int threads, MatrixView<const double> mean,
                                 MatrixView<const double> log_variance, MatrixView<const double> z,
                                 const GaussianPosteriorOptions& options,
                                 MatrixView<const double> grad_z, MatrixView<double> grad_mean,
                                 MatrixView<double> grad_log_variance) {
  backward(threads, mean, log_variance, z, options, grad_z, grad_mean, grad_log_variance);
}

}  // namespace clipk::cpu
#endif
