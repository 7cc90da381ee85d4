// Runs the threads of a grid, one at a time, in the order that the options ask for.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <cuda_runtime_api.h>

namespace clipk::simt {

struct GridLaunch {
  const char* name;
  dim3 grid, block;
  std::size_t dynamic_bytes;
  const std::function<void()>* body;  // what every thread runs
};

void run_grid(const GridLaunch& launch);

/// "kernel NAME block (x,y,z) thread n", or "outside kernels". Safe in a signal handler.
const char* describe_running();
bool in_kernel();

/// This thread's cp.async groups live with its other state.
class CopyQueue;
CopyQueue& current_copies();

/// Most shared memory a block may have: the opt-in limit of sm_90, and that without opt-in.
inline constexpr std::size_t kSharedOptIn = 232448;
inline constexpr std::size_t kSharedDefault = 49152;

}  // namespace clipk::simt
