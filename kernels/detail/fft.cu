// Two-dimensional real transforms: cuFFT's, behind a class. The SIMT tests link a stand-in instead
// of this file.
//
// Plan    one plan each way for a size, without scratch of its own: the caller gives it.
// Floor   that of tsne_repulsion_fft.cu, which uses it.
// Ladder  one variant so far: cuFFT's two-dimensional plans. Next: the product with the spectrum in
//         a callback of the inverse transform, which spares a pass of 16 bytes an element of it.

#include "kernels/detail/fft.hpp"

#include <cufft.h>

#include <algorithm>
#include <string>

#include "clipk/core/error.hpp"

namespace clipk::gpu {
namespace {

void check_fft(cufftResult result, const char* what) {
  if (result == CUFFT_SUCCESS) return;
  throw Error(std::string(what) + ": cuFFT error " + std::to_string(static_cast<int>(result)));
}

}  // namespace

struct PlaneFft::Impl {
  ~Impl() {
    if (has_forward) cufftDestroy(forward);
    if (has_inverse) cufftDestroy(inverse);
  }
  cufftHandle forward{}, inverse{};
  bool has_forward = false, has_inverse = false;
  std::size_t work_bytes = 0;
};

PlaneFft::PlaneFft(std::int64_t rows, std::int64_t columns) : impl_(std::make_unique<Impl>()) {
  long long size[] = {rows, columns};
  const auto plan = [&](cufftHandle& handle, bool& has, cufftType type) {
    check_fft(cufftCreate(&handle), "plan of an FFT");
    has = true;
    check_fft(cufftSetAutoAllocation(handle, 0), "plan of an FFT");
    std::size_t bytes = 0;
    check_fft(cufftMakePlanMany64(handle, 2, size, nullptr, 1, 0, nullptr, 1, 0, type, 1, &bytes),
              "plan of an FFT");
    impl_->work_bytes = std::max(impl_->work_bytes, bytes);
  };
  plan(impl_->forward, impl_->has_forward, CUFFT_R2C);
  plan(impl_->inverse, impl_->has_inverse, CUFFT_C2R);
}

PlaneFft::~PlaneFft() = default;

std::size_t PlaneFft::work_bytes() const {
  return impl_->work_bytes;
}

void PlaneFft::forward(void* work, const float* plane, float2* spectrum, cudaStream_t stream) {
  check_fft(cufftSetStream(impl_->forward, stream), "stream of an FFT");
  check_fft(cufftSetWorkArea(impl_->forward, work), "work area of an FFT");
  // cuFFT takes its input as not const, and keeps it where it lies apart from the output.
  check_fft(cufftExecR2C(impl_->forward, const_cast<float*>(plane), spectrum), "forward FFT");
}

void PlaneFft::inverse(void* work, float2* spectrum, float* plane, cudaStream_t stream) {
  check_fft(cufftSetStream(impl_->inverse, stream), "stream of an FFT");
  check_fft(cufftSetWorkArea(impl_->inverse, work), "work area of an FFT");
  check_fft(cufftExecC2R(impl_->inverse, spectrum, plane), "inverse FFT");
}

}  // namespace clipk::gpu
