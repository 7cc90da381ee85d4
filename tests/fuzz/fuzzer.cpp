// The entry of libFuzzer: CLIPK_FUZZ_TARGET=npy clipk_fuzz FOLDER. script/fuzz calls it.

#include <cstdint>
#include <cstdlib>

#include "fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const char* const target = std::getenv("CLIPK_FUZZ_TARGET");
  clipk::fuzz::run(target == nullptr ? "" : target, {reinterpret_cast<const char*>(data), size});
  return 0;
}
