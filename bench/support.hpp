#pragma once

#include <benchmark/benchmark.h>

#include <functional>

#include "clipk/core/matrix.hpp"

namespace clipk::bench {

/// The least bytes and operations of one call.
struct Work {
  double bytes = 0;
  double flops = 0;
};

/// The context of --device, --threads and --precision.
Context bench_context();

/// Times `call` once per iteration (on a GPU with the L2 cache flushed before each) and reports
/// bytes/s, FLOP/s and `floor`: the least time of the work at this machine's peak (from a copy and
/// a matrix product timed in the same process), as a share of the measured time.
void run(benchmark::State& state, Context& context, const Work& work,
         const std::function<void()>& call);

}  // namespace clipk::bench
