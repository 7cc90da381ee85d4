#pragma once

#include <cstdint>

namespace clipk::cpu {

enum class Transpose : char { no = 'N', yes = 'T' };

/// C [m, n] = alpha op(A) op(B) + beta C, row-major; op(A) is [m, k], op(B) is [k, n].
/// Cut into fixed tiles of C, so that the result does not depend on the number of threads; called
/// from within parallel_for it runs on the calling thread alone.
void gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
          float alpha, const float* A, std::int64_t lda, const float* B, std::int64_t ldb,
          float beta, float* C, std::int64_t ldc);
void gemm(int threads, Transpose a, Transpose b, std::int64_t m, std::int64_t n, std::int64_t k,
          double alpha, const double* A, std::int64_t lda, const double* B, std::int64_t ldb,
          double beta, double* C, std::int64_t ldc);

}  // namespace clipk::cpu
