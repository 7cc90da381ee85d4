#pragma once

#include <stdexcept>

namespace clipk::study {

/// Options that are wrong in themselves, whatever the data: exit status 2. The message reads
/// "expected X, got Y".
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace clipk::study
