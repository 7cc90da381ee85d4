#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace clipk::gpu {

/// Unscaled transforms of `batch` real planes [rows, columns] to their half spectra
/// [rows, columns / 2 + 1] and back, by cuFFT. Its plans are made once; a transform takes its work
/// area from the caller, allocates nothing, and gives the same bytes every time.
class PlaneFft {
 public:
  /// @throws Error if cuFFT refuses the shape.
  PlaneFft(std::int64_t rows, std::int64_t columns, std::int64_t batch);
  ~PlaneFft();

  std::size_t work_bytes() const;
  /// Device memory. `work` holds work_bytes(), 256-byte aligned.
  void forward(void* work, const float* planes, float2* spectra, cudaStream_t stream);
  /// Destroys the spectra.
  void inverse(void* work, float2* spectra, float* planes, cudaStream_t stream);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk::gpu
