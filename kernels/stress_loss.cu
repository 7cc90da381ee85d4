// Stress loss of codes x [n, q] and y [m, q] against distances d [n, m], with both gradients; the
// matrix e of their own distances is never stored.
//
// Plan    As flash attention: a block owns 64 rows of x, kept in shared memory, and walks over
// tiles
//         of 64 rows of y. A tile product gives e; in registers it becomes the
//         coefficients c = 2 w (e - s d) / e; a second product C Y accumulates in registers, and
//         grad_x = (C 1) x - C Y. grad_y is the same with the roles exchanged: e is computed twice,
//         and no block writes where another does. d is read 16 bytes at a time along either side,
//         or computed from its rows by a third product. The walk is split between as many blocks as
//         fill the GPU; they leave partial sums, which a last kernel adds in a fixed order, and one
//         float64 partial of the loss each.
//         Codes of more than 128 columns: e from chunks of 128, one block a chunk of the gradient.
//         Near pairs, where x^2 - 2 x y + y^2 cancels, are computed from their difference, and a
//         tile with twins, where (C 1) x - C Y cancels, is accumulated as C (Y - x).
// Floor   Between two sets 8 n m q FMA (two products, twice), within one 4: at n = m = 5000, q = 64
//         12.8 GFMA = .38 ms at the 67 TFLOP/s of an H100's FFMA; the second reading of e costs a
//         third more than the 6 n m q a stored e would need. 8 n m bytes of d: .07 ms.

#include "kernels/stress_loss.hpp"

#include <algorithm>
#include <cfloat>

#include "kernels/pair_rows.hpp"
#include "kernels/pair_tile.cuh"
#include "kernels/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kChunkD = 32;            // columns of the target's rows a step
constexpr int kMaxQ = 128;             // the chunk of wide codes
constexpr std::int64_t kBlocks = 800;  // to keep a large GPU busy

// One side of the pairs seen from a block: its own rows, and the rows it walks over.
struct Side {
  PackedRows own, other;
  PackedRows target_own, target_other;  // no data where d is stored
  float* partial;                       // [splits, padded rows, chunks * kQ], or null
};

struct StressArguments {
  Side sides[2];
  const float* distances;  // d (row of x, row of y)
  std::int64_t stride;
  bool aligned;  // rows of d allow 16-byte loads
  bool within;
  Metric metric;
  bool sammon;
  float factor, scale;
  int chunks;
  int tiles_a_split;
  double* losses;  // one a block of side 0, chunk 0
};

constexpr int kCols = 64;  // of a tile
template <int kQ>
struct Shared {
  static constexpr int kStride = kQ + 4;
  static constexpr int kStrideC = kCols + 4;
  float x[kTileRows * kStride];
  float y[kCols * kStride];
  float c[kTileRows * kStrideC];
  double scratch[32];
};

// Columns [k, k + kCount) of kRows packed rows into shared memory; `slot` says where row j goes.
template <int kRows, int kCount, class Slot>
__device__ __forceinline__ void load_rows(float* tile, int stride, const PackedRows& rows,
                                          std::int64_t first, int k, Slot slot) {
  constexpr int kUnits = kCount / 4;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kUnits; i += kTileThreads) {
    const int row = i / kUnits, unit = i % kUnits;
    cp_async_16(tile + slot(row) * stride + 4 * unit,
                rows.data + (first + row) * rows.stride + k + 4 * unit);
  }
}

// |a_i - b_j|^2 from the rows themselves.
__device__ inline float squared_difference(const PackedRows& a, std::int64_t i, const PackedRows& b,
                                           std::int64_t j) {
  const float4* u = reinterpret_cast<const float4*>(a.data + i * a.stride);
  const float4* v = reinterpret_cast<const float4*>(b.data + j * b.stride);
  float sum = 0.f;
  for (int k = 0; k < a.stride / 4; ++k) {
    const float4 p = __ldg(u + k), q = __ldg(v + k);
    sum = fmaf(p.x - q.x, p.x - q.x, sum);
    sum = fmaf(p.y - q.y, p.y - q.y, sum);
    sum = fmaf(p.z - q.z, p.z - q.z, sum);
    sum = fmaf(p.w - q.w, p.w - q.w, sum);
  }
  return sum;
}

