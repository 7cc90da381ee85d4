#pragma once

#include <cuda_runtime_api.h>

#include <cstring>
#include <vector>

#include "clipk/core/memory.hpp"
#include "support/device_test.hpp"

namespace clipk::test {

/// A test of a part that only the GPU has.
class GpuTest : public DeviceTest {
 protected:
  cudaStream_t stream() { return context().stream(); }
};

/// An array on the GPU.
template <class T>
class GpuArray {
 public:
  GpuArray(Context& context, std::size_t n)
      : context_(context), size_(n), buffer_(context.device(), n * sizeof(T)) {}
  GpuArray(Context& context, const std::vector<T>& values) : GpuArray(context, values.size()) {
    EXPECT_EQ(cudaMemcpyAsync(data(), values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice,
                              context.stream()),
              cudaSuccess);
  }
  T* data() { return static_cast<T*>(buffer_.data()); }
  std::vector<T> values() {
    std::vector<T> result(size_);
    EXPECT_EQ(cudaMemcpyAsync(result.data(), data(), size_ * sizeof(T), cudaMemcpyDeviceToHost,
                              context_.stream()),
              cudaSuccess);
    context_.synchronize();
    return result;
  }

 private:
  Context& context_;
  std::size_t size_;
  Buffer buffer_;
};

}  // namespace clipk::test

#define CLIPK_INSTANTIATE_GPU_TEST(Suite)                   \
  INSTANTIATE_TEST_SUITE_P(                                 \
      gpu, Suite, ::testing::Values(::clipk::Device::cuda), \
      [](const auto& info) { return ::clipk::test::device_name(info.param); })
