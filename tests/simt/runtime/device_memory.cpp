#include "simt/runtime/device_memory.hpp"

#include <cstdlib>
#include <cstring>

#include <sys/mman.h>

#include "simt/runtime/monitor.hpp"
#include "simt/runtime/shared_memory.hpp"
#include "simt/runtime/simt.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace clipk::simt {
namespace {

std::map<char*, std::size_t>& allocations() {
  static auto* map = new std::map<char*, std::size_t>;  // outlives every static destructor
  return *map;
}
std::size_t g_bytes = 0;
int g_open = 0;

// Of large arrays, workspaces mostly, only the ends: the rest stays untouched zero pages, which
// cost nothing to open and close.
void poison_range(char* begin, char* end) {
  constexpr std::ptrdiff_t kLarge = 8 << 20, kEnd = 64 << 10;
  if (end - begin <= kLarge) {
    std::memset(begin, kPoison, static_cast<std::size_t>(end - begin));
  } else {
    std::memset(begin, kPoison, kEnd);
    std::memset(end - kEnd, kPoison, kEnd);
  }
}

#if defined(__SANITIZE_ADDRESS__)

// AddressSanitizer's own red zones are exact to the byte; closing is done in its shadow.
char* take(std::size_t bytes) {
  void* memory = nullptr;
  return posix_memalign(&memory, 256, bytes) == 0 ? static_cast<char*>(memory) : nullptr;
}
void give_back(char* begin, std::size_t) {
  std::free(begin);
}
void set_open(char* begin, std::size_t bytes, bool open) {
  if (open) {
    __asan_unpoison_memory_region(begin, bytes);
  } else {
    __asan_poison_memory_region(begin, bytes);
  }
}
void poison_all(char* begin, std::size_t bytes) {
  poison_range(begin, begin + bytes);
}
bool margins_are_clean(const char*, std::size_t) {
  return true;
}

#else

// [ guard, unmapped | slack | the allocation, 256-byte aligned | up to 255 bytes | guard ]
constexpr std::size_t kPage = 4096, kGuard = 64 << 10;
std::size_t padded(std::size_t bytes) {
  return (bytes + 255) / 256 * 256;
}
std::size_t pages(std::size_t bytes) {
  return (padded(bytes) + kPage - 1) / kPage * kPage;
}
char* first_page(char* begin, std::size_t bytes) {
  return begin + padded(bytes) - pages(bytes);
}

char* take(std::size_t bytes) {
  void* memory = mmap(nullptr, pages(bytes) + 2 * kGuard, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  char* first = static_cast<char*>(memory) + kGuard;
  if (mprotect(first, pages(bytes), PROT_READ | PROT_WRITE) != 0) return nullptr;
  return first + pages(bytes) - padded(bytes);
}
void give_back(char* begin, std::size_t bytes) {
  munmap(first_page(begin, bytes) - kGuard, pages(bytes) + 2 * kGuard);
}
void set_open(char* begin, std::size_t bytes, bool open) {
  mprotect(first_page(begin, bytes), pages(bytes), open ? PROT_READ | PROT_WRITE : PROT_NONE);
}
void poison_all(char* begin, std::size_t bytes) {
  char* first = first_page(begin, bytes);
  poison_range(first, first + pages(bytes));
}
bool margins_are_clean(const char* begin, std::size_t bytes) {
  const char* first = first_page(const_cast<char*>(begin), bytes);
  for (const char* p = first; p < begin; ++p) {
    if (static_cast<unsigned char>(*p) != kPoison) return false;
  }
  for (const char* p = begin + bytes; p < begin + padded(bytes); ++p) {
    if (static_cast<unsigned char>(*p) != kPoison) return false;
  }
  return true;
}

#endif

}  // namespace

void* device_allocate(std::size_t bytes) {
  char* begin = take(bytes);
  if (begin == nullptr) return nullptr;
  poison_all(begin, bytes);
  allocations()[begin] = bytes;
  g_bytes += bytes;
  if (g_monitor != nullptr) {
    g_monitor->memory_added(begin, bytes, "device memory", Monitor::kDeviceMemory);
  }
  if (g_open == 0 && options().close_memory) set_open(begin, bytes, false);
  return begin;
}

bool device_release(void* address) {
  const auto it = allocations().find(static_cast<char*>(address));
  if (it == allocations().end()) return false;
  const auto [begin, bytes] = *it;
  set_open(begin, bytes, true);
  if (!margins_are_clean(begin, bytes)) {
    report("cudaFree: memory around an allocation of %zu bytes was written", bytes);
  }
  allocations().erase(it);
  g_bytes -= bytes;
  if (g_monitor != nullptr) g_monitor->memory_removed(begin);
  give_back(begin, bytes);
  return true;
}

Extent device_extent(const void* address) {
  char* p = const_cast<char*>(static_cast<const char*>(address));
  auto it = allocations().upper_bound(p);
  if (it == allocations().begin()) return {};
  --it;
  if (p >= it->first + it->second) return {};
  return {it->first, it->second};
}

bool check_device_range(const char* what, const void* address, std::size_t bytes) {
  const Extent extent = device_extent(address);
  if (extent.begin == nullptr) {
    report("%s: %p is not device memory", what, address);
    return false;
  }
  if (static_cast<const char*>(address) + bytes > extent.begin + extent.bytes) {
    report("%s: %zu bytes run past the end of an allocation of %zu", what, bytes, extent.bytes);
    return false;
  }
  return true;
}

void check_device_margins(const char* what) {
  for (const auto& [begin, bytes] : allocations()) {
    if (margins_are_clean(begin, bytes)) continue;
    report("%s: wrote outside an allocation of %zu bytes", what, bytes);
    const std::size_t end = (bytes + 255) / 256 * 256;  // once is enough
    std::memset(begin + bytes, kPoison, end - bytes);
  }
}

OpenDeviceMemory::OpenDeviceMemory() {
  if (g_open++ > 0 || !options().close_memory) return;
  for (const auto& [begin, bytes] : allocations()) set_open(begin, bytes, true);
}

OpenDeviceMemory::~OpenDeviceMemory() {
  if (--g_open > 0 || !options().close_memory) return;
  for (const auto& [begin, bytes] : allocations()) set_open(begin, bytes, false);
}

std::size_t device_bytes() {
  return g_bytes;
}
std::size_t device_allocations() {
  return allocations().size();
}

}  // namespace clipk::simt
