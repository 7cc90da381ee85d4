// Repulsion of t-SNE by interpolation: charges of m points on a grid, one convolution by FFT, and
// the potential and its gradient at n points.
//
// Plan    Points are sorted by cell (CUB's stable radix sort). Then no two threads add to one node:
//         a thread owns a node and adds the splines of the points in the 64 cells around it, row by
//         row of cells, in sorted order and in float64. One forward transform of the charges,
//         padded to twice the grid; a product with a real spectrum; one inverse transform; a thread
//         a point reads 64 nodes, with weights for the value and for both slopes. The spectrum is
//         made anew when the spacing or the length of the FFT changes, which for a map wider than
//         14 units is rare.
// Floor   the FFT: two real transforms of L x L, about 2 x 16 L^2 bytes through L2: at L = 1280
//         (10,000 points) .02 ms on an H100. Not yet timed on a GPU.
// Ladder  1  a field for each term, three inverse transforms of quintic splines   4 transforms
//         2  the gradient of one potential, by the splines' derivatives           2   <- this one

#include <algorithm>

#include "kernels/detail/device_sort.hpp"
#include "kernels/detail/fft.hpp"
#include "kernels/detail/portable.cuh"
#include "kernels/tsne_repulsion.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kOrder = static_cast<int>(TsneGridShape::kOrder);

struct Grid {
  double origin[2];
  double spacing, offset;
  int cells[2], nodes[2], lengths[2];
  int half;  // of lengths[1]: columns of a spectrum
};

// A point in its cell.
struct Place {
  float place[2];
  int cell[2];
};

__device__ __forceinline__ Place place_of(const Grid& grid, const float* point) {
  Place result;
#pragma unroll
  for (int axis = 0; axis < 2; ++axis) {
    const double at = (static_cast<double>(__ldg(point + axis)) - grid.origin[axis]) / grid.spacing;
    const int cell = static_cast<int>(at);
    result.cell[axis] = cell < grid.cells[axis] ? cell : grid.cells[axis] - 1;
    result.place[axis] = static_cast<float>(at - static_cast<double>(result.cell[axis]));
  }
  return result;
}

// The septic B-spline around 0; node m of a point at place f has weight spline(m - 3 - f).
__device__ __forceinline__ float spline(float at) {
  const float t = fabsf(at);
  const auto power = [](float x) {  // the seventh, of what is above 0
    const float above = fmaxf(x, 0.f), squared = above * above;
    return squared * squared * squared * above;
  };
  const float value =
      power(4.f - t) - 8.f * power(3.f - t) + 28.f * power(2.f - t) - 56.f * power(1.f - t);
  return value * (1.f / 5040.f);
}

// Weights of the nodes of a point at this place, and their derivatives by it.
__device__ __forceinline__ void spline_weights(float place, float (&weights)[kOrder],
                                               float (&slopes)[kOrder]) {
  // The pieces' coefficients, from place^7 down, times 5040.
  constexpr float kPieces[kOrder][kOrder] = {
      {-1, 7, -21, 35, -35, 21, -7, 1},      {7, -42, 105, -140, 105, -42, 7, 0},
      {-21, 84, -105, 0, 105, -84, 21, 0},   {35, 0, -315, 560, -315, 0, 35, 0},
      {-35, -280, 665, 0, -665, 280, 35, 0}, {21, 504, 315, -1680, 315, 504, 21, 0},
      {-7, -392, -1715, 0, 1715, 392, 7, 0}, {1, 120, 1191, 2416, 1191, 120, 1, 0},
  };
#pragma unroll
  for (int m = 0; m < kOrder; ++m) {
    float value = kPieces[0][m], slope = 0.f;
#pragma unroll
    for (int power = 1; power < kOrder; ++power) {
      slope = fmaf(slope, place, value);
      value = fmaf(value, place, kPieces[power][m]);
    }
    weights[m] = value * (1.f / 5040.f);
    slopes[m] = slope * (1.f / 5040.f);
  }
}

// ---- Extent -------------------------------------------------------------------------------------

// Grid of one block: the points are few beside what a launch costs.
constexpr int kExtentThreads = 1024;

