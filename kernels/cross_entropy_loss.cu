// Cross-entropy of the softmax of rows [n, k] with one known class each, and its gradient.
//
// Plan    so many threads of a warp share a row as it has units of four columns (16 bytes; one
//         column where a row does not allow that), 32 at most, in a grid-stride loop over groups of
//         rows. A row of up to 256 units is read once and stays in registers, through its largest
//         value, the sum of its exponentials and the gradient; a longer one is read three times,
//         twice of them from L1 or L2. Losses are added in float64, one partial a block, in
//         block order by the last block. The mean needs the number of known rows before the first
//         gradient is written: a launch of its own counts them, by an integer atomic.
// Floor   8 n k bytes (logits in, gradient out), 4 n k without the gradient, and 4 n or 8 n for
//         the labels: n k / 3.8e11 s on an H100. One exponential an element: at 16 a cycle and
//         multiprocessor 0.1 of that time.
// Ladder  1  the row read three times
//         2  held in registers up to 256 units; not timed beside the first           <- this one

#include "kernels/cross_entropy_loss.hpp"

#include <algorithm>

#include "kernels/detail/row_lanes.cuh"

namespace clipk::gpu {
namespace {

constexpr int kMostHeld = 8;  // units of a thread in registers

__global__ void __launch_bounds__(kRowThreads)
    count_kernel(std::int64_t rows, const std::int32_t* __restrict__ labels,
                 unsigned long long* known) {
  CLIPK_SHARED(unsigned, counts, [32]);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kRowThreads;
  unsigned count = 0;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kRowThreads + threadIdx.x; i < rows;
       i += step) {
    count += labels[i] >= 0 ? 1u : 0u;
  }
  count = block_sum(count, counts);
  if (threadIdx.x == 0) atomicAdd(known, static_cast<unsigned long long>(count));
}

__device__ __forceinline__ float row_max(const RowLanes& spread, float value) {
  for (int step = spread.lanes / 2; step > 0; step /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kFullWarp, value, step));
  }
  return value;
}

// A thread's part of one row: kHeld units of kUnit columns in registers, or, where kHeld is 0, any
// number in memory.
template <int kUnit, int kHeld>
struct RowPart {
  const RowLanes& spread;
  const float* row;  // null: past the last row, or without a label
  int lane;
  float held[kHeld == 0 ? 1 : kHeld][kUnit] = {};

  __device__ __forceinline__ RowPart(const RowLanes& spread_, const float* row_, int lane_)
      : spread(spread_), row(row_), lane(lane_) {
    if constexpr (kHeld > 0) {
#pragma unroll
      for (int h = 0; h < kHeld; ++h) {
        const int unit = lane + h * spread.lanes;
        if (row != nullptr && unit < spread.units) load_unit(row + kUnit * unit, held[h]);
      }
    }
  }

  // f(values, first column) for each unit of this thread.
  template <class F>
  __device__ __forceinline__ void each(F&& f) {
    if (row == nullptr) return;
    if constexpr (kHeld > 0) {
#pragma unroll
      for (int h = 0; h < kHeld; ++h) {
        const int unit = lane + h * spread.lanes;
        if (unit < spread.units) f(held[h], kUnit * unit);
      }
    } else {
      for (int unit = lane; unit < spread.units; unit += spread.lanes) {
        load_unit(row + kUnit * unit, held[0]);
        f(held[0], kUnit * unit);
      }
    }
  }
};

struct CrossEntropyArguments {
  MatrixView<const float> logits;
  const std::int32_t* labels;
  MatrixView<float> grad;
  bool mean;
  double weight;
  double* loss;
  CrossEntropyScratch* scratch;
};

