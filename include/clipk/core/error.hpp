#pragma once

#include <stdexcept>
#include <string>

namespace clipk {

/// The one exception type of the library. Its message is one line that says what was expected and
/// what came, with both values. The library never prints, exits or aborts.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace clipk