__global__ void __launch_bounds__(kExtentThreads)
    extent_kernel(MatrixView<const float> y, MatrixView<const float> others,
                  float* __restrict__ extent) {
  CLIPK_SHARED(float, scratch, [32]);
  float low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY}, bad = 0.f;
  for (std::int64_t i = threadIdx.x; i < y.rows + others.rows; i += kExtentThreads) {
    const float* point =
        i < y.rows ? y.data + i * y.stride : others.data + (i - y.rows) * others.stride;
#pragma unroll
    for (int axis = 0; axis < 2; ++axis) {
      const float value = __ldg(point + axis);
      if (!(fabsf(value) < INFINITY)) bad = 1.f;
      low[axis] = fminf(low[axis], value);
      high[axis] = fmaxf(high[axis], value);
    }
  }
  const auto lower = [](float a, float b) { return fminf(a, b); };
  const auto higher = [](float a, float b) { return fmaxf(a, b); };
#pragma unroll
  for (int axis = 0; axis < 2; ++axis) {
    low[axis] = block_reduce(low[axis], INFINITY, scratch, lower);
    high[axis] = block_reduce(high[axis], -INFINITY, scratch, higher);
  }
  bad = block_reduce(bad, 0.f, scratch, higher);
  if (threadIdx.x != 0) return;
  extent[0] = low[0];
  extent[1] = low[1];
  extent[2] = high[0];
  extent[3] = high[1];
  extent[4] = bad;
}

// ---- Spectrum -----------------------------------------------------------------------------------

__global__ void __launch_bounds__(kThreads) kernel_kernel(Grid grid, float* __restrict__ plane) {
  const std::int64_t e = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (e >= static_cast<std::int64_t>(grid.lengths[0]) * grid.lengths[1]) return;
  const int a = static_cast<int>(e / grid.lengths[1]), b = static_cast<int>(e % grid.lengths[1]);
  const double d0 = grid.spacing * (a <= grid.lengths[0] / 2 ? a : a - grid.lengths[0]);
  const double d1 = grid.spacing * (b <= grid.lengths[1] / 2 ? b : b - grid.lengths[1]);
  const double squared = d0 * d0 + d1 * d1;
  plane[e] = static_cast<float>((1 - grid.offset - grid.offset * squared) / (1 + squared));
}

// 1 / the spectrum of the spline at whole nodes, squared: charges are spread and the potential read
// by it.
__device__ __forceinline__ double sharpening(int k, int length) {
  const double c = cospi(2.0 * k / length);
  const double value = (2416 + 2382 * c + 240 * (2 * c * c - 1) + 2 * c * (4 * c * c - 3)) / 5040;
  return 1 / (value * value);
}

// The kernel is even, its spectrum real.
__global__ void __launch_bounds__(kThreads)
    sharpen_kernel(Grid grid, const float2* __restrict__ transformed,
                   float* __restrict__ spectrum) {
  const std::int64_t e = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (e >= static_cast<std::int64_t>(grid.lengths[0]) * grid.half) return;
  const double factor = sharpening(static_cast<int>(e / grid.half), grid.lengths[0]) *
                        sharpening(static_cast<int>(e % grid.half), grid.lengths[1]) /
                        (static_cast<double>(grid.lengths[0]) * grid.lengths[1]);
  spectrum[e] = static_cast<float>(transformed[e].x * factor);
}

__global__ void __launch_bounds__(kThreads)
    multiply_kernel(std::int64_t size, const float* __restrict__ spectrum,
                    float2* __restrict__ charges) {
  const std::int64_t e = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (e >= size) return;
  const float2 c = charges[e];
  const float factor = spectrum[e];
  charges[e] = {c.x * factor, c.y * factor};
}

// ---- Points -------------------------------------------------------------------------------------

__global__ void __launch_bounds__(kThreads)
    key_kernel(Grid grid, MatrixView<const float> points, std::uint64_t* __restrict__ keys,
               std::int32_t* __restrict__ values) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= points.rows) return;
  const Place place = place_of(grid, points.data + i * points.stride);
  keys[i] = static_cast<std::uint64_t>(place.cell[0]) * static_cast<unsigned>(grid.cells[1]) +
            static_cast<unsigned>(place.cell[1]);
  values[i] = static_cast<std::int32_t>(i);
}

