#include "simt/runtime/shadow.hpp"

#include <cstdlib>
#include <new>

namespace clipk::simt {
namespace {

std::size_t line(const char* address) {
  return reinterpret_cast<std::uintptr_t>(address) >> 8;
}

}  // namespace

void Shadow::add(const void* address, std::size_t bytes, const char* name, long block) {
  char* begin = static_cast<char*>(const_cast<void*>(address));
  // Zeroed pages come from the system when they are touched: most of a large array never is.
  void* cells = std::calloc((bytes + 3) / 4, sizeof(Cell));
  if (cells == nullptr) throw std::bad_alloc();
  regions_.emplace(
      begin,
      Region{
          begin, bytes, name, block, ++last_generation_, {static_cast<Cell*>(cells), &std::free}});
}

void Shadow::remove(const void* address) {
  const auto it = regions_.find(static_cast<char*>(const_cast<void*>(address)));
  if (it == regions_.end()) return;
  for (Region*& cached : lines_) {
    if (cached == &it->second) cached = nullptr;
  }
  regions_.erase(it);
}

Region* Shadow::find(const char* address) {
  Region*& cached = lines_[line(address) % kLines];
  if (cached != nullptr && address >= cached->begin && address < cached->begin + cached->bytes) {
    return cached;
  }
  auto it = regions_.upper_bound(const_cast<char*>(address));
  if (it == regions_.begin()) return nullptr;
  Region& region = (--it)->second;
  if (address >= region.begin + region.bytes) return nullptr;
  return cached = &region;
}

void Shadow::mark_initialised(const void* address, std::size_t bytes) {
  const char* p = static_cast<const char*>(address);
  Region* region = find(p);
  if (region == nullptr) return;
  const std::size_t offset = static_cast<std::size_t>(p - region->begin);
  for (std::size_t i = offset; i < offset + bytes && i < region->bytes;) {
    Cell& c = region->cells[i / 4];
    if (i % 4 == 0 && i + 4 <= offset + bytes) {
      c.initialised = 0xF;
      i += 4;
    } else {
      c.initialised = static_cast<std::uint8_t>(c.initialised | 1u << i % 4);
      ++i;
    }
  }
}

}  // namespace clipk::simt
