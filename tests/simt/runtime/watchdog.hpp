// Ends a process whose kernel makes no progress.
#pragma once

#include <atomic>

namespace clipk::simt {

/// Between begin and end some CUDA thread must end every options().watchdog_seconds of CPU time;
/// otherwise the watchdog says which thread runs, and the process exits with status 124.
void watchdog_begin();
void watchdog_end();

extern std::atomic<unsigned long> g_progress;
inline void watchdog_progress() {
  g_progress.store(g_progress.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace clipk::simt
