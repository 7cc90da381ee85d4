#include "simt/runtime/scheduler.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "simt/runtime/copy_queue.hpp"
#include "simt/runtime/fiber.hpp"
#include "simt/runtime/kernel_api.hpp"
#include "simt/runtime/monitor.hpp"
#include "simt/runtime/ready_list.hpp"
#include "simt/runtime/shared_memory.hpp"
#include "simt/runtime/watchdog.hpp"

namespace clipk::simt {

Index3 g_thread_idx, g_block_idx;
dim3 g_block_dim, g_grid_dim;
int g_lane;
volatile bool g_in_atomic = false;
Monitor* g_monitor = nullptr;
bool g_monitor_paused = true;

namespace {

enum class State : unsigned char { ready, at_barrier, at_collective, ended };
struct Block;

struct Thread {
  Fiber* fiber = nullptr;  // null until the thread runs for the first time
  Block* block = nullptr;
  unsigned id = 0;
  int lane = 0, warp = 0;
  Index3 index{};
  State state = State::ended;
  // the collective or barrier it waits at
  Collective kind{};
  unsigned mask = 0;
  void* data = nullptr;
  Combine combine = nullptr;
  Where where{};
  CopyQueue copies;
};

struct Warp {
  unsigned live = 0, waiting = 0;
};

struct Block {
  Index3 index{};
  unsigned linear = 0, live = 0, at_barrier = 0;
  bool some_ended = false;
  BarrierKind barrier{};
  Where barrier_where{};
  int count = 0, result = 0;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  SharedMemory shared;
};

struct Scheduler {
  // the launch under way
  GridLaunch launch{};
  unsigned block_threads = 0;
  bool aborted = false;
  std::vector<unsigned> block_order;
  std::size_t next_block = 0;
  // who runs, who may run
  Thread* current = nullptr;
  Fiber main_fiber;
  ReadyList<Thread> ready;
  std::vector<std::unique_ptr<Block>> blocks;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Fiber*> free_fibers;
  unsigned atomics_in_a_row = 0;
  std::uint64_t launches_since_restart = 0;
  Stats stats;
};
Scheduler g;

// ---- Messages -----------------------------------------------------------------------------------

const char* name_of(Collective kind) {
  static const char* names[] = {"__syncwarp", "shuffle", "vote",    "reduce",
                                "match",      "mma",     "ldmatrix"};
  return names[static_cast<int>(kind)];
}

const char* file_name(Where where) {
  if (where.file == nullptr) return "?";
  const char* slash = std::strrchr(where.file, '/');
  return slash != nullptr ? slash + 1 : where.file;
}

std::string position(const Thread& t) {
  const char* what = t.state == State::at_barrier      ? "__syncthreads"
                     : t.state == State::at_collective ? name_of(t.kind)
                                                       : "running";
  char text[200];
  std::snprintf(text, sizeof text, "block (%u,%u,%u) thread %u at %s %s:%d", t.block->index.x,
                t.block->index.y, t.block->index.z, t.id, what, file_name(t.where), t.where.line);
  return text;
}

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

void make_ready(Thread* t) {
  t->state = State::ready;
  g.ready.push(t);
}

/// Leaves the running thread; comes back when it is picked again.
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

/// Gives up the launch from inside a thread; its fiber is never resumed.
[[noreturn]] void abandon() {
  g.aborted = true;
  g_monitor_paused = true;
  switch_fiber(*g.current->fiber, g.main_fiber);
  std::abort();
}

// ---- Barriers and collectives -------------------------------------------------------------------

void release_barrier(Block& b) {
  ++g.stats.barriers;
  if (g_monitor != nullptr) g_monitor->barrier(b.linear);
  const int live = static_cast<int>(b.live);
  b.result = b.barrier == BarrierKind::count ? b.count
             : b.barrier == BarrierKind::all ? b.count == live
                                             : b.count > 0;
  b.at_barrier = 0;
  b.count = 0;
  g.ready.for_each_in_push_order(b.threads.size(), [&](std::size_t i) {
    if (b.threads[i].state == State::at_barrier) make_ready(&b.threads[i]);
  });
}

/// Runs the collective that `first` waits in if all its lanes have come.
void try_complete(Thread& first) {
  Block& b = *first.block;
  Warp& warp = b.warps[first.warp];
  const unsigned lanes = first.mask & warp.live;
  if ((warp.waiting & lanes) != lanes) return;
  void* data[32] = {};
  Thread* members = &b.threads[static_cast<std::size_t>(first.warp) * 32];
  for (int lane = 0; lane < 32; ++lane) {
    if ((lanes >> lane & 1) == 0) continue;
    Thread& other = members[lane];
    if (other.kind != first.kind || other.mask != first.mask ||
        other.where.line != first.where.line) {
      report("%s: divergent warp collective: %s mask %08x / %s mask %08x", g.launch.name,
             position(first).c_str(), first.mask, position(other).c_str(), other.mask);
      abandon();
    }
    data[lane] = other.data;
  }
  const bool paused = g_monitor_paused;
  g_monitor_paused = true;
  first.combine(data, lanes);
  g_monitor_paused = paused;
  warp.waiting &= ~lanes;
  if (first.kind == Collective::syncwarp && g_monitor != nullptr) {
    g_monitor->warp_sync(b.linear, first.warp, lanes);
  }
  g.ready.for_each_in_push_order(32, [&](std::size_t lane) {
    if (lanes >> lane & 1) make_ready(&members[lane]);
  });
}

void thread_ends(Thread& t) {
  Block& b = *t.block;
  Warp& warp = b.warps[t.warp];
  t.state = State::ended;
  t.copies.clear();
  warp.live &= ~(1u << t.lane);
  --b.live;
  b.some_ended = true;
  watchdog_progress();
  for (int lane = 0; lane < 32; ++lane) {
    if ((warp.waiting >> lane & 1) == 0) continue;
    Thread& other = b.threads[static_cast<std::size_t>(t.warp) * 32 + lane];
    if ((other.mask >> t.lane & 1) == 0) continue;
    report("%s: thread %u ended while %s names its lane in mask %08x", g.launch.name, t.id,
           position(other).c_str(), other.mask);
    abandon();
  }
  if (b.live > 0 && b.at_barrier == b.live) {
    auto waiting = std::find_if(b.threads.begin(), b.threads.end(), [](const Thread& other) {
      return other.state == State::at_barrier;
    });
    report("%s: thread %u ended while others wait: %s", g.launch.name, t.id,
           position(*waiting).c_str());
    abandon();
  }
  if (b.live == 0) {
    if (g_monitor != nullptr) g_monitor->block_ends(b.linear);
    if (const char* name = b.shared.overrun()) {
      report("%s: block (%u,%u,%u) wrote past the end of shared %s", g.launch.name, b.index.x,
             b.index.y, b.index.z, name);
    }
    b.shared.end();
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
    for (Thread& t : b->threads) t.copies.clear();
    b->live = 0;
  }
}

}  // namespace

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

void warp_collective(Collective kind, unsigned mask, void* data, Combine combine, Where where) {
  Thread& t = *g.current;
  ++g.stats.collectives;
  t.kind = kind;
  t.mask = mask;
  t.data = data;
  t.combine = combine;
  t.where = where;
  t.state = State::at_collective;
  if ((mask >> t.lane & 1) == 0) {
    report("%s: %s calls with mask %08x, which lacks its own lane", g.launch.name,
           position(t).c_str(), mask);
    abandon();
  }
  Warp& warp = t.block->warps[t.warp];
  if ((mask & ~warp.live) != 0 && t.block->threads.size() % 32 == 0) {
    report("%s: %s names lanes in mask %08x that have ended (live: %08x)", g.launch.name,
           position(t).c_str(), mask, warp.live);
    abandon();
  }
  warp.waiting |= 1u << t.lane;
  try_complete(t);
  hand_over();
}

int block_barrier(BarrierKind kind, bool predicate, Where where) {
  Thread& t = *g.current;
  Block& b = *t.block;
  t.where = where;
  t.state = State::at_barrier;
  if (b.some_ended) {
    report("%s: barrier after threads of the block have ended: %s", g.launch.name,
           position(t).c_str());
    abandon();
  }
  if (b.at_barrier == 0) {
    b.barrier = kind;
    b.barrier_where = where;
  } else if (b.barrier != kind || b.barrier_where.line != where.line ||
             std::strcmp(b.barrier_where.file, where.file) != 0) {
    report("%s: divergent __syncthreads: %s, others at %s:%d", g.launch.name, position(t).c_str(),
           file_name(b.barrier_where), b.barrier_where.line);
    abandon();
  }
  b.count += predicate;
  if (++b.at_barrier == b.live) release_barrier(b);
  hand_over();
  return b.result;
}

unsigned live_lanes() {
  return g.current->block->warps[g.current->warp].live;
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
  return g.current->copies;
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
