#include "clipk/core/context.hpp"

#include <omp.h>

#include <string>
#include <utility>

#include "clipk/core/cpu_target.hpp"
#include "clipk/core/error.hpp"
#include "clipk/core/memory.hpp"
#include "core/library_handles.hpp"

#if CLIPK_HAS_CUDA
#include "core/cuda_check.hpp"
#endif

namespace clipk {

const char* to_string(Device device) {
  return device == Device::cpu ? "cpu" : "cuda";
}

const char* to_string(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::tf32:
      return "tf32";
    case Precision::bf16:
      return "bf16";
  }
  return "?";
}

struct Context::Impl {
  Impl(Device device_, const ContextOptions& options_)
      : device(device_),
        options(options_),
        threads(options_.threads > 0 ? options_.threads : omp_get_max_threads()),
        arena(device_) {
    limit_cpu_target();
  }
  ~Impl() {
    blas.reset();
    fft.reset();
#if CLIPK_HAS_CUDA
    if (stream != nullptr) cudaStreamDestroy(stream);
#endif
  }

  Device device;
  ContextOptions options;
  int threads;
  int multiprocessors = 1;
  CUstream_st* stream = nullptr;
  std::shared_ptr<void> blas, fft;
  Arena arena;
};

Context::Context(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;
Context::~Context() = default;

Context Context::cpu(const ContextOptions& options) {
  return Context(std::make_unique<Impl>(Device::cpu, options));
}

Context Context::best(const ContextOptions& options) {
  return cuda_available() ? cuda(options) : cpu(options);
}

#if CLIPK_HAS_CUDA

bool Context::cuda_available() {
  // Without a driver this is cudaErrorInsufficientDriver, not cudaErrorNoDevice: any error means
  // that there is no device.
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    cudaGetLastError();
    return false;
  }
  int major = 0;  // the kernels are built for Ampere and later
  return cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) == cudaSuccess &&
         major >= 8;
}

Context Context::cuda(const ContextOptions& options, int ordinal) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    cudaGetLastError();
    throw Error(std::string("expected a CUDA device, found none: ") + cudaGetErrorString(status));
  }
  if (ordinal < 0 || ordinal >= count) {
    throw Error("expected a CUDA device below " + std::to_string(count) + ", got " +
                std::to_string(ordinal));
  }
  check_cuda(cudaSetDevice(ordinal), "cudaSetDevice");
  auto impl = std::make_unique<Impl>(Device::cuda, options);
  check_cuda(
      cudaDeviceGetAttribute(&impl->multiprocessors, cudaDevAttrMultiProcessorCount, ordinal),
      "cudaDeviceGetAttribute");
  check_cuda(cudaStreamCreateWithFlags(&impl->stream, cudaStreamNonBlocking), "cudaStreamCreate");
  return Context(std::move(impl));
}

void Context::synchronize() {
  if (device() == Device::cuda) check_cuda(cudaStreamSynchronize(stream()), "synchronize");
}

void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw Error(std::string(what) + ": " + cudaGetErrorName(status) + " (" +
              cudaGetErrorString(status) + ")");
}

#else

bool Context::cuda_available() {
  return false;
}

Context Context::cuda(const ContextOptions&, int) {
  throw Error("expected a CUDA device, found none: this clipk was built without CUDA");
}

void Context::synchronize() {}

#endif

Device Context::device() const {
  return impl_->device;
}
const ContextOptions& Context::options() const {
  return impl_->options;
}
int Context::threads() const {
  return impl_->threads;
}
int Context::multiprocessors() const {
  return impl_->multiprocessors;
}
CUstream_st* Context::stream() const {
  return impl_->stream;
}
Arena& Context::scratch() {
  return impl_->arena;
}
std::shared_ptr<void>& LibraryHandles::blas(Context& context) {
  return context.impl_->blas;
}
std::shared_ptr<void>& LibraryHandles::fft(Context& context) {
  return context.impl_->fft;
}

}  // namespace clipk
