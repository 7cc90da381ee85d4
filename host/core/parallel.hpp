#pragma once

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>

namespace clipk::cpu {

/// Runs f(0) ... f(tasks - 1) on up to `threads` threads, in any order; on the calling thread alone
/// if the caller is itself one of several tasks. Where a sum crosses tasks, callers cut the work by
/// its size and never by the number of threads, so that results are the same for any number of
/// threads. The first exception is rethrown here.
template <class F>
void parallel_for(int threads, std::int64_t tasks, F&& f) {
  if (tasks <= 0) return;
  std::exception_ptr error;
  std::atomic<bool> failed = false;
  // Either all threads or one: libgomp ends the threads that a smaller team does not use, and the
  // next larger team would have to start them again.
  const int team = tasks == 1 ? 1 : threads;
#pragma omp parallel for schedule(dynamic) num_threads(team)
  for (std::int64_t task = 0; task < tasks; ++task) {
    if (failed.load(std::memory_order_relaxed)) continue;
    try {
      f(task);
    } catch (...) {
      if (!failed.exchange(true)) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

/// Cuts [0, n) into pieces of `grain` (the last one shorter) and runs f(first, count) for each.
template <class F>
void parallel_chunks(int threads, std::int64_t n, std::int64_t grain, F&& f) {
  parallel_for(threads, (n + grain - 1) / grain, [&](std::int64_t chunk) {
    const std::int64_t first = chunk * grain;
    f(first, std::min(grain, n - first));
  });
}

}  // namespace clipk::cpu
