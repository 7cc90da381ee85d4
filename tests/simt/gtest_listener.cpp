// Fails the test during which a kernel reported an error. Linked as an object: it adds itself.
#include <gtest/gtest.h>

#include <cstdlib>

#include "simt/runtime/simt.hpp"

namespace clipk::simt {
namespace {

class Listener : public ::testing::EmptyTestEventListener {
  void OnTestProgramStart(const ::testing::UnitTest&) override {
    options().echo = false;  // the failures say it
    std::printf("simt: %s%s\n", race_build() ? "race detector, " : "", describe_options().c_str());
  }
  void OnTestStart(const ::testing::TestInfo&) override {
    restart_order();
    bytes_before_ = device_bytes();
  }
  void OnTestEnd(const ::testing::TestInfo&) override {
    for (const std::string& error : errors()) {
      ADD_FAILURE() << "simt (" << describe_options() << "): " << error;
    }
    clear_errors();
    if (check_leaks_ && device_bytes() > bytes_before_) {
      ADD_FAILURE() << "simt: " << device_bytes() - bytes_before_
                    << " bytes of device memory were not freed";
    }
  }

  const bool check_leaks_ = std::getenv("CLIPK_SIMT_LEAKS") != nullptr;
  std::size_t bytes_before_ = 0;
};

const bool g_added = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new Listener);
  return true;
}();

}  // namespace
}  // namespace clipk::simt
