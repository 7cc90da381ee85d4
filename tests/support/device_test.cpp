#include "support/device_test.hpp"

#include <cstdlib>

namespace clipk::test {

std::vector<Device> devices() {
#ifdef CLIPK_SIMT
  return {Device::cuda};
#else
  return {Device::cpu, Device::cuda};
#endif
}

std::string device_name(Device device) {
#ifdef CLIPK_SIMT
  (void)device;
  return "simt";
#else
  return to_string(device);
#endif
}

bool DeviceTest::simt() {
#ifdef CLIPK_SIMT
  return true;
#else
  return std::getenv("CLIPK_SMALL_SIZES") != nullptr;
#endif
}

void DeviceTest::SetUp() {
  const ContextOptions options{.seed = 1, .precision = Precision::fp32, .threads = 2};
  if (GetParam() == Device::cpu) {
    context_.emplace(Context::cpu(options));
  } else if (static const bool available = Context::cuda_available(); available) {
    // Asked once: after a CUDA error it might say no, and a failure would pass for a skip.
    context_.emplace(Context::cuda(options));
  } else {
#ifdef CLIPK_SIMT
    FAIL() << "the SIMT harness gives no device";
#else
    GTEST_SKIP() << "no CUDA device here";
#endif
  }
}

}  // namespace clipk::test
