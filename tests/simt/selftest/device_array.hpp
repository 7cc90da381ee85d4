// Arrays on the device, for the self-test's cases.
#pragma once

#include <cuda_runtime_api.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/detail/portable.cuh"

namespace clipk::simt::selftest {

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t n) : size_(n) {
    gpu::check_cuda(cudaMalloc(reinterpret_cast<void**>(&data_), n * sizeof(T)), "cudaMalloc");
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    gpu::check_cuda(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice),
                    "copy");
  }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  static DeviceArray zeros(std::size_t n) { return DeviceArray(std::vector<T>(n)); }
  T* data() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> copy(size_);
    gpu::check_cuda(cudaMemcpy(copy.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost),
                    "copy");
    return copy;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

/// Small whole numbers: sums of their products are exact in any order.
inline std::vector<float> whole_numbers(std::size_t n, std::uint32_t seed) {
  std::vector<float> values(n);
  for (float& v : values) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(seed >> 24 & 15) - 7.0f;
  }
  return values;
}

}  // namespace clipk::simt::selftest
