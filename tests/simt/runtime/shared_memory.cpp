#include "simt/runtime/shared_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>

#include "simt/runtime/monitor.hpp"
#include "simt/runtime/simt.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

namespace clipk::simt {
namespace {
constexpr std::size_t kArena = 1 << 20;
constexpr std::size_t kZone = 256;
constexpr std::size_t kPage = 4096;
}  // namespace

SharedMemory::~SharedMemory() {
  if (arena_ == nullptr) return;
  ASAN_UNPOISON_MEMORY_REGION(arena_, kArena);
  munmap(arena_ - kPage, kArena + 2 * kPage);
}

void SharedMemory::begin(unsigned block, std::size_t dynamic_bytes) {
  if (arena_ == nullptr) {
    void* memory = mmap(nullptr, kArena + 2 * kPage, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED ||
        mprotect(static_cast<char*>(memory) + kPage, kArena, PROT_READ | PROT_WRITE) != 0) {
      std::perror("simt: no memory for shared variables");
      std::abort();
    }
    arena_ = static_cast<char*>(memory) + kPage;
    ASAN_POISON_MEMORY_REGION(arena_, kArena);
  }
  block_ = block;
  used_ = 0;
  variables_.clear();
  dynamic_ =
      dynamic_bytes > 0 ? take(nullptr, dynamic_bytes, 128, "dynamic shared memory") : nullptr;
}

char* SharedMemory::take(const void* key, std::size_t bytes, std::size_t alignment,
                         const char* name) {
  alignment = std::max<std::size_t>(alignment, 16);
  const std::size_t begin = (used_ + kZone + alignment - 1) / alignment * alignment;
  if (begin + bytes + kZone > kArena) {
    std::fprintf(stderr, "simt: shared variable %s of %zu bytes does not fit\n", name, bytes);
    std::abort();
  }
  char* data = arena_ + begin;
  ASAN_UNPOISON_MEMORY_REGION(data, bytes);
  std::memset(data, kPoison, bytes);
#if !defined(__SANITIZE_ADDRESS__)
  std::memset(arena_ + used_, kPoison, begin - used_);
  std::memset(data + bytes, kPoison, kZone);
#endif
  used_ = begin + bytes;
  variables_.push_back({key, data, bytes, name});
  if (g_monitor != nullptr) g_monitor->memory_added(data, bytes, name, block_);
  return data;
}

void* SharedMemory::variable(const void* key, std::size_t bytes, std::size_t alignment,
                             const char* name) {
  for (const Variable& v : variables_) {
    if (v.key == key) return v.data;
  }
  return take(key, bytes, alignment, name);
}

std::size_t SharedMemory::total_bytes() const {
  std::size_t total = 0;
  for (const Variable& v : variables_) total += v.bytes;
  return total;
}

const char* SharedMemory::overrun() const {
#if !defined(__SANITIZE_ADDRESS__)
  for (const Variable& v : variables_) {
    const char* zone = v.data + v.bytes;
    if (std::any_of(zone, zone + kZone,
                    [](char c) { return static_cast<unsigned char>(c) != kPoison; })) {
      return v.name;
    }
  }
#endif
  return nullptr;
}

void SharedMemory::end() {
  for (const Variable& v : variables_) {
    if (g_monitor != nullptr) g_monitor->memory_removed(v.data);
    ASAN_POISON_MEMORY_REGION(v.data, v.bytes);
  }
  variables_.clear();
  used_ = 0;
}

}  // namespace clipk::simt
