// Two matrix products with the ingredients of the library's own: guarded tiles and a minimum by
// shuffles in one, asynchronous copies and tensor cores in the other.
#include "kernels/detail/portable.cuh"
#include "simt/selftest/bugs.hpp"
#include "simt/selftest/device_array.hpp"

namespace clipk::simt::selftest {
namespace {

using gpu::Launch;

constexpr int kTile = 16, kDepth = 8;

/// Least squared distance of every row of a [m, d] to the rows of b [n, d], and all distances.
__global__ void __launch_bounds__(kTile* kTile)
    nearest_kernel(Bug bug, const float* a, const float* b, int m, int n, int d, float* distances,
                   unsigned long long* least) {
  CLIPK_SHARED(float, tile_a, [kDepth][kTile + 1]);
  CLIPK_SHARED(float, tile_b, [kDepth][kTile + 1]);
  const int tx = static_cast<int>(threadIdx.x) % kTile, ty = static_cast<int>(threadIdx.x) / kTile;
  const int row0 = static_cast<int>(blockIdx.y) * kTile;
  const int column0 = static_cast<int>(blockIdx.x) * kTile;
  float sum = 0;
  for (int k0 = 0; k0 < d; k0 += kDepth) {
    for (int e = static_cast<int>(threadIdx.x); e < kTile * kDepth; e += kTile * kTile) {
      const int r = e / kDepth, k = e % kDepth;
      const bool in_a = row0 + r < m && k0 + k < d;
      const bool in_b = (column0 + r < n || bug == Bug::load_without_row_guard) && k0 + k < d;
      if (in_a) {
        tile_a[k][r] = a[(row0 + r) * d + k0 + k];
      } else if (bug != Bug::padding_not_zeroed) {
        tile_a[k][r] = 0;
      }
      tile_b[k][r] = in_b ? b[(column0 + r) * d + k0 + k] : 0;
    }
    if (bug != Bug::no_barrier_after_load) __syncthreads();
    const int depth = bug == Bug::depth_off_by_one ? kDepth + 1 : kDepth;
    const int shift = bug == Bug::tile_row_off_by_one && row0 + ty == kTile - 1 ? 1 : 0;
    for (int k = 0; k < depth; ++k) {
      const float difference = tile_a[k][ty + shift] - tile_b[k][tx];
      sum += difference * difference;
    }
    if (bug != Bug::no_barrier_before_reload) __syncthreads();
  }
  const int row = row0 + ty, column = column0 + tx;
  if ((row < m || bug == Bug::store_without_row_guard) && column < n) {
    distances[row * n + column] = sum;
  }
  unsigned long long best = ~0ull;
  if (row < m && column < n) {
    best =
        static_cast<unsigned long long>(__float_as_uint(sum)) << 32 | static_cast<unsigned>(column);
  }
  const unsigned mask = bug == Bug::shuffle_mask_lacks_lanes ? 0x0000ffffu : gpu::kFullWarp;
  if (bug != Bug::collective_in_branch || row < m - 1) {
    for (int step = bug == Bug::shuffle_starts_too_low ? 4 : 8; step > 0; step /= 2) {
      const unsigned long long other = __shfl_xor_sync(mask, best, step, kTile);
      best = other < best ? other : best;
    }
  }
  if (tx == 0 && row < m) atomicMin(&least[row], best);
}

bool run_nearest(Bug bug) {
  const int m = 37, n = 45, d = 27;
  const auto a = whole_numbers(static_cast<std::size_t>(m) * d, 1);
  const auto b = whole_numbers(static_cast<std::size_t>(n) * d, 2);
  const DeviceArray<float> da(a), db(b), distances(static_cast<std::size_t>(m) * n);
  const DeviceArray<unsigned long long> least(std::vector<unsigned long long>(m, ~0ull));
  CLIPK_LAUNCH(
      nearest_kernel,
      (Launch{dim3(gpu::ceil_div(n, kTile), gpu::ceil_div(m, kTile)), dim3(kTile * kTile)}), bug,
      da.data(), db.data(), m, n, d, distances.data(), least.data());
  const auto got = distances.values();
  const auto got_least = least.values();
  for (int i = 0; i < m; ++i) {
    float best = INFINITY;
    int best_column = -1;
    for (int j = 0; j < n; ++j) {
      float want = 0;
      for (int k = 0; k < d; ++k) {
        const float difference = a[i * d + k] - b[j * d + k];
        want += difference * difference;
      }
      if (!(got[i * n + j] == want)) return false;
      if (want < best) {
        best = want;
        best_column = j;
      }
    }
    if (static_cast<int>(got_least[i] & 0xFFFFFFFFu) != best_column) return false;
  }
  return true;
}

constexpr int kSteps = 4;

/// C [16, 8] = A [16, 8 steps] B [8 steps, 8] by one warp: B is staged twice in shared memory.
/// A second warp computes the same, so that barriers matter; c is [2, 16, 8].
__global__ void __launch_bounds__(64)
    tensor_kernel(Bug bug, const float* a, const float* b, float* c) {
  CLIPK_SHARED(float, stage, [2][8][8]);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  const int g = lane / 4, t = lane % 4;
  float d[4] = {};
  auto fetch = [&](int step) {
    if (thread >= 16) return;
    const int shift = bug == Bug::copy_misaligned && step == 1 ? 1 : 0;
    gpu::cp_async_16(&stage[step % 2][thread / 2][thread % 2 * 4],
                     b + step * 64 + thread * 4 + shift);
  };
  fetch(0);
  gpu::cp_async_commit();
  for (int step = 0; step < kSteps; ++step) {
    if (bug == Bug::copy_overtakes_readers && step + 1 < kSteps) fetch(step + 1);
    gpu::cp_async_commit();
    if (bug != Bug::no_wait_for_copy) gpu::cp_async_wait<1>();
    __syncthreads();
    const float(&tile)[8][8] = stage[step % 2];
    float values[4];
    for (int i = 0; i < 4; ++i) {
      values[i] = a[(g + 8 * (i % 2)) * 8 * kSteps + step * 8 + t + 4 * (i / 2)];
    }
    std::uint32_t fa[4], fb[2] = {gpu::to_tf32(tile[t][g]), gpu::to_tf32(tile[t + 4][g])};
    for (int i = 0; i < 4; ++i) {
      fa[i] = bug == Bug::operand_not_rounded ? __float_as_uint(values[i] + 1e-6f)
                                              : gpu::to_tf32(values[i]);
    }
    gpu::mma_m16n8k8_tf32(d, fa, fb);
    // With the bug the copy is under way before all have read; the barrier below is missing too.
    if (bug == Bug::copy_overtakes_readers) continue;
    if (step + 1 < kSteps) fetch(step + 1);
    gpu::cp_async_commit();
    gpu::cp_async_wait<0>();
    __syncthreads();
  }
  for (int i = 0; i < 4; ++i) c[thread / 32 * 128 + (g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = d[i];
}

bool run_tensor(Bug bug) {
  const int depth = 8 * kSteps;
  const auto a = whole_numbers(static_cast<std::size_t>(16) * depth, 3);
  const auto b = whole_numbers(static_cast<std::size_t>(depth) * 8, 4);
  const DeviceArray<float> da(a), db(b), dc(256);
  CLIPK_LAUNCH(tensor_kernel, (Launch{dim3(1), dim3(64)}), bug, da.data(), db.data(), dc.data());
  const auto c = dc.values();
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 8; ++j) {
      float want = 0;
      for (int k = 0; k < depth; ++k) want += a[i * depth + k] * b[k * 8 + j];
      if (!(c[i * 8 + j] == want) || !(c[128 + i * 8 + j] == want)) return false;
    }
  }
  return true;
}

}  // namespace

bool run_products(Bug bug) {
  const bool nearest = run_nearest(bug);
  return run_tensor(bug) && nearest;
}

}  // namespace clipk::simt::selftest
