#pragma once

#include <benchmark/benchmark.h>

#include <functional>

#include "clipk/core/matrix.hpp"

namespace clipk::bench {

/// What one call must move and compute at least.
struct Work {
  double bytes = 0;
  double flops = 0;
};

/// The context of --device, --threads and --precision.
Context bench_context();

/// Times `call` once an iteration (on a GPU with the L2 cache flushed before each) and reports
/// bytes/s, FLOP/s and `floor`: the share reached of the time that the work needs at the peak of
/// this machine (a copy and a matrix product timed in the same process).
void run(benchmark::State& state, Context& context, const Work& work,
         const std::function<void()>& call);

}  // namespace clipk::bench
