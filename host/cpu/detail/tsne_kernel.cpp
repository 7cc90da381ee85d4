#include "cpu/detail/tsne_kernel.hpp"

#include <omp.h>

#include <algorithm>
#include <array>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/tsne_kernel.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "cpu/detail/unit_root.hpp"

#ifndef CLIPK_CPU_TSNE_KERNEL_ONCE
#define CLIPK_CPU_TSNE_KERNEL_ONCE
namespace clipk::cpu {

// Neighbours on either side that a sharpened value is the sum of, an even number: those beyond
// weigh 2e-8 together.
inline constexpr std::int64_t kReach = 40;
inline constexpr std::int64_t kBlock = 16;  // values whose sums are made side by side
using SharpenWeights = std::array<double, kReach + 1>;

}  // namespace clipk::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// `count` values, a multiple of kBlock, whose neighbours lie `step` apart.
void sharpen(const SharpenWeights& weights, const double* values, std::int64_t step,
             std::int64_t count, double* sharp) {
  const hn::CappedTag<double, 8> d;
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  constexpr std::int64_t kVectors = kBlock / kLanes;
  for (std::int64_t first = 0; first < count; first += kBlock) {
    const double* const at = values + first;
    // Odd and even neighbours apart, for additions that need not wait for each other.
    hn::Vec<decltype(d)> sums[2][kVectors];
    for (std::int64_t v = 0; v < kVectors; ++v) {
      sums[0][v] = hn::Mul(hn::Set(d, weights[0]), hn::LoadU(d, at + v * kLanes));
      sums[1][v] = hn::Zero(d);
    }
    for (std::int64_t t = 1; t <= kReach; t += 2) {
      for (std::int64_t u = t; u < t + 2; ++u) {
        const auto weight = hn::Set(d, weights[static_cast<std::size_t>(u)]);
        const double *const before = at - u * step, *const after = at + u * step;
        for (std::int64_t v = 0; v < kVectors; ++v) {
          const auto pair =
              hn::Add(hn::LoadU(d, before + v * kLanes), hn::LoadU(d, after + v * kLanes));
          sums[u - t][v] = hn::MulAdd(weight, pair, sums[u - t][v]);
        }
      }
    }
    for (std::int64_t v = 0; v < kVectors; ++v) {
      hn::StoreU(hn::Add(sums[0][v], sums[1][v]), d, sharp + first + v * kLanes);
    }
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(sharpen);

namespace {

// The series whose spectrum is 1 / that of the spline at whole nodes, squared: charges are spread
// and the potential read by it.
SharpenWeights sharpen_weights() {
  constexpr std::int64_t kPeriod = 128;  // what comes round again is below 1e-18
  std::array<double, kPeriod> cosines, spectrum;
  for (std::int64_t k = 0; k < kPeriod; ++k) {
    cosines[static_cast<std::size_t>(k)] = unit_root(k, kPeriod).real();
  }
  const auto cosine = [&](std::int64_t k) {
    return cosines[static_cast<std::size_t>(k % kPeriod)];
  };
  for (std::int64_t k = 0; k < kPeriod; ++k) {
    const double spline =
        (2416 + 2382 * cosine(k) + 240 * cosine(2 * k) + 2 * cosine(3 * k)) / 5040;
    spectrum[static_cast<std::size_t>(k)] = 1 / (spline * spline * kPeriod);
  }
  SharpenWeights weights{};
  for (std::int64_t t = 0; t <= kReach; ++t) {
    for (std::int64_t k = 0; k < kPeriod; ++k) {
      weights[static_cast<std::size_t>(t)] += spectrum[static_cast<std::size_t>(k)] * cosine(t * k);
    }
  }
  return weights;
}

}  // namespace

void tsne_kernel(int threads, Scratch& scratch, const TsneGridShape& shape, double factor,
                 MatrixView<float> out) {
  static const SharpenWeights weights = sharpen_weights();
  // Along rows first, from -kReach on along axis 0, for the columns' sums. One cache line between
  // rows keeps those of a column from sharing a place in the cache.
  const std::int64_t stride = out.cols + 8, length = out.cols + 2 * kReach;
  double* const sharp_rows = scratch.vector<double>((out.rows + 2 * kReach) * stride).data;
  double* const lines = scratch.vector<double>(threads * length).data;
  parallel_for(threads, out.rows + kReach, [&](std::int64_t a) {
    double* const middle = lines + omp_get_thread_num() * length + kReach;
    const double d0 = shape.spacing * static_cast<double>(a);
    for (std::int64_t b = 0; b < out.cols + kReach; ++b) {
      const double d1 = shape.spacing * static_cast<double>(b);
      const double squared = d0 * d0 + d1 * d1;
      middle[b] = factor * (1 - shape.offset - shape.offset * squared) / (1 + squared);
    }
    for (std::int64_t b = 1; b <= kReach; ++b) middle[-b] = middle[b];
    double* const sharp = sharp_rows + (kReach + a) * stride;
    HWY_DYNAMIC_DISPATCH(sharpen)(weights, middle, 1, out.cols, sharp);
    if (a > 0 && a <= kReach) std::copy_n(sharp, out.cols, sharp - 2 * a * stride);
  });
  constexpr std::int64_t kColumns = 64;  // whose neighbours stay in the cache from row to row
  parallel_chunks(threads, out.cols, kColumns, [&](std::int64_t first, std::int64_t count) {
    double sums[kColumns];
    for (std::int64_t a = 0; a < out.rows; ++a) {
      HWY_DYNAMIC_DISPATCH(sharpen)
      (weights, sharp_rows + (kReach + a) * stride + first, stride, count, sums);
      std::transform(sums, sums + count, out.row(a) + first,
                     [](double sum) { return static_cast<float>(sum); });
    }
  });
}

}  // namespace clipk::cpu
#endif
