#pragma once

#include <gtest/gtest.h>

#include <string>

#include "clipk/core/error.hpp"

namespace clipk::test {

/// The message of the Error that f throws, or "no error".
template <class F>
[[nodiscard]] std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace clipk::test

/// Expects `part` in `text`.
#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
