#include "bench/support.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "clipk/core/error.hpp"
#include "clipk/ops/dense.hpp"

#if CLIPK_HAS_CUDA
#include <cuda_runtime_api.h>
#endif

namespace clipk::bench {
namespace {

struct Settings {
  bool cuda = false;
  ContextOptions options;
};
Settings settings;

#if CLIPK_HAS_CUDA

void check(cudaError_t status) {
  if (status != cudaSuccess) throw Error(std::string("bench: ") + cudaGetErrorString(status));
}

// Timed by events on the stream, without the launch of the first kernel and the wait for the last.
class GpuTimer {
 public:
  GpuTimer() {
    check(cudaEventCreate(&start_));
    check(cudaEventCreate(&stop_));
  }
  ~GpuTimer() {
    cudaEventDestroy(start_);
    cudaEventDestroy(stop_);
  }
  double seconds_of(Context& context, const std::function<void()>& call) {
    check(cudaEventRecord(start_, context.stream()));
    call();
    check(cudaEventRecord(stop_, context.stream()));
    check(cudaEventSynchronize(stop_));
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start_, stop_));
    return milliseconds * 1e-3;
  }

 private:
  cudaEvent_t start_ = nullptr, stop_ = nullptr;
};

#endif

// On a GPU, work already in the stream runs first (the L2 flush, during which the host enqueues
// the call).
double seconds_of(Context& context, const std::function<void()>& call) {
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    GpuTimer timer;
    return timer.seconds_of(context, call);
  }
#endif
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double best_of(Context& context, int tries, const std::function<void()>& call) {
  double best = 1e300;
  for (int i = 0; i < tries; ++i) best = std::min(best, seconds_of(context, call));
  return best;
}

struct Peak {
  double bytes_per_second = 0;
  double flops_per_second = 0;
};

// Times a copy far larger than the caches, and a square product.
Peak measure_peak(Context& context) {
  Peak peak;
  const std::int64_t n = std::int64_t{1} << (context.device() == Device::cpu ? 25 : 28);
  {
    Matrix<float> from(context, 1, n), to(context, 1, n);
    const double s = best_of(context, 5, [&] { copy<float>(context, from.flat(), to.flat()); });
    peak.bytes_per_second = 8.0 * static_cast<double>(n) / s;
  }
  const std::int64_t d = context.device() == Device::cpu ? 2048 : 8192;
  Matrix<float> a(context, d, d), b(context, d, d), c(context, d, d);
  const double s = best_of(context, 3, [&] {
    dense(context, a, b, VectorView<const float>(), Activation::identity, c);
  });
  peak.flops_per_second = 2.0 * static_cast<double>(d * d * d) / s;
  return peak;
}

const Peak& peak(Context& context) {
  static const Peak measured = measure_peak(context);
  return measured;
}

// Larger than the L2 cache of any present GPU.
constexpr std::int64_t kFlushBytes = 256 << 20;

}  // namespace

Context bench_context() {
  return settings.cuda ? Context::cuda(settings.options) : Context::cpu(settings.options);
}

void run(benchmark::State& state, Context& context, const Work& work,
         const std::function<void()>& call) {
  const Peak& best = peak(context);
  Matrix<std::uint8_t> flush;
  if (settings.cuda) flush = Matrix<std::uint8_t>(context, 1, kFlushBytes);
  call();  // plans scratch memory, compiles primitives
  std::vector<double> times;
  for (auto _ : state) {
    if (settings.cuda) fill_zero(context, flush.view());
    times.push_back(seconds_of(context, call));
    state.SetIterationTime(times.back());
  }
  if (times.empty()) return;
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                   times.end());
  const double median = times[times.size() / 2];
  const double floor =
      std::max(work.bytes / best.bytes_per_second, work.flops / best.flops_per_second);
  state.counters["median_s"] = median;
  state.counters["best_s"] = *std::min_element(times.begin(), times.end());
  state.counters["GB/s"] = work.bytes / median / 1e9;
  state.counters["GFLOP/s"] = work.flops / median / 1e9;
  state.counters["floor"] = floor / median;
}

}  // namespace clipk::bench

int main(int argc, char** argv) {
  using clipk::bench::settings;
  std::vector<char*> rest;
  for (int i = 0; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--device=")) {
      settings.cuda = argument == "--device=cuda";
    } else if (argument.starts_with("--threads=")) {
      settings.options.threads = std::stoi(argument.substr(10));
    } else if (argument.starts_with("--precision=")) {
      const std::string name = argument.substr(12);
      settings.options.precision = name == "tf32"   ? clipk::Precision::tf32
                                   : name == "bf16" ? clipk::Precision::bf16
                                                    : clipk::Precision::fp32;
    } else {
      rest.push_back(argv[i]);
    }
  }
  int count = static_cast<int>(rest.size());
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
