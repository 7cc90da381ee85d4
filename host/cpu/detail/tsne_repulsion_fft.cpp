#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "cpu/tsne_repulsion.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/tsne_repulsion_fft.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"
#include "cpu/detail/tsne_grid.hpp"

#ifndef CLIPK_CPU_TSNE_REPULSION_FFT_ONCE
#define CLIPK_CPU_TSNE_REPULSION_FFT_ONCE
namespace clipk::cpu {

// A point of the map: its cell, the place in it as a share of the spacing, and its row in y.
struct GridPoint {
  std::int16_t cell[2];
  std::int32_t index;
  float place[2];
};
static_assert(TsneGridShape::kMostLength < std::numeric_limits<std::int16_t>::max());

inline constexpr std::int64_t kWidth = TsneGridShape::kOrder;

// Coefficients of the eight pieces of the septic B-spline, from f^7 down, times 5040: piece m
// weighs node m of a point at place f.
alignas(64) inline constexpr float kSpline[kWidth][kWidth] = {
    {-1, 7, -21, 35, -35, 21, -7, 1},      {7, -42, 105, -140, 105, -42, 7, 0},
    {-21, 84, -105, 0, 105, -84, 21, 0},   {35, 0, -315, 560, -315, 0, 35, 0},
    {-35, -280, 665, 0, -665, 280, 35, 0}, {21, 504, 315, -1680, 315, 504, 21, 0},
    {-7, -392, -1715, 0, 1715, 392, 7, 0}, {1, 120, 1191, 2416, 1191, 120, 1, 0},
};

}  // namespace clipk::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Weights of the nodes and, where they are wanted, their derivatives by the place.
template <bool kSlopes>
HWY_INLINE void spline_weights(float place, float* weights, float* slopes) {
  const hn::CappedTag<float, kWidth> d;
  const auto f = hn::Set(d, place);
  const auto share = hn::Set(d, 1.0F / 5040);
  for (std::int64_t c = 0; c < kWidth; c += static_cast<std::int64_t>(hn::Lanes(d))) {
    auto value = hn::Load(d, kSpline[0] + c);
    auto slope = hn::Zero(d);
    for (std::int64_t power = 1; power < kWidth; ++power) {
      if constexpr (kSlopes) slope = hn::MulAdd(slope, f, value);
      value = hn::MulAdd(value, f, hn::Load(d, kSpline[power] + c));
    }
    hn::Store(hn::Mul(value, share), d, weights + c);
    if constexpr (kSlopes) hn::Store(hn::Mul(slope, share), d, slopes + c);
  }
}

// Adds the charges of `count` points to grid rows [first, first + rows), which lie `stride` apart.
void spread_points(const GridPoint* points, std::int64_t count, std::int64_t first,
                   std::int64_t rows, std::int64_t stride, double* sums) {
  const hn::CappedTag<double, kWidth> d;
  const hn::Rebind<float, decltype(d)> narrow;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t p = 0; p < count; ++p) {
    HWY_ALIGN float along0[kWidth], along1[kWidth];
    spline_weights<false>(points[p].place[0], along0, nullptr);
    spline_weights<false>(points[p].place[1], along1, nullptr);
    const std::int64_t row = points[p].cell[0] - first;
    const std::int64_t from = std::max<std::int64_t>(0, -row);
    const std::int64_t to = std::min(kWidth, rows - row);
    double* const at = sums + row * stride + points[p].cell[1];
    for (std::int64_t c = 0; c < kWidth; c += lanes) {
      const auto weights = hn::PromoteTo(d, hn::Load(narrow, along1 + c));
      for (std::int64_t m = from; m < to; ++m) {
        double* const node = at + m * stride + c;
        const auto weight = hn::Set(d, static_cast<double>(along0[m]));
        hn::StoreU(hn::MulAdd(weight, weights, hn::LoadU(d, node)), d, node);
      }
    }
  }
}

// In an order that does not depend on the width of a vector.
HWY_INLINE float sum_of(const float (&v)[kWidth]) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

