#pragma once

#include <hwy/aligned_allocator.h>

#include <cstdint>

#include "linalg/gemm.hpp"

namespace clipk::cpu {

/// The arguments of a product on one thread.
template <class T>
struct Product {
  Transpose a, b;
  std::int64_t m, n, k;
  T alpha;
  const T* A;
  std::int64_t lda;
  const T* B;
  std::int64_t ldb;
  T beta;
  T* C;
  std::int64_t ldc;
  GemmEpilogue epilogue;

  /// Where element (row, column) of op(A) lies, and of op(B).
  const T* a_at(std::int64_t i, std::int64_t l) const {
    return a == Transpose::no ? A + i * lda + l : A + l * lda + i;
  }
  const T* b_at(std::int64_t l, std::int64_t j) const {
    return b == Transpose::no ? B + l * ldb + j : B + j * ldb + l;
  }
};

/// Memory for packed panels; a thread keeps it for its next product.
template <class T>
T* panel_scratch(std::int64_t size) {
  thread_local hwy::AlignedFreeUniquePtr<T[]> memory;
  thread_local std::int64_t capacity = 0;
  if (capacity < size) {
    memory = hwy::AllocateAligned<T>(static_cast<std::size_t>(size));
    capacity = size;
  }
  return memory.get();
}

}  // namespace clipk::cpu
