// Device memory: ordinary memory that ends at an unmapped page, that is closed to the host, and
// that is checked for stray writes after every kernel.
#pragma once

#include <cstddef>
#include <map>

namespace clipk::simt {

/// Null when there is no memory left. Filled with poison.
void* device_allocate(std::size_t bytes);
/// False when `address` is not the start of an allocation.
bool device_release(void* address);

struct Extent {
  char* begin = nullptr;
  std::size_t bytes = 0;
};
/// The allocation that holds `address`; none has a null begin.
Extent device_extent(const void* address);
/// Reports, and returns false, unless the range lies within one allocation.
bool check_device_range(const char* what, const void* address, std::size_t bytes);
/// Reports when bytes around an allocation were written.
void check_device_margins(const char* what);

/// Device memory may be touched while one of these lives.
class OpenDeviceMemory {
 public:
  OpenDeviceMemory();
  ~OpenDeviceMemory();
  OpenDeviceMemory(const OpenDeviceMemory&) = delete;
  OpenDeviceMemory& operator=(const OpenDeviceMemory&) = delete;
};

}  // namespace clipk::simt
