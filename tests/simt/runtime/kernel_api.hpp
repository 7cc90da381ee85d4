// What the device side of the harness (device.hpp and what it includes) calls in the runtime.
#pragma once

#include <cstddef>
#include <functional>
#include <tuple>
#include <utility>

#include <cuda_runtime_api.h>

#include "simt/runtime/simt.hpp"

namespace clipk::simt {

// ---- Who is running -----------------------------------------------------------------------------

struct Index3 {
  unsigned x, y, z;
};
extern Index3 g_thread_idx, g_block_idx;
extern dim3 g_block_dim, g_grid_dim;
extern int g_lane;

/// A position in a kernel file, taken by default arguments at the call.
struct Where {
  const char* file;
  int line;
};

// ---- Collectives --------------------------------------------------------------------------------

enum class Collective : unsigned char { syncwarp, shuffle, vote, reduce, match, mma, ldmatrix };

/// Computes every present lane's result from every present lane's data.
using Combine = void (*)(void* const* lanes, unsigned present);

/// The calling lane posts `data` and sleeps; the last lane of `mask` to arrive runs `combine`.
void warp_collective(Collective kind, unsigned mask, void* data, Combine combine, Where where);

enum class BarrierKind : unsigned char { plain, count, all, any };
/// Returns the number, conjunction or disjunction of `predicate` over the block.
int block_barrier(BarrierKind kind, bool predicate, Where where);

/// Lanes of the calling warp that have not ended.
unsigned live_lanes();

// ---- Memory -------------------------------------------------------------------------------------

/// The calling block's instance of a shared variable, poisoned at the block's start.
void* shared_variable(const void* key, std::size_t bytes, std::size_t alignment, const char* name);
void* dynamic_shared();

/// A copy that lands at the wait: until then the destination holds poison.
void cp_async(void* shared, const void* global, int bytes, int valid_bytes);
void cp_async_commit();
void cp_async_wait(int pending);

void fence();
void before_atomic(const void* address);
void after_atomic();
/// Set while device.hpp reads and writes on behalf of an atomic operation.
extern volatile bool g_in_atomic;

// ---- Launch -------------------------------------------------------------------------------------

cudaError_t enqueue_kernel(const char* name, const void* kernel, dim3 grid, dim3 block,
                           std::size_t shared_bytes, cudaStream_t stream,
                           std::function<void()> body);

/// From here on memory accesses are the kernel's own: its parameters have been copied.
void enter_kernel();

template <class... P, class... A>
std::function<void()> bind_kernel(void (*kernel)(P...), A&&... args) {
  return [kernel, bound = std::tuple<P...>(static_cast<P>(std::forward<A>(args))...)] {
    std::apply(
        [kernel](P... p) {
          enter_kernel();
          kernel(p...);
        },
        bound);
  };
}

}  // namespace clipk::simt