// Places in sorted order; and for every cell where its points start, by search.
__global__ void __launch_bounds__(kThreads)
    sorted_kernel(Grid grid, MatrixView<const float> points, const std::uint64_t* __restrict__ keys,
                  const std::int32_t* __restrict__ values, Place* __restrict__ places,
                  std::int32_t* __restrict__ starts) {
  const std::int64_t t = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (t < points.rows) {
    places[t] = place_of(grid, points.data + std::int64_t{values[t]} * points.stride);
  }
  if (t > static_cast<std::int64_t>(grid.cells[0]) * grid.cells[1]) return;
  std::int64_t low = 0, high = points.rows;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (keys[middle] < static_cast<std::uint64_t>(t)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  starts[t] = static_cast<std::int32_t>(low);
}

__global__ void __launch_bounds__(kThreads)
    spread_kernel(Grid grid, const Place* __restrict__ places,
                  const std::int32_t* __restrict__ starts, float* __restrict__ charges) {
  const std::int64_t e = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (e >= static_cast<std::int64_t>(grid.lengths[0]) * grid.lengths[1]) return;
  const int a = static_cast<int>(e / grid.lengths[1]), b = static_cast<int>(e % grid.lengths[1]);
  double sum = 0;
  if (a < grid.nodes[0] && b < grid.nodes[1]) {
    const int first_b = b < kOrder ? 0 : b - kOrder + 1;
    const int last_b = b < grid.cells[1] ? b : grid.cells[1] - 1;
    for (int m = kOrder - 1; m >= 0; --m) {  // rows of cells upwards
      const int row = a - m;
      if (row < 0 || row >= grid.cells[0]) continue;
      const std::int32_t* const cells = starts + static_cast<std::int64_t>(row) * grid.cells[1];
      for (std::int32_t p = cells[first_b]; p < cells[last_b + 1]; ++p) {
        const Place point = places[p];
        const float along0 = spline(static_cast<float>(m - 3) - point.place[0]);
        const float along1 = spline(static_cast<float>(b - point.cell[1] - 3) - point.place[1]);
        sum += static_cast<double>(along0 * along1);
      }
    }
  }
  charges[e] = static_cast<float>(sum);
}

struct ReadArguments {
  Grid grid;
  const float* potential;  // [lengths[0], lengths[1]]
  double constant;         // what the potential lacks
  MatrixView<const float> y;
  bool within;
  MatrixView<float> forces;
  double* z;
  double* sums;
  unsigned* ticket;
};

__global__ void __launch_bounds__(kThreads) read_kernel(const ReadArguments arguments) {
  CLIPK_SHARED(double, scratch, [32]);
  const Grid& grid = arguments.grid;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  double sum = 0;
  if (i < arguments.y.rows) {
    const Place point = place_of(grid, arguments.y.data + i * arguments.y.stride);
    float along0[kOrder], slopes0[kOrder], along1[kOrder], slopes1[kOrder];
    spline_weights(point.place[0], along0, slopes0);
    spline_weights(point.place[1], along1, slopes1);
    const float* row = arguments.potential +
                       static_cast<std::int64_t>(point.cell[0]) * grid.lengths[1] + point.cell[1];
    float value = 0.f, gradient0 = 0.f, gradient1 = 0.f;
#pragma unroll
    for (int m = 0; m < kOrder; ++m) {
      float line = 0.f, slope = 0.f;
#pragma unroll
      for (int c = 0; c < kOrder; ++c) {
        const float node = __ldg(row + c);
        line = fmaf(along1[c], node, line);
        slope = fmaf(slopes1[c], node, slope);
      }
      value = fmaf(along0[m], line, value);
      gradient0 = fmaf(slopes0[m], line, gradient0);
      gradient1 = fmaf(along0[m], slope, gradient1);
      row += grid.lengths[1];
    }
    // k^2 d is minus half of the gradient of k.
    const float scale = static_cast<float>(-0.5 / grid.spacing);
    arguments.forces.data[i * arguments.forces.stride] = scale * gradient0;
    arguments.forces.data[i * arguments.forces.stride + 1] = scale * gradient1;
    const double k = static_cast<double>(value) + arguments.constant;
    if (!arguments.within) arguments.z[i] = k;
    sum = k - 1;  // without the point itself
  }
  double z = 0;
  if (arguments.within && grid_sum(sum, scratch, arguments.sums, arguments.ticket, z) &&
      threadIdx.x == 0) {
    *arguments.z = z;
  }
}

}  // namespace

