#pragma once

#include <cstdlib>
#include <filesystem>

namespace clipk::test {

/// The folder of the committed expected values: $CLIPK_TEST_DATA, or else the one in the source
/// tree that the tests were built from.
inline std::filesystem::path golden_folder() {
  const char* set = std::getenv("CLIPK_TEST_DATA");
  return set != nullptr && *set != '\0' ? set : CLIPK_TEST_DATA;
}

}  // namespace clipk::test
