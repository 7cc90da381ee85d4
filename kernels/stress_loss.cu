// Stress loss of codes x [n, q] and y [m, q] against distances d [n, m], with both gradients; the
// matrix e of their own distances is never stored.
//
// Plan    As flash attention: a block owns 64 rows of x, kept in shared memory, and walks over
//         tiles of 64 rows of y. A tile product gives e; in registers it becomes the coefficients
//         c = 2 w (e - s d) / e; a second product C Y accumulates in registers, and grad_x =
//         (C 1) x - C Y. grad_y is the same with the roles exchanged: e is computed twice, and no
//         block writes where another does. d is read 16 bytes at a time along either side, or
//         computed from its rows by a third product. The walk is split between as many blocks as
//         fill the GPU; they leave partial sums, which a last kernel adds in a fixed order, and one
//         float64 partial of the loss each.
//         Codes of more than 128 columns: e from chunks of 128, one block a chunk of the gradient.
//         Near rows, where x^2 - 2 x y + y^2 cancels, are computed from their difference, and a
//         tile with twins, where (C 1) x - C Y cancels, is accumulated as C (Y - x).
// Floor   Between two sets 8 n m q operations (two products, twice), within one 4 n n q: at n = m =
//         5000, q = 64 that is .19 ms at the 67 TFLOP/s of an H100's FFMA, .03 ms at its tf32; and
//         8 n m bytes of d, .07 ms. Computing e again costs a third more operations than keeping it
//         would, and spares 16 n m bytes. Not yet timed on a GPU.
// Ladder  one variant so far; to keep e was weighed, see the floor. Next: d in bf16, 4 n m bytes
//         less, which matters where tf32 makes the products cheaper than reading d.

#include "kernels/stress_loss.hpp"

#include <algorithm>
#include <cfloat>

#include "kernels/detail/packed_distance.cuh"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kChunkD = 32;            // columns of the target's rows a step
constexpr int kMaxQ = 128;             // the chunk of wide codes
constexpr std::int64_t kBlocks = 800;  // to keep a large GPU busy

// One side as a block sees it: its own rows, and the rows it walks over.
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
      load_matrix_patch<kCols>(arguments.distances, arguments.stride, arguments.aligned,
                               side_index == 1, first_row, side.own.rows, first_col,
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
      finish_squares<kCols>(side.target_own, first_row, side.target_other, first_col,
                            arguments.within, kNear, shared->c, S::kStrideC, wanted);
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
    const bool twin =
        finish_squares<kCols>(side.own, first_row, side.other, first_col, arguments.within, kNear,
                              shared->c, S::kStrideC, values);
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
                 bool within, const TargetDistances& target, const StressOptions& options,
                 double* loss, MatrixView<float> grad_x, MatrixView<float> grad_y,
                 Precision precision, cudaStream_t stream) {
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
  // Within one set e_ij is met from row i and from row j, and moves each once.
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