void tsne_extent(MatrixView<const float> y, MatrixView<const float> others, float* extent,
                 cudaStream_t stream) {
  CLIPK_LAUNCH(extent_kernel, (Launch{dim3(1), dim3(kExtentThreads), 0, stream}), y, others,
               extent);
}

void tsne_repulsion_fft(Scratch& scratch, TsneGridCache& cache, const TsneGridShape& shape,
                        MatrixView<const float> y, MatrixView<const float> others, bool within,
                        MatrixView<float> forces, double* z, cudaStream_t stream) {
  Grid grid{};
  grid.spacing = shape.spacing;
  grid.offset = shape.offset;
  for (int axis = 0; axis < 2; ++axis) {
    grid.origin[axis] = shape.origin[axis];
    grid.cells[axis] = static_cast<int>(shape.cells[axis]);
    grid.nodes[axis] = static_cast<int>(shape.nodes(axis));
    grid.lengths[axis] = static_cast<int>(shape.lengths[axis]);
  }
  grid.half = grid.lengths[1] / 2 + 1;
  const std::int64_t area = shape.lengths[0] * shape.lengths[1];
  const std::int64_t half_area = shape.lengths[0] * grid.half;
  const auto launch = [&](std::int64_t threads) {
    return Launch{dim3(ceil_div(threads, kThreads)), dim3(kThreads), 0, stream};
  };

  const bool same_lengths = cache.shape && cache.shape->lengths[0] == shape.lengths[0] &&
                            cache.shape->lengths[1] == shape.lengths[1];
  if (!same_lengths) {
    cache.shape.reset();
    cache.fft = std::make_unique<PlaneFft>(shape.lengths[0], shape.lengths[1]);
    cache.spectrum = Buffer(Device::cuda, static_cast<std::size_t>(half_area) * sizeof(float));
  }
  auto* spectrum = static_cast<float*>(cache.spectrum.data());
  float* plane = scratch.vector<float>(area).data;
  float2* transformed = scratch.vector<float2>(half_area).data;
  void* work =
      scratch.vector<std::uint8_t>(static_cast<std::int64_t>(cache.fft->work_bytes())).data;
  if (!same_lengths || !cache.shape->same_kernel(shape)) {
    cache.shape.reset();
    CLIPK_LAUNCH(kernel_kernel, launch(area), grid, plane);
    cache.fft->forward(work, plane, transformed, stream);
    CLIPK_LAUNCH(sharpen_kernel, launch(half_area), grid, transformed, spectrum);
    cache.shape = shape;
  }

  const std::int64_t m = others.rows;
  auto* keys = scratch.vector<std::uint64_t>(2 * m).data;
  auto* values = scratch.vector<std::int32_t>(2 * m).data;
  CLIPK_LAUNCH(key_kernel, launch(m), grid, others, keys, values);
  const std::size_t sort_bytes = sort_pairs_scratch_bytes(m);
  sort_pairs(scratch.vector<std::uint8_t>(static_cast<std::int64_t>(sort_bytes)).data, sort_bytes,
             keys, keys + m, values, values + m, m, stream);
  Place* places = scratch.vector<Place>(m).data;
  const std::int64_t cells = shape.cells[0] * shape.cells[1];
  auto* starts = scratch.vector<std::int32_t>(cells + 1).data;
  CLIPK_LAUNCH(sorted_kernel, launch(std::max(m, cells + 1)), grid, others, keys + m, values + m,
               places, starts);

  CLIPK_LAUNCH(spread_kernel, launch(area), grid, places, starts, plane);
  cache.fft->forward(work, plane, transformed, stream);
  CLIPK_LAUNCH(multiply_kernel, launch(half_area), half_area, spectrum, transformed);
  cache.fft->inverse(work, transformed, plane, stream);

  unsigned* ticket = scratch.vector<unsigned>(1).data;
  check_cuda(cudaMemsetAsync(ticket, 0, sizeof(unsigned), stream), "zeroing");
  const Launch reading = launch(y.rows);
  CLIPK_LAUNCH(read_kernel, reading,
               (ReadArguments{grid, plane, shape.offset * static_cast<double>(m), y, within, forces,
                              z, scratch.vector<double>(reading.grid.x).data, ticket}));
}

}  // namespace clipk::gpu
