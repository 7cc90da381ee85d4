#include "cpu/tsne_repulsion.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/tsne_repulsion.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"

#ifndef CLIPK_CPU_TSNE_REPULSION_ONCE
#define CLIPK_CPU_TSNE_REPULSION_ONCE
namespace clipk::cpu {
// The other points of a map, by coordinate. The arrays are padded to a multiple of kChunk with
// points so far away that they add nothing.
template <class T>
struct FarPaddedPoints {
  const T* x;
  const T* y;
  std::int64_t size;
};
inline constexpr std::int64_t kChunk = 512;  // terms that are added in T
inline constexpr std::int64_t kGroup = 4;    // points whose sums are under way at once
}  // namespace clipk::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Adds chunk [first, first + kChunk) of the others to the sums (fx, fy, k) of kGroup points. With
// kSelf, term self + r is left out for point r.
template <bool kSelf, class T>
HWY_INLINE void add_chunk(const T* px, const T* py, const FarPaddedPoints<T>& others,
                          std::int64_t first, std::int64_t self, double (*sums)[3]) {
  const hn::ScalableTag<T> d;
  const auto one = hn::Set(d, T(1));
  const auto x0 = hn::Set(d, px[0]), y0 = hn::Set(d, py[0]);
  const auto x1 = hn::Set(d, px[1]), y1 = hn::Set(d, py[1]);
  const auto x2 = hn::Set(d, px[2]), y2 = hn::Set(d, py[2]);
  const auto x3 = hn::Set(d, px[3]), y3 = hn::Set(d, py[3]);
  LaneSum<T> lanes[kGroup][3];
  // A vector of the block at a time: the sums of all would not stay in registers.
  for (int v = 0; v < kBlockVectors<T>; ++v) {
    auto fx0 = hn::Zero(d), fx1 = fx0, fx2 = fx0, fx3 = fx0;
    auto fy0 = fx0, fy1 = fx0, fy2 = fx0, fy3 = fx0;
    auto k0 = fx0, k1 = fx0, k2 = fx0, k3 = fx0;
    const std::int64_t begin = first + v * kVectorLanes<T>;
    for (std::int64_t j = begin; j < first + kChunk; j += kBlockLanes<T>) {
      const auto ox = hn::Load(d, others.x + j);
      const auto oy = hn::Load(d, others.y + j);
      const auto add = [&](auto x, auto y, std::int64_t r, auto& fx, auto& fy, auto& sum) HWY_ATTR {
        const auto dx = hn::Sub(x, ox);
        const auto dy = hn::Sub(y, oy);
        auto k = hn::Div(one, hn::MulAdd(dx, dx, hn::MulAdd(dy, dy, one)));
        if constexpr (kSelf) {
          const auto index = hn::Iota(d, static_cast<T>(j - first));
          k = hn::IfThenZeroElse(hn::Eq(index, hn::Set(d, static_cast<T>(self + r - first))), k);
        }
        const auto squared = hn::Mul(k, k);
        sum = hn::Add(sum, k);
        fx = hn::MulAdd(squared, dx, fx);
        fy = hn::MulAdd(squared, dy, fy);
      };
      add(x0, y0, 0, fx0, fy0, k0);
      add(x1, y1, 1, fx1, fy1, k1);
      add(x2, y2, 2, fx2, fy2, k2);
      add(x3, y3, 3, fx3, fy3, k3);
    }
    const auto keep = [&](LaneSum<T>(&to)[3], auto fx, auto fy, auto k) HWY_ATTR {
      to[0].vector[v] = fx;
      to[1].vector[v] = fy;
      to[2].vector[v] = k;
    };
    keep(lanes[0], fx0, fy0, k0);
    keep(lanes[1], fx1, fy1, k1);
    keep(lanes[2], fx2, fy2, k2);
    keep(lanes[3], fx3, fy3, k3);
  }
  for (std::int64_t r = 0; r < kGroup; ++r) {
    for (int s = 0; s < 3; ++s) sums[r][s] += static_cast<double>(lanes[r][s].total());
  }
}

