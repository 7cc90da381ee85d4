#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "clipk/core/error.hpp"

namespace clipk::io {

/// A known number of bytes that are read front to back: a file, or a part of one. Every failure
/// throws an Error with name and reason.
class Source {
 public:
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  const std::string& name() const { return name_; }  ///< for messages
  std::int64_t size() const { return size_; }        ///< in bytes, known before reading
  /// Reads exactly `size` bytes.
  virtual void read(void* data, std::size_t bytes) = 0;
  /// To be called after size() bytes were read: checks what is known only at the end (checksums).
  virtual void finish() {}
  /// Throws "NAME: expected EXPECTED, got GOT".
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const {
    throw Error(name_ + ": expected " + expected + ", got " + got);
  }

 protected:
  explicit Source(std::string name, std::int64_t size = 0) : name_(std::move(name)), size_(size) {}

  std::string name_;
  std::int64_t size_;
};

}  // namespace clipk::io
