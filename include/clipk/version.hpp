#pragma once

#define CLIPK_VERSION_MAJOR 0  ///< rises with what breaks users, from 1.0 on
#define CLIPK_VERSION_MINOR 2  ///< before 1.0, rises with every change of what is public
#define CLIPK_VERSION_PATCH 0  ///< rises where nothing public changes

namespace clipk {

/// "MAJOR.MINOR.PATCH" of the library that is linked. Where it differs from the macros of this
/// header, headers and library belong to two installations.
const char* version();

}  // namespace clipk
