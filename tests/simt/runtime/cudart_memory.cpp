// cudaMalloc, cudaMemcpy, cudaMemset and their kin.
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include <cuda_runtime_api.h>

#include "simt/runtime/device_memory.hpp"
#include "simt/runtime/monitor.hpp"
#include "simt/runtime/simt.hpp"
#include "simt/runtime/stream.hpp"

namespace clipk::simt {
namespace {

std::map<const char*, std::size_t>& pinned() {
  static auto* map = new std::map<const char*, std::size_t>;
  return *map;
}
bool is_pinned(const void* address) {
  const char* p = static_cast<const char*>(address);
  auto it = pinned().upper_bound(p);
  return it != pinned().begin() && (--it, p < it->first + it->second);
}
bool is_device(const void* address) {
  return device_extent(address).begin != nullptr;
}

void note_write(void* address, std::size_t bytes) {
  if (g_monitor != nullptr) g_monitor->written_by_host(address, bytes);
}

/// Rows of `width` bytes, `pitch` bytes apart.
struct Rows {
  char* data;
  std::size_t pitch, width, height;
  std::size_t span() const { return height == 0 ? 0 : (height - 1) * pitch + width; }
};

bool device_sides(cudaMemcpyKind kind, const void* to, const void* from, bool& to_device,
                  bool& from_device) {
  to_device = kind == cudaMemcpyDefault
                  ? is_device(to)
                  : kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  from_device = kind == cudaMemcpyDefault
                    ? is_device(from)
                    : kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return to_device == is_device(to) && from_device == is_device(from);
}

cudaError_t copy(Rows to, Rows from, cudaMemcpyKind kind, cudaStream_t stream) {
  if (to.width == 0 || to.height == 0) return cudaSuccess;
  bool to_device = false, from_device = false;
  if (!device_sides(kind, to.data, from.data, to_device, from_device)) {
    report("cudaMemcpy: kind %d does not fit the memory of %p <- %p", static_cast<int>(kind),
           static_cast<void*>(to.data), static_cast<void*>(from.data));
    return remember(cudaErrorInvalidValue);
  }
  if (to.width > to.pitch || from.width > from.pitch) return remember(cudaErrorInvalidPitchValue);
  if ((to_device && !check_device_range("cudaMemcpy, to", to.data, to.span())) ||
      (from_device && !check_device_range("cudaMemcpy, from", from.data, from.span()))) {
    return remember(cudaErrorInvalidValue);
  }
  // The call returns when pageable host memory has been read; pinned memory is read later.
  std::shared_ptr<std::vector<char>> staged;
  if (!from_device && !is_pinned(from.data) && !is_capturing(stream)) {
    staged = std::make_shared<std::vector<char>>(from.data, from.data + from.span());
    from.data = staged->data();
  }
  const cudaError_t error = enqueue(stream, [=] {
    (void)staged;
    for (std::size_t i = 0; i < to.height; ++i) {
      std::memmove(to.data + i * to.pitch, from.data + i * from.pitch, to.width);
      if (to_device) note_write(to.data + i * to.pitch, to.width);
    }
  });
  // A copy to pageable host memory is over when the call returns.
  if (error == cudaSuccess && !to_device && !is_pinned(to.data) && !is_capturing(stream)) {
    drain(stream);
  }
  return error;
}

cudaError_t fill(Rows to, int value, cudaStream_t stream) {
  if (to.width == 0 || to.height == 0) return cudaSuccess;
  if (to.width > to.pitch) return remember(cudaErrorInvalidPitchValue);
  if (!check_device_range("cudaMemset", to.data, to.span())) {
    return remember(cudaErrorInvalidValue);
  }
  return enqueue(stream, [=] {
    for (std::size_t i = 0; i < to.height; ++i) {
      std::memset(to.data + i * to.pitch, value, to.width);
      note_write(to.data + i * to.pitch, to.width);
    }
  });
}

Rows rows(const void* data, std::size_t pitch, std::size_t width, std::size_t height) {
  return {const_cast<char*>(static_cast<const char*>(data)), pitch, width, height};
}

}  // namespace
}  // namespace clipk::simt