// Products x.y of a patch become squared distances. Pairs below `near` of |x|^2 + |y|^2 are
// computed from their difference; returns whether one lay below 1/1024 of it. `tile` is the patch's
// place in shared memory.
__device__ __forceinline__ bool finish_squares(const PackedRows& a, std::int64_t first_row,
                                               const PackedRows& b, std::int64_t first_col,
                                               bool within, float near, float* tile, int stride,
                                               float (&values)[Patch<kCols>::kRows][4]) {
  using P = Patch<kCols>;
  constexpr float kTwin = 1.f / 1024.f;
  const float4 other = __ldg(reinterpret_cast<const float4*>(b.norms + first_col + P::col()));
  const float norms[4] = {other.x, other.y, other.z, other.w};
  unsigned close = 0;
#pragma unroll
  for (int r = 0; r < P::kRows; ++r) {
    const float own = __ldg(a.norms + first_row + P::row(r));
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      const float length = own + norms[c];
      values[r][c] = fmaf(-2.f, values[r][c], length);
      close |= values[r][c] < near * length ? 1u << (4 * r + c) : 0u;
    }
  }
  if (close == 0) return false;
  bool twin = false;
  store_patch<kCols>(values, tile, stride);
  while (close != 0) {
    const int bit = __ffs(static_cast<int>(close)) - 1;
    close &= close - 1;
    const int row = P::row(bit / 4), col = P::col() + bit % 4;
    const std::int64_t i = first_row + row, j = first_col + col;
    const float exact = squared_difference(a, i, b, j);
    twin |= i < a.rows && j < b.rows && !(within && i == j) &&
            exact < kTwin * (__ldg(a.norms + i) + __ldg(b.norms + j));
    tile[row * stride + col] = exact;
  }
  load_patch<kCols>(tile, stride, values);
  return twin;
}

// The stored distances of a patch; zero outside. `swapped`: the block's rows are those of y.
__device__ __forceinline__ void load_distances(const StressArguments& arguments, bool swapped,
                                               std::int64_t first_row, std::int64_t rows,
                                               std::int64_t first_col, std::int64_t cols,
                                               float (&wanted)[Patch<kCols>::kRows][4]) {
  using P = Patch<kCols>;
  const float* d = arguments.distances;
  const std::int64_t col = first_col + P::col();
  if (swapped) {
#pragma unroll
    for (int p = 0; p < P::kPatches; ++p) {
      const std::int64_t row = first_row + P::row(4 * p);
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        float4 v{0.f, 0.f, 0.f, 0.f};
        if (col + c < cols) {
          const float* at = d + (col + c) * arguments.stride + row;
          if (arguments.aligned && row + 4 <= rows) {
            v = __ldg(reinterpret_cast<const float4*>(at));
          } else {
            const auto left = static_cast<int>(rows - row);
            v = {left > 0 ? __ldg(at) : 0.f, left > 1 ? __ldg(at + 1) : 0.f,
                 left > 2 ? __ldg(at + 2) : 0.f, left > 3 ? __ldg(at + 3) : 0.f};
          }
        }
        wanted[4 * p][c] = v.x;
        wanted[4 * p + 1][c] = v.y;
        wanted[4 * p + 2][c] = v.z;
        wanted[4 * p + 3][c] = v.w;
      }
    }
  } else {
#pragma unroll
    for (int r = 0; r < P::kRows; ++r) {
      const std::int64_t row = first_row + P::row(r);
      float4 v{0.f, 0.f, 0.f, 0.f};
      if (row < rows) {
        const float* at = d + row * arguments.stride + col;
        if (arguments.aligned && col + 4 <= cols) {
          v = __ldg(reinterpret_cast<const float4*>(at));
        } else {
          const auto left = static_cast<int>(cols - col);
          v = {left > 0 ? __ldg(at) : 0.f, left > 1 ? __ldg(at + 1) : 0.f,
               left > 2 ? __ldg(at + 2) : 0.f, left > 3 ? __ldg(at + 3) : 0.f};
        }
      }
      wanted[r][0] = v.x;
      wanted[r][1] = v.y;
      wanted[r][2] = v.z;
      wanted[r][3] = v.w;
    }
  }
}

