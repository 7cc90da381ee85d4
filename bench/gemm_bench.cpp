#include "linalg/gemm.hpp"

#include "bench/reference_gemm.hpp"
#include "bench/support.hpp"
#include "clipk/core/random.hpp"

// The matrix product of all CPU backends, beside those of other libraries that were found
// (dense_forward and pairwise_distance measure it in use).
namespace clipk::bench {
namespace {

template <class T>
Matrix<T> rows(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Matrix<T> host(n, d);
  for (T& value : host.flat()) value = static_cast<T>(random.normal());
  return host;
}

// C [m, n] = A [m, k] B with B [k, n], or [n, k] if `transposed`.
template <class T>
void gemm_of(benchmark::State& state, bool transposed, GemmFunction<T> product) {
  Context context = bench_context();
  const std::int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  const Matrix<T> a = rows<T>(m, k, 1);
  const Matrix<T> b = transposed ? rows<T>(n, k, 2) : rows<T>(k, n, 2);
  Matrix<T> c(m, n);
  const auto elements = static_cast<double>(m * k + k * n + m * n);
  run(state, context,
      {.bytes = elements * sizeof(T), .flops = 2.0 * static_cast<double>(m * n * k)},
      [&] { product(context.threads(), transposed, m, n, k, a.data(), b.data(), c.data()); });
}

template <class T>
void own(int threads, bool transposed, std::int64_t m, std::int64_t n, std::int64_t k, const T* a,
         const T* b, T* c) {
  cpu::gemm(threads, cpu::Transpose::no, transposed ? cpu::Transpose::yes : cpu::Transpose::no, m,
            n, k, T{1}, a, k, b, transposed ? k : n, T{0}, c, n);
}

template <class T>
void add(const std::string& name, GemmFunction<T> product) {
  for (const bool transposed : {true, false}) {
    benchmark::RegisterBenchmark(
        (name + (sizeof(T) == 4 ? "_float" : "_double") + (transposed ? "_nt" : "_nn")).c_str(),
        [=](benchmark::State& state) { gemm_of<T>(state, transposed, product); })
        ->Args({5000, 5000, 512})
        ->Args({5000, 5000, 64})
        ->Args({10000, 512, 512})
        ->Args({256, 2000, 500})
        ->Args({256, 512, 512})
        ->Args({64, 64, 512})
        ->ArgNames({"m", "n", "k"})
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  }
}

const bool added = [] {
  add<float>("gemm", own<float>);
  add<double>("gemm", own<double>);
  for (const auto& [name, product] : reference_gemms<float>()) add<float>(name, product);
  for (const auto& [name, product] : reference_gemms<double>()) add<double>(name, product);
  return true;
}();

}  // namespace
}  // namespace clipk::bench
