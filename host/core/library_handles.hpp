#pragma once

#include <memory>

#include "clipk/core/context.hpp"

namespace clipk {

/// Slots of a context in which operations keep objects of other libraries, or of their own FFT,
/// that are made once.
struct LibraryHandles {
  static std::shared_ptr<void>& blas(Context& context);
  /// Plans, and results that are computed with them once.
  static std::shared_ptr<void>& fft(Context& context);
};

}  // namespace clipk
