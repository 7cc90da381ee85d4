#pragma once

#include <cstdint>

namespace clipk {

/// Where a buffer lives and an operation runs.
enum class Device : std::uint8_t {
  cpu,   ///< host memory, the CPU implementations
  cuda,  ///< the memory of a GPU, the CUDA kernels
};

/// Arithmetic of matrix products on CUDA. The CPU always computes in float32.
enum class Precision : std::uint8_t {
  fp32,  ///< float32 in, float32 accumulate
  tf32,  ///< inputs rounded to TF32 (10 bits), float32 accumulate, tensor cores
  bf16,  ///< inputs rounded to bfloat16 (7 bits), float32 accumulate, tensor cores
};

/// The name that messages and files use.
const char* to_string(Device device);
const char* to_string(Precision precision);

}  // namespace clipk
