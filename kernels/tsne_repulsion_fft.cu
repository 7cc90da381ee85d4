// Repulsion of t-SNE by interpolation: charges of m points on a grid, three convolutions by FFT,
// and the fields at n points.
//
// Plan    Points are sorted by cell (CUB's stable radix sort). Then no two threads add to one node:
//         a thread owns a node and adds the splines of the points in the 36 cells around it, row by
//         row of cells, in sorted order and in float64. One forward transform of the charges,
//         padded to twice the grid; products with three real spectra (two of them stand for
//         imaginary ones); three inverse transforms; a thread a point reads 36 nodes of each field.
//         The spectra are made anew when the spacing or the length of the FFT changes, which for a
//         map wider than 12.5 units is rare.
// Floor   the FFT: four real transforms of L x L, about 2 x 4 x 8 L^2 bytes through L2 or memory:
// at
//         L = 1024 (70,000 points) .03 ms on an H100 and as much for the products. Not yet timed on
//         a GPU.

#include <algorithm>
#include <optional>

#include "kernels/device_sort.hpp"
#include "kernels/fft.hpp"
#include "kernels/portable.cuh"
#include "kernels/tsne_repulsion.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kFields = 3;  // k, k^2 d_0, k^2 d_1
constexpr int kOrder = static_cast<int>(TsneGridShape::kOrder);

struct Grid {
  double origin[2];
  double spacing;
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

// The quintic B-spline around 0; node m of a point at place f has weight spline(m - 2 - f).
__device__ __forceinline__ float spline(float at) {
  const float t = fabsf(at);
  const float far = 3.f - t;
  const float outer = far * far * far * far * far;
  const float middle = 51.f + t * (75.f + t * (-210.f + t * (150.f + t * (-45.f + t * 5.f))));
  const float inner = 66.f + t * t * (-60.f + t * t * (30.f - 10.f * t));
  const float value = t < 1.f ? inner : t < 2.f ? middle : t < 3.f ? outer : 0.f;
  return value * (1.f / 120.f);
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

// ---- Spectra ------------------------------------------------------------------------------------

__global__ void __launch_bounds__(kThreads) kernels_kernel(Grid grid, float* __restrict__ planes) {
  const std::int64_t area = static_cast<std::int64_t>(grid.lengths[0]) * grid.lengths[1];
  const std::int64_t e = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (e >= area) return;
  const int a = static_cast<int>(e / grid.lengths[1]), b = static_cast<int>(e % grid.lengths[1]);
  const int half_a = grid.lengths[0] / 2, half_b = grid.lengths[1] / 2;
  const double d0 = grid.spacing * (a <= half_a ? a : a - grid.lengths[0]);
  const double d1 = grid.spacing * (b <= half_b ? b : b - grid.lengths[1]);
  const double k = 1 / (1 + d0 * d0 + d1 * d1);
  planes[e] = static_cast<float>(k);
  planes[area + e] = a == half_a ? 0.f : static_cast<float>(k * k * d0);  // odd: none in the middle
  planes[2 * area + e] = b == half_b ? 0.f : static_cast<float>(k * k * d1);
}

// 1 / the spectrum of the spline at whole nodes, squared: charges are spread and fields read by it.
__device__ __forceinline__ double sharpening(int k, int length) {
  const double c = cospi(2.0 * k / length);
  const double value = (66 + 52 * c + 2 * (2 * c * c - 1)) / 120;
  return 1 / (value * value);
}

// The part of each spectrum that is not 0: the real one of an even kernel, else the imaginary one.
__global__ void __launch_bounds__(kThreads)
    sharpen_kernel(Grid grid, const float2* __restrict__ transformed, float* __restrict__ spectra) {
  const std::int64_t area = static_cast<std::int64_t>(grid.lengths[0]) * grid.half;
  const std::int64_t e = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (e >= area) return;
  const double factor = sharpening(static_cast<int>(e / grid.half), grid.lengths[0]) *
                        sharpening(static_cast<int>(e % grid.half), grid.lengths[1]) /
                        (static_cast<double>(grid.lengths[0]) * grid.lengths[1]);
#pragma unroll
  for (int f = 0; f < kFields; ++f) {
    const float2 value = transformed[f * area + e];
    spectra[f * area + e] = static_cast<float>((f == 0 ? value.x : value.y) * factor);
  }
}

__global__ void __launch_bounds__(kThreads)
    multiply_kernel(std::int64_t area, const float2* __restrict__ charges,
                    const float* __restrict__ spectra, float2* __restrict__ products) {
  const std::int64_t e = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (e >= area) return;
  const float2 c = charges[e];
  const float s0 = spectra[e], s1 = spectra[area + e], s2 = spectra[2 * area + e];
  products[e] = {c.x * s0, c.y * s0};
  products[area + e] = {-c.y * s1, c.x * s1};
  products[2 * area + e] = {-c.y * s2, c.x * s2};
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
        const float along0 = spline(static_cast<float>(m - 2) - point.place[0]);
        const float along1 = spline(static_cast<float>(b - point.cell[1] - 2) - point.place[1]);
        sum += static_cast<double>(along0 * along1);
      }
    }
  }
  charges[e] = static_cast<float>(sum);
}

