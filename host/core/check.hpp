#pragma once

#include <cstdint>
#include <string>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

// The checks of the operations. Every message reads
//   "adam: expected m of size 12, got 7".
namespace clipk::check {

[[noreturn]] void fail(const char* op, const std::string& expected, const std::string& got);

std::string shape(std::int64_t rows, std::int64_t cols);

void same_device(const char* op, const char* name, Device expected, Device got);
void positive_stride(const char* op, const char* name, std::int64_t stride, std::int64_t cols);

/// A matrix of exactly this shape, on the context's device.
template <class T>
void matrix(const char* op, const char* name, const Context& context, MatrixView<T> m,
            std::int64_t rows, std::int64_t cols) {
  if (m.rows != rows || m.cols != cols) {
    fail(op, std::string(name) + " of shape " + shape(rows, cols), shape(m.rows, m.cols));
  }
  if (m.empty()) return;
  same_device(op, name, context.device(), m.device);
  positive_stride(op, name, m.stride, m.cols);
}

/// The same, or an empty view (an output that is not wanted).
template <class T>
void optional_matrix(const char* op, const char* name, const Context& context, MatrixView<T> m,
                     std::int64_t rows, std::int64_t cols) {
  if (m.data != nullptr) matrix(op, name, context, m, rows, cols);
}

/// A batch of `count` matrices of this shape.
template <class T>
void batch(const char* op, const char* name, const Context& context, BatchView<T> x,
           std::int64_t count, std::int64_t rows, std::int64_t cols) {
  if (x.batch != count) {
    fail(op, std::string(name) + " of " + std::to_string(count) + " matrices",
         std::to_string(x.batch));
  }
  matrix(op, name, context, MatrixView<T>(x.data, x.rows, x.cols, x.stride, x.device), rows, cols);
}

template <class T>
void vector(const char* op, const char* name, const Context& context, VectorView<T> v,
            std::int64_t size) {
  if (v.size != size) {
    fail(op, std::string(name) + " of size " + std::to_string(size), std::to_string(v.size));
  }
  if (!v.empty()) same_device(op, name, context.device(), v.device);
}

template <class T>
void optional_vector(const char* op, const char* name, const Context& context, VectorView<T> v,
                     std::int64_t size) {
  if (v.data != nullptr) vector(op, name, context, v, size);
}

/// Double precision is for checks and small data; it runs on the CPU only.
void cpu_only(const char* op, const Context& context);

}  // namespace clipk::check
