#include "bench/reference_gemm.hpp"

#include <omp.h>

#if CLIPK_BENCH_ONEDNN
#include <dnnl.h>
#endif
#if CLIPK_BENCH_OPENBLAS
#include <cblas.h>
#endif

namespace clipk::bench {
namespace {

#if CLIPK_BENCH_ONEDNN
void onednn(int threads, bool transposed, std::int64_t m, std::int64_t n, std::int64_t k,
            const float* a, const float* b, float* c) {
  omp_set_num_threads(threads);
  dnnl_sgemm('N', transposed ? 'T' : 'N', m, n, k, 1, a, k, b, transposed ? k : n, 0, c, n);
}
#endif

#if CLIPK_BENCH_OPENBLAS
CBLAS_TRANSPOSE of(bool transposed) {
  return transposed ? CblasTrans : CblasNoTrans;
}
template <class T>
void openblas(int threads, bool transposed, std::int64_t m, std::int64_t n, std::int64_t k,
              const T* a, const T* b, T* c) {
  openblas_set_num_threads(threads);
  const auto rows = static_cast<int>(m), cols = static_cast<int>(n), depth = static_cast<int>(k);
  const int ldb = transposed ? depth : cols;
  if constexpr (sizeof(T) == sizeof(float)) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, of(transposed), rows, cols, depth, 1, a, depth, b, ldb,
                0, c, cols);
  } else {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, of(transposed), rows, cols, depth, 1, a, depth, b, ldb,
                0, c, cols);
  }
}
#endif

}  // namespace

template <>
std::vector<std::pair<std::string, GemmFunction<float>>> reference_gemms<float>() {
  return {
#if CLIPK_BENCH_ONEDNN
    {"onednn", onednn},
#endif
#if CLIPK_BENCH_OPENBLAS
        {"openblas", openblas<float>},
#endif
  };
}

template <>
std::vector<std::pair<std::string, GemmFunction<double>>> reference_gemms<double>() {
  return {
#if CLIPK_BENCH_OPENBLAS
    {"openblas", openblas<double>},
#endif
  };
}

}  // namespace clipk::bench
