#include "clipk/core/matrix.hpp"

#include <cstring>
#include <string>

#include "clipk/core/error.hpp"

#if CLIPK_HAS_CUDA
#include "core/cuda_check.hpp"
#endif

namespace clipk {
namespace {

std::size_t checked_bytes(std::int64_t rows, std::int64_t cols, std::size_t element) {
  std::size_t bytes = 0;
  if (rows < 0 || cols < 0 || __builtin_mul_overflow(rows, cols, &bytes) ||
      __builtin_mul_overflow(bytes, element, &bytes)) {
    throw Error("expected a matrix shape that fits memory, got [" + std::to_string(rows) + ", " +
                std::to_string(cols) + "]");
  }
  return bytes;
}

}  // namespace

template <class T>
Matrix<T>::Matrix(std::int64_t rows, std::int64_t cols)
    : buffer_(Device::cpu, checked_bytes(rows, cols, sizeof(T))),
      view_(static_cast<T*>(buffer_.data()), rows, cols) {
  if (buffer_.bytes() > 0) std::memset(buffer_.data(), 0, buffer_.bytes());
}

template <class T>
Matrix<T>::Matrix(Context& context, std::int64_t rows, std::int64_t cols)
    : buffer_(context.device(), checked_bytes(rows, cols, sizeof(T))),
      view_(static_cast<T*>(buffer_.data()), rows, cols, context.device()) {
  fill_zero(context, view_);
}

template <class T>
Matrix<T> Matrix<T>::to_host(Context& context) const {
  Matrix result(rows(), cols());
  copy<T>(context, view_, result.view_);
  return result;
}

template <class T>
Matrix<T> Matrix<T>::copy_of(Context& context, std::type_identity_t<MatrixView<const T>> source) {
  Matrix result(context, source.rows, source.cols);
  copy<T>(context, source, result.view_);
  return result;
}

template class Matrix<float>;
template class Matrix<double>;
template class Matrix<std::int8_t>;
template class Matrix<std::int32_t>;
template class Matrix<std::int64_t>;
template class Matrix<std::uint8_t>;
template class Matrix<std::uint64_t>;

}  // namespace clipk