// Squared distances of a patch become coefficients; adds to the loss and to the sums of the rows.
__device__ __forceinline__ void coefficients(const StressArguments& arguments, const Side& side,
                                             std::int64_t first_row, std::int64_t first_col,
                                             const float (&wanted)[Patch<kCols>::kRows][4],
                                             float (&values)[Patch<kCols>::kRows][4], float& loss) {
  using P = Patch<kCols>;
#pragma unroll
  for (int r = 0; r < P::kRows; ++r) {
    const std::int64_t i = first_row + P::row(r);
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      const std::int64_t j = first_col + P::col() + c;
      const float squared = values[r][c];
      const float inverse = squared < FLT_MIN ? 0.f : rsqrtf(squared);
      float e = squared * inverse;
      e = fmaf(0.5f * inverse, fmaf(-e, e, squared), e);  // a step of Newton
      const float difference = fmaf(-arguments.scale, wanted[r][c], e);
      float weighted = difference;
      if (arguments.sammon) weighted = wanted[r][c] == 0.f ? 0.f : difference / wanted[r][c];
      const bool counts = i < side.own.rows && j < side.other.rows && !(arguments.within && i == j);
      values[r][c] = counts ? arguments.factor * weighted * inverse : 0.f;
      loss += counts ? weighted * difference : 0.f;
    }
  }
}

