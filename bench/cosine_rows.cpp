#include "bench/cosine_rows.hpp"

#include <sys/resource.h>

#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kDim = 512;

}  // namespace

Matrix<float> cosine_rows(Context& context, std::int64_t n, std::uint64_t seed) {
  Matrix<float> host(n, kDim);
  const std::int64_t values = n * kDim;
  for (std::int64_t i = 0; i < values; i += 4) {
    const auto block = random_block(seed, RandomStream::data, 0, static_cast<std::uint64_t>(i));
    for (std::int64_t j = 0; j < 4; ++j) {
      host.data()[i + j] = static_cast<float>(block[static_cast<std::size_t>(j)]) * 0x1p-31F - 1;
    }
  }
  return host.to_device(context);
}

Work cosine_work(std::int64_t n, std::int64_t m) {
  return {.bytes = 4 * static_cast<double>((n + m) * kDim),
          .flops = 2 * static_cast<double>(n * m) * static_cast<double>(kDim)};
}

void report_peak_memory(benchmark::State& state) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_GiB"] = static_cast<double>(usage.ru_maxrss) / (1024.0 * 1024.0);
}

}  // namespace clipk::bench
