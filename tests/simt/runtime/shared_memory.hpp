// The shared memory of one resident block: variables apart from each other, with poisoned zones
// between them, so that an index past the end of one is noticed.
#pragma once

#include <cstddef>
#include <vector>

namespace clipk::simt {

class SharedMemory {
 public:
  ~SharedMemory();
  /// Starts a block: no variables yet, and `dynamic_bytes` of dynamic memory.
  void begin(unsigned block, std::size_t dynamic_bytes);
  void* variable(const void* key, std::size_t bytes, std::size_t alignment, const char* name);
  void* dynamic() const { return dynamic_; }
  std::size_t total_bytes() const;
  /// The name of a variable past whose end the block wrote, or null.
  const char* overrun() const;
  void end();

 private:
  struct Variable {
    const void* key;
    char* data;
    std::size_t bytes;
    const char* name;
  };
  char* take(const void* key, std::size_t bytes, std::size_t alignment, const char* name);

  char* arena_ = nullptr;
  std::size_t used_ = 0;
  unsigned block_ = 0;
  char* dynamic_ = nullptr;
  std::vector<Variable> variables_;
};

/// What uninitialised memory holds: NaN as a float, -1 as an int.
inline constexpr unsigned char kPoison = 0xFF;

}  // namespace clipk::simt
