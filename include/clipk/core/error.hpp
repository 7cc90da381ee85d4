#pragma once

#include <stdexcept>
#include <string>

namespace clipk {

/// The exception type of the library. Its message is one line that says what was expected and what
/// came, with both values. The library never prints, exits or aborts.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An Error about a file that the program keeps itself, a model or a checkpoint: it is not as
/// expected, or cannot be written. Repeating the same work fails again.
class FileError : public Error {
 public:
  using Error::Error;
};

}  // namespace clipk