// The potential and its gradient, by place, at `count` points.
void read_potential(const GridPoint* points, std::int64_t count, const float* potential,
                    std::int64_t stride, float (*values)[3]) {
  const hn::CappedTag<float, kWidth> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t p = 0; p < count; ++p) {
    HWY_ALIGN float along0[kWidth], along1[kWidth], slopes0[kWidth], slopes1[kWidth];
    spline_weights<true>(points[p].place[0], along0, slopes0);
    spline_weights<true>(points[p].place[1], along1, slopes1);
    const float* at = potential + points[p].cell[0] * stride + points[p].cell[1];
    HWY_ALIGN float terms[3][kWidth];  // of the value and the gradient, by column
    for (std::int64_t c = 0; c < kWidth; c += lanes) {
      auto sum = hn::Zero(d), slope = sum;
      for (std::int64_t m = 0; m < kWidth; ++m) {
        const auto nodes = hn::LoadU(d, at + m * stride + c);
        sum = hn::MulAdd(hn::Set(d, along0[m]), nodes, sum);
        slope = hn::MulAdd(hn::Set(d, slopes0[m]), nodes, slope);
      }
      const auto weights = hn::Load(d, along1 + c);
      hn::Store(hn::Mul(weights, sum), d, terms[0] + c);
      hn::Store(hn::Mul(weights, slope), d, terms[1] + c);
      hn::Store(hn::Mul(hn::Load(d, slopes1 + c), sum), d, terms[2] + c);
    }
    for (int t = 0; t < 3; ++t) values[p][t] = sum_of(terms[t]);
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(spread_points);
HWY_EXPORT(read_potential);

namespace {

constexpr std::int64_t kSortChunk = 4096;
constexpr std::int64_t kSpreadRows = 8;
constexpr std::int64_t kReadChunk = 256;

struct Extent {
  double low[2] = {INFINITY, INFINITY};
  double high[2] = {-INFINITY, -INFINITY};
  bool finite = true;

  void add(const float* point) {
    for (int axis = 0; axis < 2; ++axis) {
      const double value = static_cast<double>(point[axis]);
      finite = finite && std::isfinite(value);
      low[axis] = std::min(low[axis], value);
      high[axis] = std::max(high[axis], value);
    }
  }
  void add(const Extent& other) {
    for (int axis = 0; axis < 2; ++axis) {
      low[axis] = std::min(low[axis], other.low[axis]);
      high[axis] = std::max(high[axis], other.high[axis]);
    }
    finite = finite && other.finite;
  }
};

void add_extent(int threads, Scratch& scratch, MatrixView<const float> y, Extent& extent) {
  const std::int64_t chunks = (y.rows + kSortChunk - 1) / kSortChunk;
  Extent* parts = scratch.vector<Extent>(chunks).data;
  parallel_chunks(threads, y.rows, kSortChunk, [&](std::int64_t first, std::int64_t count) {
    Extent part;
    for (std::int64_t i = first; i < first + count; ++i) part.add(y.row(i));
    parts[first / kSortChunk] = part;
  });
  for (std::int64_t c = 0; c < chunks; ++c) extent.add(parts[c]);
}

// Points by their cell along axis 0, those of one cell in the order of y.
struct SortedPoints {
  GridPoint* points;
  std::int64_t* starts;  // [cells along axis 0 + 1]
};

SortedPoints sort_points(int threads, Scratch& scratch, const TsneGridShape& shape,
                         MatrixView<const float> y) {
  const std::int64_t n = y.rows, cells = shape.cells[0];
  const std::int64_t chunks = (n + kSortChunk - 1) / kSortChunk;
  GridPoint* unsorted = scratch.vector<GridPoint>(n).data;
  const SortedPoints sorted{scratch.vector<GridPoint>(n).data,
                            scratch.vector<std::int64_t>(cells + 1).data};
  std::int64_t* places = scratch.vector<std::int64_t>(chunks * cells).data;
  parallel_chunks(threads, n, kSortChunk, [&](std::int64_t first, std::int64_t count) {
    std::int64_t* counts = places + first / kSortChunk * cells;
    std::fill(counts, counts + cells, 0);
    for (std::int64_t i = first; i < first + count; ++i) {
      GridPoint& point = unsorted[i];
      point.index = static_cast<std::int32_t>(i);
      for (int axis = 0; axis < 2; ++axis) {
        const double at =
            (static_cast<double>(y.row(i)[axis]) - shape.origin[axis]) / shape.spacing;
        const auto cell = std::min(static_cast<std::int64_t>(at), shape.cells[axis] - 1);
        point.cell[axis] = static_cast<std::int16_t>(cell);
        point.place[axis] = static_cast<float>(at - static_cast<double>(cell));
      }
      ++counts[point.cell[0]];
    }
  });
  std::int64_t place = 0;
  for (std::int64_t cell = 0; cell < cells; ++cell) {
    sorted.starts[cell] = place;
    for (std::int64_t c = 0; c < chunks; ++c) {
      const std::int64_t count = places[c * cells + cell];
      places[c * cells + cell] = place;
      place += count;
    }
  }
  sorted.starts[cells] = place;
  parallel_chunks(threads, n, kSortChunk, [&](std::int64_t first, std::int64_t count) {
    std::int64_t* next = places + first / kSortChunk * cells;
    for (std::int64_t i = first; i < first + count; ++i) {
      sorted.points[next[unsorted[i].cell[0]]++] = unsorted[i];
    }
  });
  return sorted;
}

TsneGrid& grid_of(std::shared_ptr<void>& slot) {
  if (slot == nullptr) slot = std::make_shared<TsneGrid>();
  return *static_cast<TsneGrid*>(slot.get());
}

}  // namespace

void tsne_repulsion_fft(int threads, Scratch& scratch, std::shared_ptr<void>& slot,
                        MatrixView<const float> y, MatrixView<const float> others, bool within,
                        MatrixView<float> forces, VectorView<double> z) {
  Extent extent;
  add_extent(threads, scratch, others, extent);
  if (!within) add_extent(threads, scratch, y, extent);
  if (!extent.finite) {
    check::fail("tsne_repulsion", "finite points", "a value that is not");
  }
  const TsneGridShape shape(extent.low, extent.high);
  TsneGrid& grid = grid_of(slot);
  grid.prepare(threads, scratch, shape);

  const SortedPoints sources = sort_points(threads, scratch, shape, others);
  const std::int64_t stride = TsneGrid::stride(shape), columns = TsneGrid::columns(shape);
  float* charges = scratch.vector<float>(shape.nodes(0) * stride).data;
  float* potential = scratch.vector<float>(shape.nodes(0) * stride).data;
  double* blocks = scratch.vector<double>(threads * kSpreadRows * columns).data;
  // A node sums its points in their sorted order, whichever block or thread it falls to.
  parallel_chunks(
      threads, shape.nodes(0), kSpreadRows, [&](std::int64_t first, std::int64_t count) {
        double* sums = blocks + omp_get_thread_num() * kSpreadRows * columns;
        std::fill(sums, sums + count * columns, 0.0);
        const std::int64_t from = std::max<std::int64_t>(0, first - (TsneGridShape::kOrder - 1));
        const std::int64_t to = std::min(shape.cells[0], first + count);
        if (from < to) {
          HWY_DYNAMIC_DISPATCH(spread_points)
          (sources.points + sources.starts[from], sources.starts[to] - sources.starts[from], first,
           count, columns, sums);
        }
        for (std::int64_t r = 0; r < count; ++r) {
          std::transform(sums + r * columns, sums + (r + 1) * columns,
                         charges + (first + r) * stride,
                         [](double sum) { return static_cast<float>(sum); });
        }
      });
  grid.convolve(threads, scratch, shape, charges, potential);

  const SortedPoints points = within ? sources : sort_points(threads, scratch, shape, y);
  const std::int64_t chunks = (y.rows + kReadChunk - 1) / kReadChunk;
  double* sums = scratch.vector<double>(chunks).data;
  // k^2 d is minus half of the gradient of k.
  const auto slope = static_cast<float>(-0.5 / shape.spacing);
  const double constant = shape.offset * static_cast<double>(others.rows);
  parallel_chunks(threads, y.rows, kReadChunk, [&](std::int64_t first, std::int64_t count) {
    float values[kReadChunk][3];
    HWY_DYNAMIC_DISPATCH(read_potential)
    (points.points + first, count, potential, stride, values);
    double sum = 0;
    for (std::int64_t p = 0; p < count; ++p) {
      const std::int64_t i = points.points[first + p].index;
      forces.row(i)[0] = slope * values[p][1];
      forces.row(i)[1] = slope * values[p][2];
      const double k = static_cast<double>(values[p][0]) + constant;
      if (!within) z[i] = k;
      sum += k - 1;  // without the point itself
    }
    sums[first / kReadChunk] = sum;
  });
  if (!within) return;
  z[0] = 0;
  for (std::int64_t c = 0; c < chunks; ++c) z[0] += sums[c];
}

}  // namespace clipk::cpu
#endif
