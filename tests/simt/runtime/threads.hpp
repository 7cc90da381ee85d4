// The state of a launch under way, shared by the scheduler and the collectives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "simt/runtime/copy_queue.hpp"
#include "simt/runtime/fiber.hpp"
#include "simt/runtime/kernel_api.hpp"
#include "simt/runtime/ready_list.hpp"
#include "simt/runtime/scheduler.hpp"
#include "simt/runtime/shared_memory.hpp"

namespace clipk::simt {

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
  std::unique_ptr<CopyQueue> copies;  // of a thread that uses cp.async
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
extern Scheduler& g;

void make_ready(Thread* t);
/// Leaves the running thread; comes back when it is picked again.
void hand_over();
/// Gives up the launch from inside a thread; its fiber is never resumed.
[[noreturn]] void abandon();
/// Takes the thread out of its warp and block; gives up the launch if others wait for it.
void thread_ends(Thread& t);
/// "block (0,0,0) thread 5 at __syncthreads file.cu:12".
std::string position(const Thread& t);

}  // namespace clipk::simt
