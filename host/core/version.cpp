#include "clipk/version.hpp"

#define CLIPK_TEXT(x) #x
#define CLIPK_VALUE(x) CLIPK_TEXT(x)

namespace clipk {

const char* version() {
  return CLIPK_VALUE(CLIPK_VERSION_MAJOR) "." CLIPK_VALUE(CLIPK_VERSION_MINOR) "." CLIPK_VALUE(
      CLIPK_VERSION_PATCH);
}

}  // namespace clipk
