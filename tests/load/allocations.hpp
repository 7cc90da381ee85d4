#pragma once

#include <cstddef>

namespace clipk::test {

/// The most bytes that operator new held at one time since the mark was set, beyond those that it
/// held then. In a program that is linked with allocations.cpp, which replaces operator new.
class PeakMark {
 public:
  PeakMark();
  std::size_t bytes() const;

 private:
  std::size_t held_;
};

}  // namespace clipk::test