// self: the index of the first point among the others, or -1.
template <class T>
void add_all(const T* px, const T* py, const FarPaddedPoints<T>& others, std::int64_t self,
             double (*sums)[3]) {
  for (std::int64_t first = 0; first < others.size; first += kChunk) {
    if (self >= 0 && self < first + kChunk && self + kGroup > first) {
      add_chunk<true>(px, py, others, first, self, sums);
    } else {
      add_chunk<false>(px, py, others, first, self, sums);
    }
  }
}

void add_all_float(const float* px, const float* py, const FarPaddedPoints<float>& others,
                   std::int64_t self, double (*sums)[3]) {
  add_all(px, py, others, self, sums);
}
void add_all_double(const double* px, const double* py, const FarPaddedPoints<double>& others,
                    std::int64_t self, double (*sums)[3]) {
  add_all(px, py, others, self, sums);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(add_all_float);
HWY_EXPORT(add_all_double);

namespace {

constexpr double kFar = 1e18;  // k^2 d is then 0, and k nothing beside any sum

void add_all(const float* px, const float* py, const FarPaddedPoints<float>& others,
             std::int64_t self, double (*sums)[3]) {
  HWY_DYNAMIC_DISPATCH(add_all_float)(px, py, others, self, sums);
}
void add_all(const double* px, const double* py, const FarPaddedPoints<double>& others,
             std::int64_t self, double (*sums)[3]) {
  HWY_DYNAMIC_DISPATCH(add_all_double)(px, py, others, self, sums);
}

template <class T>
FarPaddedPoints<T> by_coordinate(Scratch& scratch, MatrixView<const T> y) {
  const std::int64_t size = (y.rows + kChunk - 1) / kChunk * kChunk;
  T* x0 = scratch.vector<T>(size).data;
  T* x1 = scratch.vector<T>(size).data;
  for (std::int64_t i = 0; i < y.rows; ++i) {
    x0[i] = y.row(i)[0];
    x1[i] = y.row(i)[1];
  }
  std::fill(x0 + y.rows, x0 + size, static_cast<T>(kFar));
  std::fill(x1 + y.rows, x1 + size, static_cast<T>(kFar));
  return {x0, x1, size};
}

template <class T>
void exact(int threads, Scratch& scratch, MatrixView<const T> y, MatrixView<const T> others,
           bool within, MatrixView<T> forces, VectorView<double> z) {
  const FarPaddedPoints<T> sources = by_coordinate(scratch, others);
  const FarPaddedPoints<T> points = within ? sources : by_coordinate(scratch, y);
  double* row_z = within ? scratch.vector<double>(y.rows).data : z.data;
  parallel_chunks(threads, y.rows, 16 * kGroup, [&](std::int64_t begin, std::int64_t count) {
    for (std::int64_t first = begin; first < begin + count; first += kGroup) {
      double sums[kGroup][3] = {};
      add_all(points.x + first, points.y + first, sources, within ? first : -1, sums);
      for (std::int64_t r = 0; r < std::min(kGroup, y.rows - first); ++r) {
        forces.row(first + r)[0] = static_cast<T>(sums[r][0]);
        forces.row(first + r)[1] = static_cast<T>(sums[r][1]);
        row_z[first + r] = sums[r][2];
      }
    }
  });
  if (!within) return;
  z[0] = 0;
  for (std::int64_t i = 0; i < y.rows; ++i) z[0] += row_z[i];
}

}  // namespace

void tsne_repulsion_exact(int threads, Scratch& scratch, MatrixView<const float> y,
                          MatrixView<const float> others, bool within, MatrixView<float> forces,
                          VectorView<double> z) {
  exact(threads, scratch, y, others, within, forces, z);
}
void tsne_repulsion_exact(int threads, Scratch& scratch, MatrixView<const double> y,
                          MatrixView<const double> others, bool within, MatrixView<double> forces,
                          VectorView<double> z) {
  exact(threads, scratch, y, others, within, forces, z);
}

}  // namespace clipk::cpu
#endif
