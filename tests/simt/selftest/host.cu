// Launches and calls of the runtime, right and wrong.
#include <cstdio>

#include "kernels/detail/portable.cuh"
#include "simt/runtime/simt.hpp"
#include "simt/selftest/bugs.hpp"
#include "simt/selftest/device_array.hpp"

namespace clipk::simt::selftest {
namespace {

using gpu::Launch;

__global__ void scale_kernel(const float* x, int n, float factor, float* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) y[i] = factor * x[i];
}

__global__ void large_shared_kernel(int n, float* out) {
  CLIPK_DYN_SHARED(float, values);
  values[n - 1 - static_cast<int>(threadIdx.x)] = static_cast<float>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = values[n - static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x)];
}

// Not inlined and not a loop: every call takes a frame.
__device__ __attribute__((noinline)) float deep(int depth, float x) {
  volatile float frame[64];
  frame[depth % 64] = x;
  return depth == 0 ? frame[0] : deep(depth - 1, x + 1) + frame[depth % 64];
}
__global__ void deep_kernel(int depth, float* out) {
  out[threadIdx.x] = deep(depth, 0);
}

__global__ void spin_kernel(const volatile int* flag, float* out) {
  while (*flag == 0) {
  }
  out[0] = 1;
}

bool run_large_shared(Bug bug) {
  const int n = 20000;
  const DeviceArray<float> out(32);
  if (bug != Bug::too_much_shared_memory) {
    gpu::allow_dynamic_shared(large_shared_kernel, n * sizeof(float));
  }
  CLIPK_LAUNCH(large_shared_kernel, (Launch{dim3(1), dim3(32), n * sizeof(float)}), n, out.data());
  const auto values = out.values();
  for (int i = 0; i < 32; ++i) {
    if (values[i] != static_cast<float>(31 - i)) return false;
  }
  return true;
}

bool run_scale(Bug bug) {
  const int n = 1000;
  const auto x = whole_numbers(n, 7);
  const DeviceArray<float> dx(x), dy(n);
  const DeviceArray<float> fresh(n);
  const float* from = bug == Bug::kernel_reads_host_memory ? x.data()
                      : bug == Bug::uninitialised_read     ? fresh.data()
                                                           : dx.data();
  const unsigned threads = bug == Bug::too_many_threads ? 2048 : 250;
  CLIPK_LAUNCH(scale_kernel, (Launch{dim3(gpu::ceil_div(n, threads)), dim3(threads)}), from, n,
               2.0f, dy.data());
  CLIPK_LAUNCH(scale_kernel, (Launch{dim3(0), dim3(threads)}), from, n, 3.0f, dy.data());
  if (bug == Bug::host_reads_device_memory) {
    std::printf("%f\n", static_cast<double>(*static_cast<volatile float*>(dy.data())));
  }
  if (bug == Bug::copy_past_the_end) {
    std::vector<float> more(n + 1);
    cudaMemcpy(more.data(), dy.data(), (n + 1) * sizeof(float), cudaMemcpyDeviceToHost);
  }
  const auto y = dy.values();
  for (int i = 0; i < n; ++i) {
    if (!(y[i] == 2 * x[i])) return false;
  }
  return true;
}

/// A captured step, replayed; its result is fetched into pinned memory.
bool run_graph(Bug bug) {
  const int n = 64, replays = 5;
  const DeviceArray<float> x(std::vector<float>(n, 1.0f));
  float* pinned = nullptr;
  gpu::check_cuda(cudaMallocHost(reinterpret_cast<void**>(&pinned), n * sizeof(float)), "pinned");
  for (int i = 0; i < n; ++i) pinned[i] = 0;
  cudaStream_t stream = nullptr;
  gpu::check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t step = nullptr;
  gpu::check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "begin");
  CLIPK_LAUNCH(scale_kernel, (Launch{dim3(1), dim3(n), 0, stream}), x.data(), n, 2.0f, x.data());
  void* scratch = nullptr;
  if (bug == Bug::allocation_while_capturing) cudaMalloc(&scratch, 100);
  gpu::check_cuda(cudaStreamEndCapture(stream, &graph), "end");
  gpu::check_cuda(cudaGraphInstantiate(&step, graph, 0), "instantiate");
  for (int i = 0; i < replays; ++i) gpu::check_cuda(cudaGraphLaunch(step, stream), "launch");
  cudaMemcpyAsync(pinned, x.data(), n * sizeof(float), cudaMemcpyDeviceToHost, stream);
  if (bug != Bug::no_wait_for_stream) cudaStreamSynchronize(stream);
  bool right = true;
  for (int i = 0; i < n; ++i) right = right && pinned[i] == 32.0f;
  cudaGraphExecDestroy(step);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
  cudaFreeHost(pinned);
  return right;
}

bool run_depth_and_spin(Bug bug) {
  const DeviceArray<float> out(32);
  CLIPK_LAUNCH(deep_kernel, (Launch{dim3(1), dim3(32)}), bug == Bug::stack_overflow ? 10000 : 10,
               out.data());
  const DeviceArray<int> flag(std::vector<int>{bug == Bug::endless_spin ? 0 : 1});
  CLIPK_LAUNCH(spin_kernel, (Launch{dim3(1), dim3(1)}), flag.data(), out.data());
  return out.values()[0] == 1;
}

}  // namespace

bool run_host(Bug bug) {
  return run_large_shared(bug) && run_scale(bug) && run_graph(bug) && run_depth_and_spin(bug);
}

}  // namespace clipk::simt::selftest
