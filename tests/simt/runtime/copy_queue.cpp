#include "simt/runtime/copy_queue.hpp"

#include <cstdint>
#include <cstring>

#include "simt/runtime/kernel_api.hpp"
#include "simt/runtime/monitor.hpp"
#include "simt/runtime/scheduler.hpp"
#include "simt/runtime/shared_memory.hpp"

namespace clipk::simt {

void CopyQueue::start(void* shared, const void* global, int bytes, int valid_bytes,
                      const void* place) {
  if (reinterpret_cast<std::uintptr_t>(shared) % bytes != 0 ||
      reinterpret_cast<std::uintptr_t>(global) % bytes != 0) {
    report("%s: cp.async of %d bytes is not aligned to its size", describe_running(), bytes);
    return;
  }
  if (valid_bytes < 0 || valid_bytes > bytes) {
    report("%s: cp.async reads %d of %d bytes", describe_running(), valid_bytes, bytes);
    return;
  }
  // The hardware may write at any time from now on: what was there is gone, what comes is not yet.
  if (g_monitor != nullptr) g_monitor->access(shared, bytes, Monitor::Access::async_write, place);
  std::memset(shared, kPoison, bytes);
  open_.push_back({shared, global, bytes, valid_bytes, place});
}

void CopyQueue::commit() {
  groups_.push_back(std::move(open_));
  open_.clear();
}

void CopyQueue::wait(int pending) {
  while (static_cast<int>(groups_.size()) > pending) {
    for (const Copy& copy : groups_.front()) {
      if (g_monitor != nullptr) {
        if (copy.valid_bytes > 0) {
          g_monitor->access(copy.global, copy.valid_bytes, Monitor::Access::read, copy.place);
        }
        g_monitor->access(copy.shared, copy.bytes, Monitor::Access::write, copy.place);
      }
      std::memcpy(copy.shared, copy.global, copy.valid_bytes);
      std::memset(static_cast<char*>(copy.shared) + copy.valid_bytes, 0,
                  copy.bytes - copy.valid_bytes);
    }
    groups_.pop_front();
  }
}

void cp_async(void* shared, const void* global, int bytes, int valid_bytes) {
  current_copies().start(shared, global, bytes, valid_bytes, __builtin_return_address(0));
}
void cp_async_commit() {
  current_copies().commit();
}
void cp_async_wait(int pending) {
  current_copies().wait(pending);
}

}  // namespace clipk::simt
