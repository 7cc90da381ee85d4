#include "clipk/core/memory.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstring>
#include <new>
#include <numeric>
#include <string>

#include "clipk/core/error.hpp"

#if CLIPK_HAS_CUDA
#include "core/cuda_check.hpp"
#endif

namespace clipk {
namespace {

constexpr std::size_t kHostAlignment = 64;  // a cache line, and the widest vector load
constexpr std::size_t kScratchAlignment = 256;
// Large arrays are read at random places (entries of a quadruple, rows of a gather). Pages of this
// size, where the system grants them, save most of the address translation.
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::align_val_t host_alignment(std::size_t bytes) {
  return std::align_val_t{bytes >= 2 * kHugePage ? kHugePage : kHostAlignment};
}

void* host_allocate(std::size_t bytes) {
  void* const data = ::operator new(bytes, host_alignment(bytes), std::nothrow);
#ifdef MADV_HUGEPAGE
  // This is only advice; the system may refuse it.
  if (data != nullptr && bytes >= 2 * kHugePage) {
    madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  }
#endif
  return data;
}

[[noreturn]] void out_of_memory(Device device, std::size_t bytes) {
  throw Error("out of memory: expected " + std::to_string(bytes) + " bytes on " +
              to_string(device) + ", got none");
}

}  // namespace

Buffer::Buffer(Device device, std::size_t bytes) : bytes_(bytes), device_(device) {
  if (bytes == 0) return;
  if (device == Device::cpu) {
    data_ = host_allocate(bytes);
  } else {
#if CLIPK_HAS_CUDA
    if (cudaMalloc(&data_, bytes) != cudaSuccess) {
      cudaGetLastError();
      data_ = nullptr;
    }
#endif
  }
  if (data_ == nullptr) out_of_memory(device, bytes);
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  if (device_ == Device::cpu) {
    ::operator delete(data_, host_alignment(bytes_));
  } else {
#if CLIPK_HAS_CUDA
    cudaFree(data_);
#endif
  }
}

std::size_t Arena::capacity() const {
  return std::accumulate(
      chunks_.begin(), chunks_.end(), std::size_t{0},
      [](std::size_t sum, const Chunk& chunk) { return sum + chunk.buffer.bytes(); });
}

void* Arena::take(std::size_t bytes) {
  bytes = (bytes + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
  if (bytes == 0) bytes = kScratchAlignment;  // a distinct pointer, even for an empty array
  while (chunk_ < chunks_.size() && chunks_[chunk_].used + bytes > chunks_[chunk_].buffer.bytes()) {
    ++chunk_;
  }
  if (chunk_ == chunks_.size()) {
    // The slack lets the aligned start move within the host allocation.
    chunks_.push_back({Buffer(device_, bytes + kScratchAlignment), 0});
    ++allocations_;
    const auto address = reinterpret_cast<std::uintptr_t>(chunks_.back().buffer.data());
    chunks_.back().used = (kScratchAlignment - address % kScratchAlignment) % kScratchAlignment;
  }
  Chunk& chunk = chunks_[chunk_];
  void* data = static_cast<char*>(chunk.buffer.data()) + chunk.used;
  chunk.used += bytes;
  return data;
}

Scratch::Scratch(Context& context)
    : arena_(context.scratch()),
      chunk_(arena_.chunk_),
      used_(chunk_ < arena_.chunks_.size() ? arena_.chunks_[chunk_].used : 0) {
  ++arena_.depth_;
}

Scratch::~Scratch() {
  const auto aligned_start = [](const Arena::Chunk& chunk) {
    const auto address = reinterpret_cast<std::uintptr_t>(chunk.buffer.data());
    return (kScratchAlignment - address % kScratchAlignment) % kScratchAlignment;
  };
  for (std::size_t i = chunk_; i < arena_.chunks_.size(); ++i) {
    arena_.chunks_[i].used = i == chunk_ && used_ > 0 ? used_ : aligned_start(arena_.chunks_[i]);
  }
  arena_.chunk_ = chunk_;
  if (--arena_.depth_ > 0 || arena_.chunks_.size() < 2) return;
  // Merges the chunks, so that the next step finds one chunk that holds all it needs. The stream
  // may still use the old chunks: cudaFree waits for the device, and the new chunk is handed out
  // only after that.
  const std::size_t total = arena_.capacity();
  arena_.chunks_.clear();
  arena_.chunk_ = 0;
  try {
    arena_.chunks_.push_back({Buffer(arena_.device_, total), 0});
    ++arena_.allocations_;
    arena_.chunks_.back().used = aligned_start(arena_.chunks_.back());
  } catch (const Error&) {
    arena_.chunks_.clear();  // a destructor must not throw: the next take() reports it
  }
}

namespace detail {

void copy_shape_error(std::int64_t from_rows, std::int64_t from_cols, std::int64_t to_rows,
                      std::int64_t to_cols) {
  throw Error("copy: expected a destination of shape [" + std::to_string(from_rows) + ", " +
              std::to_string(from_cols) + "], got [" + std::to_string(to_rows) + ", " +
              std::to_string(to_cols) + "]");
}

void copy_bytes(Context& context, const void* from, Device from_device, std::size_t from_pitch,
                void* to, Device to_device, std::size_t to_pitch, std::size_t width,
                std::size_t height) {
  if (width == 0 || height == 0) return;
  if (from_device == Device::cpu && to_device == Device::cpu) {
    const auto* source = static_cast<const char*>(from);
    auto* target = static_cast<char*>(to);
    for (std::size_t i = 0; i < height; ++i) {
      std::memcpy(target + i * to_pitch, source + i * from_pitch, width);
    }
    return;
  }
#if CLIPK_HAS_CUDA
  const bool touches_host = from_device == Device::cpu || to_device == Device::cpu;
  const cudaMemcpyKind kind = from_device == Device::cpu ? cudaMemcpyHostToDevice
                              : to_device == Device::cpu ? cudaMemcpyDeviceToHost
                                                         : cudaMemcpyDeviceToDevice;
  if (height == 1 || (from_pitch == width && to_pitch == width)) {
    check_cuda(cudaMemcpyAsync(to, from, width * height, kind, context.stream()), "copy");
  } else {
    check_cuda(
        cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, height, kind, context.stream()),
        "copy");
  }
  if (touches_host) context.synchronize();
#else
  (void)context;
#endif
}

void zero_bytes(Context& context, void* data, Device device, std::size_t pitch, std::size_t width,
                std::size_t height) {
  if (width == 0 || height == 0) return;
  if (device == Device::cpu) {
    for (std::size_t i = 0; i < height; ++i) {
      std::memset(static_cast<char*>(data) + i * pitch, 0, width);
    }
    return;
  }
#if CLIPK_HAS_CUDA
  if (height == 1 || pitch == width) {
    check_cuda(cudaMemsetAsync(data, 0, width * height, context.stream()), "fill_zero");
  } else {
    check_cuda(cudaMemset2DAsync(data, pitch, 0, width, height, context.stream()), "fill_zero");
  }
#else
  (void)context;
#endif
}

}  // namespace detail
}  // namespace clipk
