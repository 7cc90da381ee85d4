// The seam between the runtime and the race detector: the runtime tells it what happens, and knows
// nothing more about it. Without the detector g_monitor is null.
#pragma once

#include <cstddef>

namespace clipk::simt {

class Monitor {
 public:
  enum class Access { read, write, async_write };  // async_write: on its way, not yet there

  virtual ~Monitor() = default;
  virtual void launch_begins(unsigned block_threads) = 0;
  virtual void launch_ends() = 0;
  virtual void block_begins(unsigned block) = 0;
  virtual void block_ends(unsigned block) = 0;
  virtual void thread_runs(unsigned block, unsigned thread, const char* stack,
                           std::size_t stack_bytes) = 0;
  virtual void barrier(unsigned block) = 0;
  virtual void warp_sync(unsigned block, unsigned warp, unsigned lanes) = 0;
  virtual void fence() = 0;
  virtual void atomic(const void* address) = 0;
  /// An access that the runtime makes for the kernel's call at `place`.
  virtual void access(const void* address, std::size_t bytes, Access kind, const void* place) = 0;
  static constexpr long kDeviceMemory = -1;
  virtual void memory_added(const void* address, std::size_t bytes, const char* name,
                            long block) = 0;
  virtual void memory_removed(const void* address) = 0;
  virtual void written_by_host(const void* address, std::size_t bytes) = 0;
};

extern Monitor* g_monitor;
extern bool g_monitor_paused;  // the runtime itself is at work

}  // namespace clipk::simt
