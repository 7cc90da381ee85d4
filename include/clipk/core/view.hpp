#pragma once

#include <cassert>
#include <cstdint>
#include <type_traits>

#include "clipk/core/device.hpp"

namespace clipk {

/// A one-dimensional array that the view does not own.
template <class T>
struct VectorView {
  T* data = nullptr;            ///< first element
  std::int64_t size = 0;        ///< elements
  Device device = Device::cpu;  ///< where they lie

  VectorView() = default;
  /// A view of memory that the caller keeps alive.
  VectorView(T* data_, std::int64_t size_, Device device_ = Device::cpu)
      : data(data_), size(size_), device(device_) {}
  /// A view of T converts to a view of const T.
  template <class U>
  requires std::is_same_v<const U, T> VectorView(VectorView<U> other)
      : data(other.data), size(other.size), device(other.device) {}

  bool empty() const { return size == 0; }  ///< whether there is no element
  /// Host access to one element.
  T& operator[](std::int64_t i) const {
    assert(device == Device::cpu && i >= 0 && i < size);
    return data[i];
  }
  T* begin() const { return data; }       ///< for loops on the host
  T* end() const { return data + size; }  ///< one past the last element
  /// Elements first ... first + count - 1.
  VectorView slice(std::int64_t first, std::int64_t count) const {
    assert(first >= 0 && count >= 0 && first + count <= size);
    return {data + first, count, device};
  }
};

/// A row-major matrix that the view does not own: element (i, j) is data[i * stride + j].
template <class T>
struct MatrixView {
  T* data = nullptr;            ///< first element
  std::int64_t rows = 0;        ///< may be 0, like cols
  std::int64_t cols = 0;        ///< elements of a row
  std::int64_t stride = 0;      ///< elements between the starts of two rows, at least cols
  Device device = Device::cpu;  ///< where they lie

  MatrixView() = default;
  /// Rows that follow one another without padding.
  MatrixView(T* data_, std::int64_t rows_, std::int64_t cols_, Device device_ = Device::cpu)
      : data(data_), rows(rows_), cols(cols_), stride(cols_), device(device_) {}
  /// Rows that start `stride_` elements apart.
  MatrixView(T* data_, std::int64_t rows_, std::int64_t cols_, std::int64_t stride_, Device device_)
      : data(data_), rows(rows_), cols(cols_), stride(stride_), device(device_) {}
  /// A view of T converts to a view of const T.
  template <class U>
  requires std::is_same_v<const U, T> MatrixView(MatrixView<U> other)
      : data(other.data),
        rows(other.rows),
        cols(other.cols),
        stride(other.stride),
        device(other.device) {}

  bool empty() const { return rows == 0 || cols == 0; }       ///< whether there is no element
  T* row(std::int64_t i) const { return data + i * stride; }  ///< where row i starts
  /// Host access to one element.
  T& operator()(std::int64_t i, std::int64_t j) const {
    assert(device == Device::cpu && i >= 0 && i < rows && j >= 0 && j < cols);
    return data[i * stride + j];
  }
  /// Rows first ... first + count - 1.
  MatrixView row_range(std::int64_t first, std::int64_t count) const {
    assert(first >= 0 && count >= 0 && first + count <= rows);
    return {data + first * stride, count, cols, stride, device};
  }
  /// Columns first ... first + count - 1, of the same rows.
  MatrixView col_range(std::int64_t first, std::int64_t count) const {
    assert(first >= 0 && count >= 0 && first + count <= cols);
    return {data + first, rows, count, stride, device};
  }
};

/// A batch of equally shaped row-major matrices: element (b, i, j) is
/// data[b * batch_stride + i * stride + j].
template <class T>
struct BatchView {
  T* data = nullptr;              ///< first element of the first matrix
  std::int64_t batch = 0;         ///< matrices
  std::int64_t rows = 0;          ///< of each matrix
  std::int64_t cols = 0;          ///< of each matrix
  std::int64_t stride = 0;        ///< elements between the starts of two rows
  std::int64_t batch_stride = 0;  ///< elements between the starts of two matrices
  Device device = Device::cpu;    ///< where they lie

  BatchView() = default;
  /// A contiguous batch.
  BatchView(T* data_, std::int64_t batch_, std::int64_t rows_, std::int64_t cols_,
            Device device_ = Device::cpu)
      : data(data_),
        batch(batch_),
        rows(rows_),
        cols(cols_),
        stride(cols_),
        batch_stride(rows_ * cols_),
        device(device_) {}
  /// A batch of one.
  explicit BatchView(MatrixView<T> m)
      : data(m.data),
        batch(1),
        rows(m.rows),
        cols(m.cols),
        stride(m.stride),
        batch_stride(m.rows * m.stride),
        device(m.device) {}
  template <class U>
  requires std::is_same_v<const U, T> BatchView(BatchView<U> other)
      : data(other.data),
        batch(other.batch),
        rows(other.rows),
        cols(other.cols),
        stride(other.stride),
        batch_stride(other.batch_stride),
        device(other.device) {}

  /// Matrix b of the batch.
  MatrixView<T> operator[](std::int64_t b) const {
    assert(b >= 0 && b < batch);
    return {data + b * batch_stride, rows, cols, stride, device};
  }
};

}  // namespace clipk