using namespace clipk::simt;

extern "C" {

cudaError_t cudaMalloc(void** address, size_t bytes) {
  *address = nullptr;
  if (const auto error = not_while_capturing(); error != cudaSuccess) return error;
  if (bytes == 0) return cudaSuccess;
  *address = device_allocate(bytes);
  return *address != nullptr ? cudaSuccess : remember(cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void* address) {
  if (address == nullptr) return cudaSuccess;
  if (const auto error = not_while_capturing(); error != cudaSuccess) return error;
  drain_all();
  return device_release(address) ? cudaSuccess : remember(cudaErrorInvalidValue);
}
cudaError_t cudaMallocAsync(void** address, size_t bytes, cudaStream_t) {
  return cudaMalloc(address, bytes);
}
cudaError_t cudaFreeAsync(void* address, cudaStream_t stream) {
  if (address == nullptr) return cudaSuccess;
  if (const auto error = not_while_capturing(); error != cudaSuccess) return error;
  if (device_extent(address).begin != address) return remember(cudaErrorInvalidValue);
  return enqueue(stream, [address] { device_release(address); });
}

cudaError_t cudaMallocHost(void** address, size_t bytes) {
  *address = std::malloc(bytes > 0 ? bytes : 1);
  if (*address == nullptr) return remember(cudaErrorMemoryAllocation);
  pinned()[static_cast<char*>(*address)] = bytes;
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** address, size_t bytes, unsigned) {
  return cudaMallocHost(address, bytes);
}
cudaError_t cudaFreeHost(void* address) {
  if (address == nullptr) return cudaSuccess;
  if (pinned().erase(static_cast<char*>(address)) == 0) return remember(cudaErrorInvalidValue);
  drain_all();
  std::free(address);
  return cudaSuccess;
}
cudaError_t cudaHostRegister(void* address, size_t bytes, unsigned) {
  pinned()[static_cast<char*>(address)] = bytes;
  return cudaSuccess;
}
cudaError_t cudaHostUnregister(void* address) {
  pinned().erase(static_cast<char*>(address));
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return copy(rows(to, bytes, bytes, 1), rows(from, bytes, bytes, 1), kind, stream);
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (const auto error = not_while_capturing(); error != cudaSuccess) return error;
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  drain(nullptr);
  return error;
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  return copy(rows(to, to_pitch, width, height), rows(from, from_pitch, width, height), kind,
              stream);
}
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                         size_t width, size_t height, cudaMemcpyKind kind) {
  if (const auto error = not_while_capturing(); error != cudaSuccess) return error;
  const cudaError_t error =
      cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, height, kind, nullptr);
  drain(nullptr);
  return error;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  return fill(rows(to, bytes, bytes, 1), value, stream);
}
cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  return cudaMemsetAsync(to, value, bytes, nullptr);
}
cudaError_t cudaMemset2DAsync(void* to, size_t pitch, int value, size_t width, size_t height,
                              cudaStream_t stream) {
  return fill(rows(to, pitch, width, height), value, stream);
}
cudaError_t cudaMemset2D(void* to, size_t pitch, int value, size_t width, size_t height) {
  return cudaMemset2DAsync(to, pitch, value, width, height, nullptr);
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = size_t{8} << 30;
  *free = *total - device_bytes();
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* address) {
  *attributes = {};
  void* p = const_cast<void*>(address);
  attributes->type = is_device(p)   ? cudaMemoryTypeDevice
                     : is_pinned(p) ? cudaMemoryTypeHost
                                    : cudaMemoryTypeUnregistered;
  if (attributes->type == cudaMemoryTypeDevice) attributes->devicePointer = p;
  if (attributes->type == cudaMemoryTypeHost) attributes->hostPointer = p;
  return cudaSuccess;
}

}  // extern "C"