// Grid: tiles of the side's own rows (the longer side's), splits of the walk, sides * chunks.
template <Precision kPrecision, int kQ>
__global__ void __launch_bounds__(kTileThreads, 2) stress_kernel(const StressArguments arguments) {
  using P = Patch<kCols>;
  using S = Shared<kQ>;
  CLIPK_DYN_SHARED(S, shared);
  const int side_index = static_cast<int>(blockIdx.z) / arguments.chunks;
  const int chunk = static_cast<int>(blockIdx.z) % arguments.chunks;
  const Side& side = arguments.sides[side_index];
  const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.x) * kTileRows;
  if (first_row >= side.own.rows) return;
  // Products in few bits cancel sooner.
  constexpr float kNear = kPrecision == Precision::fp32   ? 1.f / 32.f
                          : kPrecision == Precision::tf32 ? 1.f / 16.f
                                                          : 1.f / 8.f;
  const auto same = [](int j) { return j; };
  const auto slot = [](int j) { return column_slot<kPrecision, kCols>(j); };
  const std::int64_t tiles = (side.other.rows + kCols - 1) / kCols;
  const std::int64_t first_tile = static_cast<std::int64_t>(blockIdx.y) * arguments.tiles_a_split;
  const std::int64_t last_tile =
      first_tile + arguments.tiles_a_split < tiles ? first_tile + arguments.tiles_a_split : tiles;

  RowProduct<kPrecision, kCols, kQ> product;
  float row_sums[P::kRows] = {};
  double loss = 0;
  const bool walks = first_tile < last_tile;  // the other side may be the shorter one
  if (arguments.chunks == 1 && walks) {
    load_rows<kTileRows, kQ>(shared->x, S::kStride, side.own, first_row, 0, same);
  }
  for (std::int64_t tile = first_tile; tile < last_tile; ++tile) {
    const std::int64_t first_col = tile * kCols;
    float wanted[P::kRows][4] = {};
    if (arguments.distances != nullptr) {
      load_distances(arguments, side_index == 1, first_row, side.own.rows, first_col,
                     side.other.rows, wanted);
    } else {
      // The target's rows pass through the space of C and Y, which this tile fills only later.
      constexpr int kStrideD = kChunkD + 4;
      for (int k = 0; k < side.target_own.stride; k += kChunkD) {
        __syncthreads();
        load_rows<kTileRows, kChunkD>(shared->c, kStrideD, side.target_own, first_row, k, same);
        load_rows<kCols, kChunkD>(shared->y, kStrideD, side.target_other, first_col, k, slot);
        cp_async_commit();
        cp_async_wait<0>();
        __syncthreads();
        multiply_rows<kPrecision, kCols>(shared->c, kStrideD, shared->y, kStrideD, kChunkD, wanted);
      }
      __syncthreads();
      to_patch<kPrecision, kCols>(wanted, shared->c, S::kStrideC);
      finish_squares(side.target_own, first_row, side.target_other, first_col, arguments.within,
                     kNear, shared->c, S::kStrideC, wanted);
#pragma unroll
      for (int r = 0; r < P::kRows; ++r) {
#pragma unroll
        for (int c = 0; c < 4; ++c) {
          if (arguments.metric == Metric::euclidean) wanted[r][c] = sqrtf(wanted[r][c]);
          if (arguments.metric == Metric::cosine) wanted[r][c] *= 0.5f;
        }
      }
    }

    float values[P::kRows][4] = {};
    for (int step = 1; step <= arguments.chunks; ++step) {
      const int k = (chunk + step) % arguments.chunks * kQ;  // the block's own chunk is the last
      __syncthreads();
      if (arguments.chunks > 1) {
        load_rows<kTileRows, kQ>(shared->x, S::kStride, side.own, first_row, k, same);
      }
      load_rows<kCols, kQ>(shared->y, S::kStride, side.other, first_col, k, slot);
      cp_async_commit();
      cp_async_wait<0>();
      __syncthreads();
      multiply_rows<kPrecision, kCols>(shared->x, S::kStride, shared->y, S::kStride, kQ, values);
    }
    to_patch<kPrecision, kCols>(values, shared->c, S::kStrideC);
    const bool twin = finish_squares(side.own, first_row, side.other, first_col, arguments.within,
                                     kNear, shared->c, S::kStrideC, values);
    float tile_loss = 0.f;
    coefficients(arguments, side, first_row, first_col, wanted, values, tile_loss);
    loss += static_cast<double>(tile_loss);
    if (side.partial == nullptr) continue;
    store_patch<kCols>(values, shared->c, S::kStrideC);
    if (__syncthreads_or(twin)) {
      product.add_differences(shared->c, S::kStrideC, shared->y, S::kStride, shared->x, S::kStride);
    } else {
#pragma unroll
      for (int r = 0; r < P::kRows; ++r) {
        row_sums[r] += (values[r][0] + values[r][1]) + (values[r][2] + values[r][3]);
      }
      product.add(shared->c, S::kStrideC, shared->y, S::kStride);
    }
  }

  if (side_index == 0 && chunk == 0) {
    loss = block_sum(loss, shared->scratch);
    if (threadIdx.x == 0) arguments.losses[blockIdx.x * gridDim.y + blockIdx.y] = loss;
  }
  if (side.partial == nullptr) return;
  // The sums of the rows pass from the threads of the patches to those of the product through C.
  __syncthreads();
#pragma unroll
  for (int r = 0; r < P::kRows; ++r) {
    float sum = row_sums[r];
#pragma unroll
    for (int step = P::kAcross / 2; step > 0; step /= 2) {
      sum += __shfl_xor_sync(kFullWarp, sum, step);
    }
    if (P::col() == 0) shared->c[P::row(r)] = sum;
  }
  __syncthreads();
  const std::int64_t width = static_cast<std::int64_t>(arguments.chunks) * kQ;
  float* out =
      side.partial +
      (blockIdx.y * ((side.own.rows + kTileRows - 1) / kTileRows * kTileRows) + first_row) * width +
      static_cast<std::int64_t>(chunk) * kQ;
  product.for_sums([&](float& sum, int row, int col) {
    out[row * width + col] = walks ? shared->c[row] * shared->x[row * S::kStride + col] - sum : 0.f;
  });
}

