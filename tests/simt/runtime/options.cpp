#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <unistd.h>

#include "simt/runtime/simt.hpp"

namespace clipk::simt {
namespace {

[[noreturn]] void bad_option(const char* name, const char* value) {
  std::fprintf(stderr, "simt: %s=%s is not understood\n", name, value);
  std::_Exit(2);
}

double number(const char* name, const char* value) {
  char* end = nullptr;
  const double result = std::strtod(value, &end);
  if (end == value || *end != 0 || !(result >= 0)) bad_option(name, value);
  return result;
}

Options from_environment() {
  Options o;
  auto with = [](const char* name, auto use) {
    if (const char* value = std::getenv(name); value != nullptr && *value != 0) use(name, value);
  };
  with("CLIPK_SIMT_ORDER", [&](const char* name, std::string value) {
    if (value == "forward")
      o.order = Order::forward;
    else if (value == "reverse")
      o.order = Order::reverse;
    else if (value == "random")
      o.order = Order::random;
    else if (value == "greedy")
      o.order = Order::greedy;
    else
      bad_option(name, value.c_str());
  });
  with("CLIPK_SIMT_STREAMS", [&](const char* name, std::string value) {
    if (value == "eager")
      o.streams = StreamMode::eager;
    else if (value == "lazy")
      o.streams = StreamMode::lazy;
    else
      bad_option(name, value.c_str());
  });
  with("CLIPK_SIMT_SEED",
       [&](auto name, auto value) { o.seed = static_cast<std::uint64_t>(number(name, value)); });
  with("CLIPK_SIMT_RESIDENT", [&](auto name, auto value) {
    o.resident = std::max(1, static_cast<int>(number(name, value)));
  });
  with("CLIPK_SIMT_PREEMPT", [&](auto name, auto value) { o.preempt = number(name, value) != 0; });
  with("CLIPK_SIMT_WATCHDOG",
       [&](auto name, auto value) { o.watchdog_seconds = number(name, value); });
  with("CLIPK_SIMT_CLOSE_MEMORY",
       [&](auto name, auto value) { o.close_memory = number(name, value) != 0; });
  with("CLIPK_SIMT_STACK", [&](auto name, auto value) {
    o.stack_bytes = (static_cast<std::size_t>(number(name, value)) + 4095) / 4096 * 4096;
  });
  return o;
}

std::vector<std::string>& error_list() {
  static auto* list = new std::vector<std::string>;  // outlives every static destructor
  return *list;
}

// A program without the gtest listener must not end well after a kernel misbehaved.
void fail_at_exit() {
  if (error_list().empty()) return;
  std::fflush(nullptr);
  std::fprintf(stderr, "simt: %zu errors were never looked at\n", error_list().size());
  ::_exit(1);
}

}  // namespace

Options& options() {
  static Options instance = from_environment();
  return instance;
}

std::string describe_options() {
  static const char* names[] = {"forward", "reverse", "random", "greedy"};
  const Options& o = options();
  std::string text = names[static_cast<int>(o.order)];
  if (o.order == Order::random || o.preempt) text += " seed " + std::to_string(o.seed);
  if (o.resident > 1) text += " resident " + std::to_string(o.resident);
  if (o.preempt) text += " preempt";
  if (o.streams == StreamMode::lazy) text += " lazy";
  return text;
}

const std::vector<std::string>& errors() {
  return error_list();
}
void clear_errors() {
  error_list().clear();
}

void report(const char* format, ...) {
  static const int registered = std::atexit(fail_at_exit);
  (void)registered;
  char text[800];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (error_list().size() >= 50) return;
  error_list().emplace_back(text);
  if (options().echo) std::fprintf(stderr, "simt: %s\n", text);
}

}  // namespace clipk::simt
