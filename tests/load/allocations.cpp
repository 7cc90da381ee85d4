#include "load/allocations.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> held{0}, peak{0};

void* counted(void* data) noexcept {
  if (data == nullptr) return nullptr;
  const std::size_t now = held += malloc_usable_size(data);
  std::size_t most = peak;
  while (now > most && !peak.compare_exchange_weak(most, now)) {
  }
  return data;
}

void* aligned(std::size_t bytes, std::align_val_t alignment) noexcept {
  void* data = nullptr;
  const int status = posix_memalign(&data, static_cast<std::size_t>(alignment), bytes);
  return status == 0 ? counted(data) : nullptr;
}

void release(void* data) noexcept {
  if (data != nullptr) held -= malloc_usable_size(data);
  std::free(data);
}

void* or_throw(void* data) {
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

}  // namespace

// The other forms of the standard library come to these.
void* operator new(std::size_t bytes) {
  return or_throw(counted(std::malloc(bytes)));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return or_throw(aligned(bytes, alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted(std::malloc(bytes));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return aligned(bytes, alignment);
}
void operator delete(void* data) noexcept {
  release(data);
}
void operator delete(void* data, std::size_t) noexcept {
  release(data);
}
void operator delete(void* data, std::align_val_t) noexcept {
  release(data);
}
void operator delete(void* data, std::size_t, std::align_val_t) noexcept {
  release(data);
}

namespace clipk::test {

PeakMark::PeakMark() : held_(held) {
  peak = held_;
}

std::size_t PeakMark::bytes() const {
  return peak - held_;
}

}  // namespace clipk::test
