#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace clipk::gpu {

/// Unscaled transforms of a real plane [rows, columns] to its half spectrum [rows, columns / 2 + 1]
/// and back, by cuFFT. Its plans are made once; a transform takes its work
/// area from the caller, allocates nothing, and gives the same bytes every time.
class PlaneFft {
 public:
  /// @throws Error if cuFFT refuses the shape.
  PlaneFft(std::int64_t rows, std::int64_t columns);
  ~PlaneFft();

  std::size_t work_bytes() const;
  /// Device memory. `work` holds work_bytes(), 256-byte aligned.
  void forward(void* work, const float* plane, float2* spectrum, cudaStream_t stream);
  /// Destroys the spectrum.
  void inverse(void* work, float2* spectrum, float* plane, cudaStream_t stream);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk::gpu
