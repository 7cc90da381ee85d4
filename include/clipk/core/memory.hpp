#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Owned bytes on one device, 64-byte aligned at least. Uninitialised.
class Buffer {
 public:
  Buffer() = default;
  /// @throws Error that names the size if memory runs out.
  Buffer(Device device, std::size_t bytes);
  Buffer(Buffer&& other) noexcept { swap(other); }
  /// The two exchange their contents.
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer();

  /// The first byte; null if there is none.
  void* data() const { return data_; }
  /// How many there are.
  std::size_t bytes() const { return bytes_; }
  /// Where they lie.
  Device device() const { return device_; }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(device_, other.device_);
  }
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  Device device_ = Device::cpu;
};

/// Scratch memory that grows once to the size that a step needs, and is then reused without
/// allocation. Take it through Scratch; chunks are merged into one when the outermost Scratch ends.
class Arena {
 public:
  /// Starts empty; the first request allocates.
  explicit Arena(Device device) : device_(device) {}
  std::size_t capacity() const;  ///< bytes held
  /// How often memory was allocated; constant once a training step has run.
  std::int64_t allocations() const { return allocations_; }

 private:
  friend class Scratch;
  void* take(std::size_t bytes);
  struct Chunk {
    Buffer buffer;
    std::size_t used = 0;
  };
  Device device_;
  std::vector<Chunk> chunks_;
  std::size_t chunk_ = 0;  ///< the chunk being filled
  std::int64_t allocations_ = 0;
  int depth_ = 0;
};

/// A scope of scratch memory: when it ends, everything taken from it is returned.
class Scratch {
 public:
  /// Begins at the current end of the context's arena.
  explicit Scratch(Context& context);
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  /// Uninitialised, aligned to 256 bytes.
  template <class T>
  VectorView<T> vector(std::int64_t size) {
    return {static_cast<T*>(arena_.take(static_cast<std::size_t>(size) * sizeof(T))), size,
            arena_.device_};
  }
  template <class T>
  /// Rows without padding between them.
  MatrixView<T> matrix(std::int64_t rows, std::int64_t cols) {
    return {vector<T>(rows * cols).data, rows, cols, arena_.device_};
  }

 private:
  Arena& arena_;
  std::size_t chunk_;
  std::size_t used_;
};

namespace detail {
void copy_bytes(Context& context, const void* from, Device from_device, std::size_t from_pitch,
                void* to, Device to_device, std::size_t to_pitch, std::size_t width,
                std::size_t height);
void zero_bytes(Context& context, void* data, Device device, std::size_t pitch, std::size_t width,
                std::size_t height);
[[noreturn]] void copy_shape_error(std::int64_t from_rows, std::int64_t from_cols,
                                   std::int64_t to_rows, std::int64_t to_cols);
}  // namespace detail

/// Copies between devices, or within one. Ordered on the context's stream; a copy from or to host
/// memory has ended when this returns. @throws Error if the shapes differ.
template <class T>
void copy(Context& context, std::type_identity_t<MatrixView<const T>> from, MatrixView<T> to) {
  if (from.rows != to.rows || from.cols != to.cols) {
    detail::copy_shape_error(from.rows, from.cols, to.rows, to.cols);
  }
  detail::copy_bytes(context, from.data, from.device, from.stride * sizeof(T), to.data, to.device,
                     to.stride * sizeof(T), from.cols * sizeof(T), from.rows);
}
template <class T>
/// The same for vectors of equal size.
void copy(Context& context, std::type_identity_t<VectorView<const T>> from, VectorView<T> to) {
  copy<T>(context, MatrixView<const T>(from.data, 1, from.size, from.device),
          MatrixView<T>(to.data, 1, to.size, to.device));
}

/// Sets every byte to zero, ordered on the context's stream.
template <class T>
void fill_zero(Context& context, MatrixView<T> m) {
  detail::zero_bytes(context, m.data, m.device, m.stride * sizeof(T), m.cols * sizeof(T), m.rows);
}
template <class T>
void fill_zero(Context& context, VectorView<T> v) {
  fill_zero(context, MatrixView<T>(v.data, 1, v.size, v.device));
}

}  // namespace clipk
