#pragma once

#include <memory>

#include "clipk/core/context.hpp"

namespace clipk {

/// Slots of a context in which operations keep what other libraries, or their own FFT, make once.
struct LibraryHandles {
  static std::shared_ptr<void>& blas(Context& context);
  /// Plans, and what is computed with them once.
  static std::shared_ptr<void>& fft(Context& context);
};

}  // namespace clipk