struct ReadArguments {
  Grid grid;
  const float* fields;  // [kFields, lengths[0], lengths[1]]
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
  const std::int64_t area = static_cast<std::int64_t>(grid.lengths[0]) * grid.lengths[1];
  double sum = 0;
  if (i < arguments.y.rows) {
    const Place point = place_of(grid, arguments.y.data + i * arguments.y.stride);
    float along1[kOrder];
#pragma unroll
    for (int m = 0; m < kOrder; ++m) {
      along1[m] = spline(static_cast<float>(m - 2) - point.place[1]);
    }
    float total[kFields] = {};
    for (int m = 0; m < kOrder; ++m) {
      const float along0 = spline(static_cast<float>(m - 2) - point.place[0]);
      const float* const row = arguments.fields +
                               static_cast<std::int64_t>(point.cell[0] + m) * grid.lengths[1] +
                               point.cell[1];
#pragma unroll
      for (int f = 0; f < kFields; ++f) {
        float line = 0.f;
#pragma unroll
        for (int c = 0; c < kOrder; ++c) line = fmaf(along1[c], __ldg(row + f * area + c), line);
        total[f] = fmaf(along0, line, total[f]);
      }
    }
    arguments.forces.data[i * arguments.forces.stride] = total[1];
    arguments.forces.data[i * arguments.forces.stride + 1] = total[2];
    if (!arguments.within) arguments.z[i] = static_cast<double>(total[0]);
    sum = static_cast<double>(total[0]) - 1;  // without the point itself
  }
  double z = 0;
  if (arguments.within && grid_sum(sum, scratch, arguments.sums, arguments.ticket, z) &&
      threadIdx.x == 0) {
    *arguments.z = z;
  }
}

// What a context keeps.
struct GridCache {
  std::optional<TsneGridShape> shape;
  std::unique_ptr<PlaneFft> one, three;  // of one plane, and of kFields
  Buffer spectra;                        // float [kFields, lengths[0], half]
};

GridCache& cache_of(std::shared_ptr<void>& slot) {
  if (slot == nullptr) slot = std::make_shared<GridCache>();
  return *static_cast<GridCache*>(slot.get());
}

}  // namespace

void tsne_extent(MatrixView<const float> y, MatrixView<const float> others, float* extent,
                 cudaStream_t stream) {
  CLIPK_LAUNCH(extent_kernel, (Launch{dim3(1), dim3(kExtentThreads), 0, stream}), y, others,
               extent);
}

void tsne_repulsion_fft(Scratch& scratch, std::shared_ptr<void>& slot, const TsneGridShape& shape,
                        MatrixView<const float> y, MatrixView<const float> others, bool within,
                        MatrixView<float> forces, double* z, cudaStream_t stream) {
  Grid grid{};
  grid.spacing = shape.spacing;
  for (int axis = 0; axis < 2; ++axis) {
    grid.origin[axis] = shape.origin[axis];
    grid.cells[axis] = static_cast<int>(shape.cells[axis]);
    grid.nodes[axis] = static_cast<int>(shape.nodes(axis));
    grid.lengths[axis] = static_cast<int>(shape.lengths[axis]);
  }
  grid.half = grid.lengths[1] / 2 + 1;
  const std::int64_t area = shape.lengths[0] * shape.lengths[1];
  const std::int64_t spectrum = shape.lengths[0] * grid.half;
  const auto launch = [&](std::int64_t threads) {
    return Launch{dim3(ceil_div(threads, kThreads)), dim3(kThreads), 0, stream};
  };

  GridCache& cache = cache_of(slot);
  const bool same_lengths = cache.shape && cache.shape->lengths[0] == shape.lengths[0] &&
                            cache.shape->lengths[1] == shape.lengths[1];
  if (!same_lengths) {
    cache.shape.reset();
    cache.one = std::make_unique<PlaneFft>(shape.lengths[0], shape.lengths[1], 1);
    cache.three = std::make_unique<PlaneFft>(shape.lengths[0], shape.lengths[1], kFields);
    cache.spectra =
        Buffer(Device::cuda, static_cast<std::size_t>(kFields * spectrum) * sizeof(float));
  }
  auto* spectra = static_cast<float*>(cache.spectra.data());
  float* planes = scratch.vector<float>(kFields * area).data;
  float2* products = scratch.vector<float2>(kFields * spectrum).data;
  void* work = scratch
                   .vector<std::uint8_t>(static_cast<std::int64_t>(
                       std::max(cache.one->work_bytes(), cache.three->work_bytes())))
                   .data;
  if (!same_lengths || !cache.shape->same_kernel(shape)) {
    cache.shape.reset();
    CLIPK_LAUNCH(kernels_kernel, launch(area), grid, planes);
    cache.three->forward(work, planes, products, stream);
    CLIPK_LAUNCH(sharpen_kernel, launch(spectrum), grid, products, spectra);
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

  float2* charges = scratch.vector<float2>(spectrum).data;
  CLIPK_LAUNCH(spread_kernel, launch(area), grid, places, starts, planes);
  cache.one->forward(work, planes, charges, stream);
  CLIPK_LAUNCH(multiply_kernel, launch(spectrum), spectrum, charges, spectra, products);
  cache.three->inverse(work, products, planes, stream);

  unsigned* ticket = scratch.vector<unsigned>(1).data;
  check_cuda(cudaMemsetAsync(ticket, 0, sizeof(unsigned), stream), "zeroing");
  const Launch reading = launch(y.rows);
  CLIPK_LAUNCH(read_kernel, reading,
               (ReadArguments{grid, planes, y, within, forces, z,
                              scratch.vector<double>(reading.grid.x).data, ticket}));
}

}  // namespace clipk::gpu