struct FinishArguments {
  const float* partials[2];
  MatrixView<float> grads[2];
  std::int64_t width;
  int splits;
  const double* losses;
  int loss_count;
  double share;
  double* loss;
};

constexpr int kFinishThreads = 256;

// Adds the partial gradients in the order of the splits; the first block also adds the loss.
__global__ void __launch_bounds__(kFinishThreads) finish_kernel(const FinishArguments arguments) {
  CLIPK_SHARED(double, scratch, [32]);
  const MatrixView<float> grad = arguments.grads[blockIdx.y];
  const float* partial = arguments.partials[blockIdx.y];
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kFinishThreads + threadIdx.x;
  if (partial != nullptr && index < grad.rows * grad.cols) {
    const std::int64_t row = index / grad.cols, col = index % grad.cols;
    const std::int64_t step = (grad.rows + kTileRows - 1) / kTileRows * kTileRows * arguments.width;
    float sum = 0.f;
    for (int s = 0; s < arguments.splits; ++s) {
      sum += __ldg(partial + s * step + row * arguments.width + col);
    }
    grad.data[row * grad.stride + col] += sum;
  }
  if (blockIdx.x != 0 || blockIdx.y != 0) return;
  double loss = 0;
  for (int i = static_cast<int>(threadIdx.x); i < arguments.loss_count; i += kFinishThreads) {
    loss += arguments.losses[i];
  }
  loss = block_sum(loss, scratch);
  if (threadIdx.x == 0) *arguments.loss += arguments.share * loss;
}

template <Precision kPrecision, int kQ>
void launch(const StressArguments& arguments, dim3 grid, cudaStream_t stream) {
  allow_dynamic_shared(stress_kernel<kPrecision, kQ>, sizeof(Shared<kQ>));
  CLIPK_LAUNCH((stress_kernel<kPrecision, kQ>),
               (Launch{grid, dim3(kTileThreads), sizeof(Shared<kQ>), stream}), arguments);
}

template <Precision kPrecision>
void launch(int q, const StressArguments& arguments, dim3 grid, cudaStream_t stream) {
  if (q == 32) return launch<kPrecision, 32>(arguments, grid, stream);
  if (q == 64) return launch<kPrecision, 64>(arguments, grid, stream);
  launch<kPrecision, kMaxQ>(arguments, grid, stream);
}

PackedRows packed(Scratch& scratch, MatrixView<const float> x, int stride) {
  const std::int64_t rows = padded_rows(x.rows);
  return {scratch.vector<float>(rows * stride).data, scratch.vector<float>(rows).data, x.rows,
          static_cast<int>(x.cols), stride};
}

// Packs both sides by the same movement; within one set the second is the first.
void pack_both(Scratch& scratch, MatrixView<const float> x, MatrixView<const float> y, bool within,
               Metric metric, int stride, PackedRows& packed_x, PackedRows& packed_y,
               cudaStream_t stream) {
  float* centre = scratch.vector<float>(x.cols).data;
  if (metric != Metric::cosine) find_centre(x, within ? x : y, centre, stream);
  packed_x = packed(scratch, x, stride);
  pack_rows(x, centre, metric, packed_x, stream);
  packed_y = packed_x;
  if (within) return;
  packed_y = packed(scratch, y, stride);
  pack_rows(y, centre, metric, packed_y, stream);
}

int round_up(std::int64_t value, int unit) {
  return static_cast<int>((value + unit - 1) / unit) * unit;
}

}  // namespace

