// Controls of the SIMT harness that tests may use: options, the errors that kernels caused, counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace clipk::simt {

enum class Order {
  forward,  // round robin, lowest thread first: what an in-order mind expects
  reverse,  // last block, last thread first, each as far as it gets
  random,   // any ready thread; also the next block to start
  greedy,   // first thread first, each as far as it gets
};

enum class StreamMode {
  eager,  // work runs when it is enqueued
  lazy,   // work runs when the host waits for it, so that missing waits show
};

/// Read from the environment at first use (see README.md); may be changed between launches.
struct Options {
  Order order = Order::forward;
  std::uint64_t seed = 1;
  int resident = 1;      // blocks that are interleaved
  bool preempt = false;  // atomics and fences may hand over to another thread
  StreamMode streams = StreamMode::eager;
  double watchdog_seconds = 60;  // CPU time without any thread ending; 0 switches it off
  bool close_memory = true;      // device memory faults when the host touches it
  bool echo = true;              // errors also go to stderr when they happen
  std::size_t stack_bytes = 64 << 10;
};
Options& options();
/// "reverse", "random seed 2 resident 3 preempt", ...
std::string describe_options();

/// What kernels and calls did wrong since clear_errors(), at most 50 messages. A process that ends
/// with errors nobody cleared exits with status 1.
const std::vector<std::string>& errors();
void clear_errors();
void report(const char* format, ...) __attribute__((format(printf, 1, 2)));

struct Stats {
  std::uint64_t launches = 0, blocks = 0, threads = 0, switches = 0, barriers = 0, collectives = 0;
};
const Stats& stats();
/// Random orders depend on the seed and on the launches since this call, not on earlier tests.
void restart_order();

std::size_t device_bytes();
std::size_t device_allocations();

/// Whether kernel files were built for the race detector.
bool race_build();

}  // namespace clipk::simt