template <int kUnit, int kHeld>
__global__ void __launch_bounds__(kRowThreads, 3)
    cross_entropy_kernel(RowLanes spread, CrossEntropyArguments a) {
  CLIPK_SHARED(double, sums, [32]);
  const unsigned long long known = a.scratch->known;
  const double share = a.mean && known > 0 ? a.weight / static_cast<double>(known) : a.weight;
  const float factor = static_cast<float>(share);
  const int columns = static_cast<int>(a.logits.cols);
  const std::int64_t group = kRowThreads / spread.lanes;
  const RowPlace first = row_place(spread);
  double loss = 0;
  // Whole warps loop together: they share their rows' sums.
  for (std::int64_t past = 0; past < spread.rows; past += group * gridDim.x) {
    const std::int64_t i = first.row + past;
    const bool inside = i < spread.rows;
    const int label = inside ? a.labels[i] : -1;
    const float* const row = label >= 0 ? a.logits.data + i * a.logits.stride : nullptr;
    RowPart<kUnit, kHeld> part(spread, row, first.lane);
    float top = -INFINITY;
    part.each([&](const float(&v)[kUnit], int) {
#pragma unroll
      for (int c = 0; c < kUnit; ++c) top = fmaxf(top, v[c]);
    });
    top = row_max(spread, top);
    // The thread that holds the label's column adds the loss: another one could not read it where
    // the gradient takes its place.
    bool adds = label >= columns && first.lane == 0;
    float sum = 0.f, of_label = nanf("");
    part.each([&](float(&v)[kUnit], int column) {
#pragma unroll
      for (int c = 0; c < kUnit; ++c) {
        const float below = v[c] - top;
        if (column + c == label) {
          adds = true;
          of_label = below;
        }
        sum += v[c] = expf(below);
      }
    });
    sum = row_sum(spread, sum);
    if (adds) loss += log(static_cast<double>(sum)) - static_cast<double>(of_label);
    if (!inside || a.grad.data == nullptr) continue;
    float* const to = a.grad.data + i * a.grad.stride;
    if (row == nullptr) {
      const float zero[kUnit] = {};
      for (int unit = first.lane; unit < spread.units; unit += spread.lanes) {
        store_unit(zero, to + kUnit * unit);
      }
      continue;
    }
    const float scale = label < columns ? factor / sum : nanf("");
    part.each([&](float(&v)[kUnit], int column) {
#pragma unroll
      for (int c = 0; c < kUnit; ++c) {
        const float e = kHeld > 0 ? v[c] : expf(v[c] - top);
        v[c] = e * scale - (column + c == label ? factor : 0.f);
      }
      store_unit(v, to + column);
    });
  }
  double total = 0;
  if (grid_sum(loss, sums, a.scratch->partials, &a.scratch->ticket, total) && threadIdx.x == 0) {
    *a.loss += share * total;
  }
}

template <int kUnit>
void launch(const CrossEntropyArguments& a, cudaStream_t stream) {
  const RowLanes spread = row_lanes<kUnit>(a.logits.rows, a.logits.cols);
  Launch launch = row_launch(spread, stream);
  launch.grid.x = std::min(launch.grid.x, static_cast<unsigned>(kCrossEntropyMaxBlocks));
  const int held = (spread.units + spread.lanes - 1) / spread.lanes;
  if (held == 1) {
    CLIPK_LAUNCH((cross_entropy_kernel<kUnit, 1>), launch, spread, a);
  } else if (held <= kMostHeld) {
    CLIPK_LAUNCH((cross_entropy_kernel<kUnit, kMostHeld>), launch, spread, a);
  } else {
    CLIPK_LAUNCH((cross_entropy_kernel<kUnit, 0>), launch, spread, a);
  }
}

}  // namespace

void cross_entropy_loss(MatrixView<const float> logits, const std::int32_t* labels,
                        Reduction reduction, float weight, double* loss, MatrixView<float> grad,
                        CrossEntropyScratch* scratch, cudaStream_t stream) {
  const bool mean = reduction == Reduction::mean;
  if (mean) {
    const auto blocks = static_cast<unsigned>(std::min<std::int64_t>(
        (logits.rows + kRowThreads - 1) / kRowThreads, kCrossEntropyMaxBlocks));
    CLIPK_LAUNCH(count_kernel, (Launch{dim3(blocks), dim3(kRowThreads), 0, stream}), logits.rows,
                 labels, &scratch->known);
  }
  const CrossEntropyArguments a{logits, labels, grad, mean, weight, loss, scratch};
  const bool aligned = all_allow_float4(logits) && (grad.data == nullptr || all_allow_float4(grad));
  aligned ? launch<4>(a, stream) : launch<1>(a, stream);
}

}  // namespace clipk::gpu
