// Device properties, error texts, function attributes, and the launch itself.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>

#include <cuda_runtime_api.h>
#include <unistd.h>

#include "simt/runtime/device_memory.hpp"
#include "simt/runtime/kernel_api.hpp"
#include "simt/runtime/scheduler.hpp"
#include "simt/runtime/stream.hpp"

namespace clipk::simt {
namespace {

constexpr int kMultiprocessors = 2;  // few, so that grids sized by them have several passes

std::map<const void*, std::size_t>& dynamic_limits() {
  static auto* map = new std::map<const void*, std::size_t>;
  return *map;
}
std::size_t dynamic_limit(const void* kernel) {
  const auto it = dynamic_limits().find(kernel);
  return it != dynamic_limits().end() ? it->second : kSharedDefault;
}

bool is_allowed(dim3 grid, dim3 block) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  return threads > 0 && threads <= 1024 && block.x <= 1024 && block.y <= 1024 && block.z <= 64 &&
         blocks > 0 && blocks <= 0x7FFFFFFFu && grid.x <= 0x7FFFFFFFu && grid.y <= 65535 &&
         grid.z <= 65535;
}

#if !defined(__SANITIZE_ADDRESS__)
// Says where a bad access happened; AddressSanitizer does so by itself.
void on_fault(int signal, siginfo_t* info, void*) {
  char text[500];
  const bool device = device_extent(info->si_addr).begin != nullptr;
  const int length = std::snprintf(text, sizeof text, "simt: signal %d at address %p: %s%s (%s)\n",
                                   signal, info->si_addr, describe_running(),
                                   device && !in_kernel() ? ": the host touched device memory" : "",
                                   describe_options().c_str());
  if (::write(2, text, static_cast<std::size_t>(length)) < 0) ::_exit(128);
  ::_exit(128 + signal);
}

const bool g_handles_faults = [] {
  static char alternative[64 << 10];  // the fault may be an overflow of the stack
  stack_t stack{};
  stack.ss_sp = alternative;
  stack.ss_size = sizeof alternative;
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_flags = SA_ONSTACK | SA_SIGINFO;
  action.sa_sigaction = on_fault;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigaction(signal, &action, nullptr);
  return true;
}();
#endif

}  // namespace

cudaError_t enqueue_kernel(const char* name, const void* kernel, dim3 grid, dim3 block,
                           std::size_t shared_bytes, cudaStream_t stream,
                           std::function<void()> body) {
  if (!is_allowed(grid, block)) return remember(cudaErrorInvalidConfiguration);
  if (shared_bytes > dynamic_limit(kernel)) return remember(cudaErrorInvalidValue);
  auto shared_body = std::make_shared<const std::function<void()>>(std::move(body));
  return enqueue(stream, [=] {
    run_grid({name, grid, block, shared_bytes, shared_body.get()});
    check_device_margins(name);
  });
}

}  // namespace clipk::simt

using namespace clipk::simt;

#if defined(__SANITIZE_ADDRESS__)
extern "C" void __asan_on_error() {
  std::fprintf(stderr, "simt: %s (%s)\n", describe_running(), describe_options().c_str());
}
#endif

extern "C" {

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || static_cast<std::size_t>(value) > kSharedOptIn) {
    return remember(cudaErrorInvalidValue);
  }
  std::size_t& limit = dynamic_limits().try_emplace(kernel, kSharedDefault).first->second;
  limit = static_cast<std::size_t>(value);
  return cudaSuccess;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  *attributes = {};
  attributes->maxThreadsPerBlock = 1024;
  attributes->numRegs = 32;
  attributes->maxDynamicSharedSizeBytes = static_cast<int>(dynamic_limit(kernel));
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int, size_t) {
  *blocks = 1;
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*, int,
                                                                   size_t, unsigned) {
  *blocks = 1;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  return last_error(true);
}
cudaError_t cudaPeekAtLastError() {
  return last_error(false);
}

#define CLIPK_SIMT_ERRORS(X)                                                                      \
  X(cudaSuccess, "no error")                                                                      \
  X(cudaErrorInvalidValue, "invalid argument")                                                    \
  X(cudaErrorMemoryAllocation, "out of memory")                                                   \
  X(cudaErrorInvalidConfiguration, "invalid configuration argument")                              \
  X(cudaErrorInvalidPitchValue, "invalid pitch argument")                                         \
  X(cudaErrorInvalidDevice, "invalid device ordinal")                                             \
  X(cudaErrorNoDevice, "no CUDA-capable device is detected")                                      \
  X(cudaErrorInsufficientDriver, "CUDA driver version is insufficient")                           \
  X(cudaErrorInvalidResourceHandle, "invalid resource handle")                                    \
  X(cudaErrorIllegalState, "the operation cannot be performed in the present state")              \
  X(cudaErrorNotReady, "device not ready")                                                        \
  X(cudaErrorNotSupported, "operation not supported")                                             \
  X(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing")        \
  X(cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture") \
  X(cudaErrorStreamCaptureImplicit,                                                               \
    "operation would make the legacy stream depend on a capturing stream")                        \
  X(cudaErrorGraphExecUpdateFailure, "the graph update was not performed")

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
#define X(code, text) \
  case code:          \
    return text;
    CLIPK_SIMT_ERRORS(X)
#undef X
    default:
      return "unrecognized error code";
  }
}
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define X(code, text) \
  case code:          \
    return #code;
    CLIPK_SIMT_ERRORS(X)
#undef X
    default:
      return "unrecognized error code";
  }
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  return device == 0 ? cudaSuccess : remember(cudaErrorInvalidDevice);
}
cudaError_t cudaDeviceReset() {
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = *greatest = 0;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return remember(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "SIMT on the CPU");
  properties->major = 9;
  properties->minor = 0;
  properties->multiProcessorCount = kMultiprocessors;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  properties->maxThreadsPerMultiProcessor = 2048;
  properties->sharedMemPerBlock = kSharedDefault;
  properties->sharedMemPerBlockOptin = kSharedOptIn;
  properties->sharedMemPerMultiprocessor = 233472;
  properties->regsPerBlock = 65536;
  properties->l2CacheSize = 50 << 20;
  properties->totalGlobalMem = std::size_t{8} << 30;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties;
  if (const auto error = cudaGetDeviceProperties(&properties, device); error != cudaSuccess) {
    return error;
  }
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = properties.multiProcessorCount;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = properties.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = properties.minor;
      break;
    case cudaDevAttrWarpSize:
      *value = properties.warpSize;
      break;
    case cudaDevAttrMaxThreadsPerBlock:
      *value = properties.maxThreadsPerBlock;
      break;
    case cudaDevAttrL2CacheSize:
      *value = properties.l2CacheSize;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = static_cast<int>(kSharedDefault);
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(kSharedOptIn);
      break;
    default:
      *value = 0;
      return remember(cudaErrorNotSupported);
  }
  return cudaSuccess;
}

}  // extern "C"