void stress_loss(Scratch& scratch, MatrixView<const float> x, MatrixView<const float> y,
                 bool within, const PairTarget& target, const StressOptions& options, double* loss,
                 MatrixView<float> grad_x, MatrixView<float> grad_y, Precision precision,
                 cudaStream_t stream) {
  const double pairs =
      static_cast<double>(x.rows) * static_cast<double>(within ? x.rows - 1 : y.rows);
  if (pairs == 0) return;
  const double share = static_cast<double>(options.weight) / pairs;
  const int q = x.cols <= 32 ? 32 : x.cols <= 64 ? 64 : kMaxQ;
  const int stride = round_up(x.cols, q);
  const int chunks = stride / q;
  const int sides = grad_y.empty() ? 1 : 2;

  StressArguments arguments{};
  Side& first = arguments.sides[0];
  pack_both(scratch, x, y, within, Metric::euclidean, stride, first.own, first.other, stream);
  arguments.distances = target.distances.data;
  if (arguments.distances == nullptr) {
    pack_both(scratch, target.rows_x, target.rows_y, within, target.metric,
              round_up(target.rows_x.cols, kChunkD), first.target_own, first.target_other, stream);
  }
  arguments.sides[1] = {first.other, first.own, first.target_other, first.target_own, nullptr};
  arguments.stride = target.distances.stride;
  arguments.aligned =
      reinterpret_cast<std::uintptr_t>(arguments.distances) % 16 == 0 && arguments.stride % 4 == 0;
  arguments.within = within;
  arguments.metric = target.metric;
  arguments.sammon = options.sammon;
  // Within one set a pair is met from both of its ends, and moves a row from each.
  arguments.factor = static_cast<float>((within ? 4 : 2) * share);
  arguments.scale = options.scale;
  arguments.chunks = chunks;

  const std::int64_t longest = std::max(x.rows, y.rows);
  const std::int64_t own_tiles = ceil_div(sides == 1 ? x.rows : longest, kTileRows);
  const std::int64_t walk = ceil_div(sides == 1 ? y.rows : longest, kCols);
  const std::int64_t wish =
      std::clamp<std::int64_t>(kBlocks / (own_tiles * sides * chunks), 1, walk);
  arguments.tiles_a_split = static_cast<int>(ceil_div(walk, wish));
  const auto splits = static_cast<int>(ceil_div(walk, arguments.tiles_a_split));

  const std::int64_t loss_count = ceil_div(x.rows, kTileRows) * static_cast<std::int64_t>(splits);
  arguments.losses = scratch.vector<double>(loss_count).data;
  if (!grad_x.empty()) {
    first.partial = scratch.vector<float>(splits * padded_rows(x.rows) * stride).data;
  }
  if (!grad_y.empty()) {
    arguments.sides[1].partial = scratch.vector<float>(splits * padded_rows(y.rows) * stride).data;
  }
  const dim3 grid(static_cast<unsigned>(own_tiles), static_cast<unsigned>(splits),
                  static_cast<unsigned>(sides * chunks));
  switch (precision) {
    case Precision::fp32:
      launch<Precision::fp32>(q, arguments, grid, stream);
      break;
    case Precision::tf32:
      launch<Precision::tf32>(q, arguments, grid, stream);
      break;
    case Precision::bf16:
      launch<Precision::bf16>(q, arguments, grid, stream);
      break;
  }

  const FinishArguments finish{{first.partial, arguments.sides[1].partial},
                               {grad_x, grad_y},
                               stride,
                               splits,
                               arguments.losses,
                               static_cast<int>(loss_count),
                               share,
                               loss};
  const std::int64_t elements =
      std::max<std::int64_t>({1, grad_x.rows * grad_x.cols, grad_y.rows * grad_y.cols});
  CLIPK_LAUNCH(finish_kernel,
               (Launch{dim3(ceil_div(elements, kFinishThreads), static_cast<unsigned>(sides)),
                       dim3(kFinishThreads), 0, stream}),
               finish);
}

}  // namespace clipk::gpu
