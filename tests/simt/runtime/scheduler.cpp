#include "simt/runtime/scheduler.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>

#include "simt/runtime/monitor.hpp"
#include "simt/runtime/threads.hpp"
#include "simt/runtime/watchdog.hpp"

namespace clipk::simt {

Index3 g_thread_idx, g_block_idx;
dim3 g_block_dim, g_grid_dim;
int g_lane;
volatile bool g_in_atomic = false;
Monitor* g_monitor = nullptr;
bool g_monitor_paused = true;
Scheduler& g = *new Scheduler;  // outlives static destructors that free device memory

namespace {

// ---- Switching ----------------------------------------------------------------------------------

void fiber_main();

Fiber* take_fiber() {
  if (g.free_fibers.empty()) {
    g.fibers.push_back(std::make_unique<Fiber>());
    allocate_stack(*g.fibers.back(), options().stack_bytes);
    arm(*g.fibers.back(), fiber_main);
    return g.fibers.back().get();
  }
  Fiber* fiber = g.free_fibers.back();
  g.free_fibers.pop_back();
  return fiber;
}

void make_current(Thread* t) {
  g.current = t;
  g.atomics_in_a_row = 0;
  g_thread_idx = t->index;
  g_block_idx = t->block->index;
  g_lane = t->lane;
  if (g_monitor != nullptr) {
    g_monitor->thread_runs(t->block->linear, t->id, t->fiber->stack, t->fiber->stack_bytes);
  }
}

/// What every fiber runs: one thread after another. A thread that never waits costs no switch.
void fiber_main() {
  for (;;) {
    Thread& self = *g.current;
    Fiber* fiber = self.fiber;
    (*g.launch.body)();
    g_monitor_paused = true;
    thread_ends(self);
    Thread* next = g.ready.pick();
    if (next != nullptr && next->fiber == nullptr) {
      next->fiber = fiber;
      make_current(next);
      continue;
    }
    g.free_fibers.push_back(fiber);
    ++g.stats.switches;
    if (next == nullptr) {
      switch_fiber(*fiber, g.main_fiber);
    } else {
      make_current(next);
      switch_fiber(*fiber, *next->fiber);
    }
  }
}

// ---- Grid ---------------------------------------------------------------------------------------

void start_block(Block& b, unsigned linear) {
  const dim3 grid = g.launch.grid, size = g.launch.block;
  b.linear = linear;
  b.index = {linear % grid.x, linear / grid.x % grid.y, linear / grid.x / grid.y};
  b.live = g.block_threads;
  b.at_barrier = 0;
  b.count = 0;
  b.some_ended = false;
  b.warps.assign((g.block_threads + 31) / 32, Warp{});
  b.threads.resize(g.block_threads);
  if (g_monitor != nullptr) g_monitor->block_begins(linear);
  b.shared.begin(linear, g.launch.dynamic_bytes);
  g.ready.for_each_in_push_order(g.block_threads, [&](std::size_t i) {
    const unsigned id = static_cast<unsigned>(i);
    Thread& t = b.threads[id];
    t.fiber = nullptr;
    t.block = &b;
    t.id = id;
    t.lane = static_cast<int>(id % 32);
    t.warp = static_cast<int>(id / 32);
    t.index = {id % size.x, id / size.x % size.y, id / size.x / size.y};
    t.where = {};
    b.warps[t.warp].live |= 1u << t.lane;
    make_ready(&t);
  });
  ++g.stats.blocks;
  g.stats.threads += g.block_threads;
}

/// Gives idle resident slots new blocks.
void start_blocks() {
  for (auto& b : g.blocks) {
    if (b->live == 0 && g.next_block < g.block_order.size()) {
      start_block(*b, g.block_order[g.next_block++]);
    }
  }
}

void report_deadlock() {
  int shown = 0;
  for (auto& b : g.blocks) {
    for (const Thread& t : b->threads) {
      if (b->live == 0 || t.state == State::ended || shown++ >= 4) continue;
      report("%s: deadlock (divergent barrier): %s", g.launch.name, position(t).c_str());
    }
  }
}

void prepare(const GridLaunch& launch) {
  const Options& o = options();
  g.launch = launch;
  g.block_threads = launch.block.x * launch.block.y * launch.block.z;
  g.aborted = false;
  g_grid_dim = launch.grid;
  g_block_dim = launch.block;
  const unsigned blocks = launch.grid.x * launch.grid.y * launch.grid.z;
  const unsigned resident = std::min<unsigned>(std::max(o.resident, 1), blocks);
  g.ready.reset(o.order, o.seed * 0x9E3779B97F4A7C15ull + g.launches_since_restart++,
                static_cast<std::size_t>(resident) * g.block_threads);
  g.block_order.resize(blocks);
  std::iota(g.block_order.begin(), g.block_order.end(), 0u);
  if (o.order == Order::reverse) std::reverse(g.block_order.begin(), g.block_order.end());
  if (o.order == Order::random) {
    for (std::size_t i = blocks; i > 1; --i) {
      std::swap(g.block_order[i - 1], g.block_order[g.ready.random() % i]);
    }
  }
  g.next_block = 0;
  while (g.blocks.size() < resident) g.blocks.push_back(std::make_unique<Block>());
  g.blocks.resize(resident);
  for (auto& b : g.blocks) b->live = 0;
  ++g.stats.launches;
}

/// After a launch was given up: no thread of it is ever resumed.
void forget_threads() {
  g.free_fibers.clear();
  for (auto& fiber : g.fibers) {
    arm(*fiber, fiber_main);
    g.free_fibers.push_back(fiber.get());
  }
  for (auto& b : g.blocks) {
    if (b->live > 0) b->shared.end();
    for (Thread& t : b->threads) t.copies.reset();
    b->live = 0;
  }
}

}  // namespace

void make_ready(Thread* t) {
  t->state = State::ready;
  g.ready.push(t);
}

void hand_over() {
  Thread* self = g.current;
  Thread* next = g.ready.pick();
  if (next == self) return make_current(self);
  ++g.stats.switches;
  g_monitor_paused = true;
  if (next == nullptr) {
    switch_fiber(*self->fiber, g.main_fiber);
  } else {
    if (next->fiber == nullptr) next->fiber = take_fiber();
    make_current(next);
    switch_fiber(*self->fiber, *next->fiber);
  }
  g_monitor_paused = false;
}

void abandon() {
  g.aborted = true;
  g_monitor_paused = true;
  switch_fiber(*g.current->fiber, g.main_fiber);
  std::abort();
}

void run_grid(const GridLaunch& launch) {
  prepare(launch);
  watchdog_begin();
  if (g_monitor != nullptr) g_monitor->launch_begins(g.block_threads);
  for (;;) {
    start_blocks();
    Thread* next = g.ready.pick();
    if (next == nullptr) {
      const bool all_ended =
          std::all_of(g.blocks.begin(), g.blocks.end(), [](auto& b) { return b->live == 0; });
      if (!all_ended) {
        report_deadlock();
        g.aborted = true;
      }
      break;
    }
    if (next->fiber == nullptr) next->fiber = take_fiber();
    make_current(next);
    switch_fiber(g.main_fiber, *next->fiber);
    g.current = nullptr;
    if (g.aborted) break;
  }
  if (g.aborted) forget_threads();
  if (g_monitor != nullptr) g_monitor->launch_ends();
  watchdog_end();
}

void enter_kernel() {
  g_monitor_paused = false;
}

void* shared_variable(const void* key, std::size_t bytes, std::size_t alignment, const char* name) {
  SharedMemory& shared = g.current->block->shared;
  const std::size_t before = shared.total_bytes();
  void* data = shared.variable(key, bytes, alignment, name);
  const std::size_t fixed = shared.total_bytes() - g.launch.dynamic_bytes;
  if (shared.total_bytes() == before) return data;
  if (fixed > kSharedDefault || shared.total_bytes() > kSharedOptIn ||
      (g.launch.dynamic_bytes <= kSharedDefault && shared.total_bytes() > kSharedDefault)) {
    report("%s: %zu bytes of static and %zu of dynamic shared memory are too many", g.launch.name,
           fixed, g.launch.dynamic_bytes);
  }
  return data;
}

void* dynamic_shared() {
  void* data = g.current->block->shared.dynamic();
  if (data == nullptr) {
    report("%s: uses dynamic shared memory, but the launch gave none", g.launch.name);
    abandon();
  }
  return data;
}

namespace {
/// A place where other threads may come between. A thread that does nothing but atomics is made to
/// yield now and then in every order, so that waiting for another thread's atomic ends.
void preemption_point() {
  const bool yield = options().preempt ? g.ready.random() % 4 == 0 : ++g.atomics_in_a_row >= 1000;
  if (!yield) return;
  make_ready(g.current);
  hand_over();
}
}  // namespace

void fence() {
  if (g_monitor != nullptr) g_monitor->fence();
  preemption_point();
}

void before_atomic(const void* address) {
  if (g_monitor != nullptr) g_monitor->atomic(address);
}

void after_atomic() {
  preemption_point();
}

CopyQueue& current_copies() {
  auto& copies = g.current->copies;
  if (copies == nullptr) copies = std::make_unique<CopyQueue>();
  return *copies;
}
bool in_kernel() {
  return g.current != nullptr;
}
const Stats& stats() {
  return g.stats;
}
bool race_build() {
  return g_monitor != nullptr;
}
void restart_order() {
  g.launches_since_restart = 0;
}

const char* describe_running() {
  if (g.current == nullptr) return "outside kernels";
  static char text[300];
  std::snprintf(text, sizeof text, "kernel %s block (%u,%u,%u) thread %u", g.launch.name,
                g_block_idx.x, g_block_idx.y, g_block_idx.z, g.current->id);
  return text;
}

}  // namespace clipk::simt
