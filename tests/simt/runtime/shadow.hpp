// Shadow memory of the race detector: for every 4 bytes of device and shared memory who wrote it
// last, two of those who read it since, and which bytes were ever written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace clipk::simt {

/// When and where one thread accessed a word.
struct Stamp {
  std::uint32_t block = 0, thread = 0;
  std::uint32_t block_epoch = 0;  // barriers of the block so far
  std::uint32_t lane_epoch = 0;   // __syncwarps and fences of the thread so far
  std::uint32_t place = 0;        // of the instruction, from the executable's start
  std::uint8_t bytes = 0;         // which of the four; 0: no access
  bool atomic = false;
};

struct Cell {
  Stamp write, read[2];
  std::uint32_t generation = 0;
  std::uint8_t initialised = 0;
};

struct Region {
  char* begin;
  std::size_t bytes;
  const char* name;
  long block;  // owner of shared memory, -1: device memory
  std::uint32_t generation;
  std::unique_ptr<Cell[], void (*)(void*)> cells;
};

class Shadow {
 public:
  void add(const void* address, std::size_t bytes, const char* name, long block);
  void remove(const void* address);
  /// Null when the address is neither device nor shared memory.
  Region* find(const char* address);
  void mark_initialised(const void* address, std::size_t bytes);

  /// The cell as of now: what an earlier launch or block left there is forgotten.
  Cell& cell(Region& region, std::size_t word) {
    Cell& c = region.cells[word];
    const std::uint32_t generation = region.block < 0 ? launch_generation_ : region.generation;
    if (c.generation != generation) {
      const std::uint8_t keep = region.block < 0 ? c.initialised : 0;
      c = Cell{};
      c.generation = generation;
      c.initialised = keep;
    }
    return c;
  }
  void begin_launch() { launch_generation_ = ++last_generation_; }

 private:
  static constexpr std::size_t kLines = 8192;

  std::map<char*, Region> regions_;
  Region* lines_[kLines] = {};  // by 256-byte line, in which two regions never meet
  std::uint32_t last_generation_ = 0, launch_generation_ = 0;
};

}  // namespace clipk::simt
