#include "core/check.hpp"

#include "clipk/core/error.hpp"

namespace clipk::check {

void fail(const char* op, const std::string& expected, const std::string& got) {
  throw Error(std::string(op) + ": expected " + expected + ", got " + got);
}

std::string shape(std::int64_t rows, std::int64_t cols) {
  return "[" + std::to_string(rows) + ", " + std::to_string(cols) + "]";
}

void same_device(const char* op, const char* name, Device expected, Device got) {
  if (expected != got) fail(op, std::string(name) + " on " + to_string(expected), to_string(got));
}

void positive_stride(const char* op, const char* name, std::int64_t stride, std::int64_t cols) {
  if (stride < cols) {
    fail(op, std::string(name) + " with a row stride of at least " + std::to_string(cols),
         std::to_string(stride));
  }
}

void cpu_only(const char* op, const Context& context) {
  if (context.device() != Device::cpu) {
    fail(op, "a cpu context for double precision", to_string(context.device()));
  }
}

}  // namespace clipk::check
