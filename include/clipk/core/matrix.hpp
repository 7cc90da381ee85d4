#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "clipk/core/memory.hpp"

namespace clipk {

/// A contiguous row-major matrix that owns its memory. Move-only (a moved-from matrix is empty);
/// new matrices are zero.
template <class T>
class Matrix {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Matrix() = default;
  /// On the host.
  Matrix(std::int64_t rows, std::int64_t cols);
  /// On the context's device.
  Matrix(Context& context, std::int64_t rows, std::int64_t cols);
  Matrix(Matrix&& other) noexcept
      : buffer_(std::move(other.buffer_)), view_(std::exchange(other.view_, {})) {}
  /// Frees its own memory; the other matrix is empty afterwards.
  Matrix& operator=(Matrix&& other) noexcept {
    if (this == &other) return *this;
    buffer_ = std::move(other.buffer_);
    view_ = std::exchange(other.view_, {});
    return *this;
  }

  /// How many rows it has.
  std::int64_t rows() const { return view_.rows; }
  /// How many columns it has.
  std::int64_t cols() const { return view_.cols; }
  /// Where its elements lie.
  Device device() const { return view_.device; }
  /// The first element; null if it never had one.
  T* data() const { return view_.data; }
  /// Whether it has no element.
  bool empty() const { return view_.empty(); }

  /// A view of all of it, for operations.
  MatrixView<T> view() { return view_; }
  /// The same, to read.
  MatrixView<const T> view() const { return view_; }
  /// Converts to a view where one is expected.
  operator MatrixView<T>() { return view_; }  // NOLINT: views are meant to be free
  /// The same, to read.
  operator MatrixView<const T>() const { return view_; }  // NOLINT
  /// All elements as one vector.
  VectorView<T> flat() { return {view_.data, rows() * cols(), device()}; }
  VectorView<const T> flat() const { return {view_.data, rows() * cols(), device()}; }

  /// Host access to one element.
  T& operator()(std::int64_t i, std::int64_t j) { return view_(i, j); }
  const T& operator()(std::int64_t i, std::int64_t j) const { return view_(i, j); }

  /// A copy on the context's device.
  Matrix to_device(Context& context) const { return copy_of(context, view_); }
  /// A copy on the host.
  Matrix to_host(Context& context) const;
  /// A contiguous copy of any view, on the context's device.
  static Matrix copy_of(Context& context, std::type_identity_t<MatrixView<const T>> source);

 private:
  Buffer buffer_;
  MatrixView<T> view_;
};

extern template class Matrix<float>;
extern template class Matrix<double>;
extern template class Matrix<std::int8_t>;
extern template class Matrix<std::int32_t>;
extern template class Matrix<std::int64_t>;
extern template class Matrix<std::uint8_t>;
extern template class Matrix<std::uint64_t>;

}  // namespace clipk
