// The race detector. Kernel files are compiled with -fsanitize=thread; instead of libtsan, this
// file supplies the __tsan_* functions that the compiler then calls at every access, and judges
// them by CUDA's rules: what orders two accesses is a barrier, a __syncwarp, or fence + atomic +
// fence.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <unistd.h>

#include "simt/runtime/kernel_api.hpp"
#include "simt/runtime/monitor.hpp"
#include "simt/runtime/scheduler.hpp"
#include "simt/runtime/shadow.hpp"
#include "simt/runtime/simt.hpp"

extern "C" char __executable_start, _end;

namespace clipk::simt {
namespace {

/// What one thread had seen of its own block when it executed a fence.
struct View {
  std::uint32_t block, thread, block_epoch, lane_epoch;
  std::uint32_t lanes[32];  // lane epochs of its warp

  bool covers(const Stamp& s) const {
    if (s.block != block) return false;
    if (s.block_epoch < block_epoch) return true;
    return s.thread / 32 == thread / 32 &&
           s.lane_epoch <= (s.thread == thread ? lane_epoch : lanes[s.thread % 32]);
  }
};
using Views = std::vector<View>;

/// What was learnt from other blocks, or from threads of this one, through fences and atomics.
class Acquired {
 public:
  void add(const View& view) { views_[view.block].push_back(view); }
  void add(const Acquired& other) {
    for (const auto& [block, views] : other.views_) {
      views_[block].insert(views_[block].end(), views.begin(), views.end());
    }
  }
  bool covers(const Stamp& s) const {
    if (views_.empty()) return false;
    const auto it = views_.find(s.block);
    return it != views_.end() && std::any_of(it->second.begin(), it->second.end(),
                                             [&](const View& view) { return view.covers(s); });
  }
  void append_to(Views& log) const {
    for (const auto& [block, views] : views_) log.insert(log.end(), views.begin(), views.end());
  }
  void clear() { views_.clear(); }

 private:
  std::map<std::uint32_t, Views> views_;
};

struct ThreadClock {
  std::uint32_t lane_epoch = 1;
  std::uint32_t lanes[32] = {};  // of its warp, as of the last __syncwarp
  // Set by a fence, published by the atomics after it.
  bool fenced = false;
  View fence_view{};
  // Atomics since the last fence, and how many releases each address had then.
  std::vector<std::pair<const void*, std::size_t>> pending;
  Acquired acquired;
};

struct BlockClock {
  std::uint32_t epoch = 1;
  std::vector<ThreadClock> threads;
  Acquired acquired;  // by any thread, before the last barrier
  bool thread_acquired = false;
};

class Detector final : public Monitor {
 public:
  Detector() { g_monitor = this; }

  void launch_begins(unsigned block_threads) override {
    block_threads_ = block_threads;
    shadow_.begin_launch();
    blocks_.clear();
    releases_.clear();
  }
  void launch_ends() override { block_ = nullptr; }
  void block_begins(unsigned block) override {
    BlockClock& b = blocks_[block];
    b = BlockClock{};
    b.threads.resize(block_threads_);
  }
  void block_ends(unsigned block) override {
    block_ = nullptr;
    blocks_.erase(block);
  }
  void thread_runs(unsigned block, unsigned thread, const char* stack,
                   std::size_t stack_bytes) override {
    block_id_ = block;
    thread_id_ = thread;
    stack_begin_ = stack;
    stack_end_ = stack + stack_bytes;
    block_ = &blocks_[block];
  }

  void barrier(unsigned block) override {
    BlockClock& b = blocks_[block];
    ++b.epoch;
    if (!b.thread_acquired) return;
    for (ThreadClock& t : b.threads) {
      b.acquired.add(t.acquired);
      t.acquired.clear();
    }
    b.thread_acquired = false;
  }
  void warp_sync(unsigned block, unsigned warp, unsigned mask) override {
    ThreadClock* threads = &blocks_[block].threads[warp * 32];
    std::uint32_t joined[32] = {};
    for (int lane = 0; lane < 32; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      for (int other = 0; other < 32; ++other) {
        joined[other] = std::max(joined[other], threads[lane].lanes[other]);
      }
      joined[lane] = std::max(joined[lane], threads[lane].lane_epoch);
    }
    for (int lane = 0; lane < 32; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      std::copy(joined, joined + 32, threads[lane].lanes);
      ++threads[lane].lane_epoch;
    }
  }

  void fence() override {
    ThreadClock& t = clock();
    for (const auto& [address, count] : t.pending) {
      const Views& log = releases_[address];
      for (std::size_t i = 0; i < count; ++i) t.acquired.add(log[i]);
      block_->thread_acquired = true;
    }
    t.pending.clear();
    t.fenced = true;
    t.fence_view = {block_id_, thread_id_, block_->epoch, t.lane_epoch, {}};
    std::copy(t.lanes, t.lanes + 32, t.fence_view.lanes);
    ++t.lane_epoch;
  }
  void atomic(const void* address) override {
    ThreadClock& t = clock();
    if (const auto it = releases_.find(address); it != releases_.end()) {
      auto known = std::find_if(t.pending.begin(), t.pending.end(),
                                [&](const auto& p) { return p.first == address; });
      if (known == t.pending.end()) known = t.pending.insert(known, {address, 0});
      known->second = it->second.size();
    }
    if (!t.fenced) return;
    Views& log = releases_[address];
    const View& mine = t.fence_view;
    if (!log.empty() && log.back().block == mine.block && log.back().thread == mine.thread &&
        log.back().lane_epoch == mine.lane_epoch) {
      return;
    }
    block_->acquired.append_to(log);
    t.acquired.append_to(log);
    log.push_back(mine);
  }

  void memory_added(const void* address, std::size_t bytes, const char* name, long block) override {
    shadow_.add(address, bytes, name, block);
  }
  void memory_removed(const void* address) override { shadow_.remove(address); }
  void written_by_host(const void* address, std::size_t bytes) override {
    shadow_.mark_initialised(address, bytes);
  }

  void access(const void* address, std::size_t bytes, Access kind, const void* place) override {
    touch(static_cast<const char*>(address), bytes, kind, place);
  }
  void touch(const char* p, std::size_t bytes, Access kind, const void* pc);

 private:
  ThreadClock& clock() { return block_->threads[thread_id_]; }
  bool ordered(const Stamp& s);
  void touch_word(Region& region, std::size_t word, unsigned bytes, Access kind, const Stamp& me);
  void race(const char* kind, const Region& region, std::size_t word, const Stamp& other,
            const Stamp& me);
  /// True the first time that two places meet: every pair is reported once.
  bool is_new(std::uint32_t place, std::uint32_t other) {
    return reported_.emplace(place, other).second;
  }

  Shadow shadow_;
  unsigned block_threads_ = 0;
  std::unordered_map<unsigned, BlockClock> blocks_;
  std::map<const void*, Views> releases_;
  // who runs
  BlockClock* block_ = nullptr;
  std::uint32_t block_id_ = 0, thread_id_ = 0;
  const char *stack_begin_ = nullptr, *stack_end_ = nullptr;
  std::set<std::pair<std::uint32_t, std::uint32_t>> reported_;
};

// Never destroyed: device memory may be freed by static destructors.
Detector& g_detector = *new Detector;

/// "file.cu:123", by addr2line; the offset into the program where that is missing. Of inlined calls
/// it is the innermost position that is not in the harness's or the portable header.
std::string source_line(std::uint32_t place) {
  char command[160], line[300];
  std::snprintf(command, sizeof command, "addr2line -i -s -e /proc/%d/exe 0x%x 2>/dev/null",
                static_cast<int>(getpid()), place - 1);  // the call, not what follows it
  std::string found;
  if (FILE* pipe = popen(command, "r")) {
    while (std::fgets(line, sizeof line, pipe) != nullptr) {
      line[std::strcspn(line, " \n")] = 0;
      const bool header =
          std::strncmp(line, "device_", 7) == 0 || std::strncmp(line, "portable.cuh", 12) == 0;
      if (found.empty() || !header) found = line;
      if (!header) break;
    }
    pclose(pipe);
  }
  if (!found.empty()) return found;
  std::snprintf(line, sizeof line, "program+0x%x", place);
  return line;
}

bool Detector::ordered(const Stamp& s) {
  if (s.block == block_id_) {
    if (s.thread == thread_id_ || s.block_epoch < block_->epoch) return true;
    if (s.thread / 32 == thread_id_ / 32 && clock().lanes[s.thread % 32] >= s.lane_epoch) {
      return true;
    }
  }
  return block_->acquired.covers(s) || clock().acquired.covers(s);
}

void Detector::race(const char* kind, const Region& region, std::size_t word, const Stamp& other,
                    const Stamp& me) {
  if (!is_new(me.place, other.place)) return;
  report("race: %s on %s%s+%zu: block %u thread %u (%s) / block %u thread %u (%s)", kind,
         region.block >= 0 ? "shared " : "", region.name, word * 4, other.block, other.thread,
         source_line(other.place).c_str(), me.block, me.thread, source_line(me.place).c_str());
}

void Detector::touch(const char* p, std::size_t bytes, Access kind, const void* pc) {
  if (block_ == nullptr || (p >= stack_begin_ && p < stack_end_) ||
      (p >= &__executable_start && p < &_end)) {
    return;
  }
  const auto place = static_cast<std::uint32_t>(static_cast<const char*>(pc) - &__executable_start);
  const char* verb = kind == Access::read ? "read" : "write";
  Region* region = shadow_.find(p);
  if (region == nullptr || (region->block >= 0 && region->block != static_cast<long>(block_id_))) {
    if (is_new(place, 1)) {
      report("race: stray %s of %zu bytes at %p by block %u thread %u (%s)", verb, bytes,
             static_cast<const void*>(p), block_id_, thread_id_, source_line(place).c_str());
    }
    return;
  }
  const std::size_t offset = static_cast<std::size_t>(p - region->begin);
  if (offset + bytes > region->bytes) {
    if (is_new(place, 2)) {
      report("race: %s of %zu bytes at %s+%zu of %zu by block %u thread %u (%s)", verb, bytes,
             region->name, offset, region->bytes, block_id_, thread_id_,
             source_line(place).c_str());
    }
    bytes = region->bytes - offset;
  }
  if (bytes <= 16 && (bytes & (bytes - 1)) == 0 && offset % bytes != 0 && is_new(place, 3)) {
    report("race: misaligned %s of %zu bytes at %s+%zu (%s)", verb, bytes, region->name, offset,
           source_line(place).c_str());
  }
  const Stamp me{block_id_, thread_id_, block_->epoch, clock().lane_epoch, place, 0, g_in_atomic};
  for (std::size_t word = offset / 4; word * 4 < offset + bytes; ++word) {
    const std::size_t first = std::max(offset, word * 4) - word * 4;
    const std::size_t last = std::min(offset + bytes, word * 4 + 4) - word * 4;
    touch_word(*region, word, (1u << last) - (1u << first), kind, me);
  }
}

void Detector::touch_word(Region& region, std::size_t word, unsigned bytes, Access kind,
                          const Stamp& me) {
  Cell& cell = shadow_.cell(region, word);
  auto conflicts = [&](const Stamp& other) {
    return (other.bytes & bytes) != 0 && !(other.atomic && me.atomic) && !ordered(other);
  };
  Stamp mine = me;
  mine.bytes = static_cast<std::uint8_t>(bytes);
  if (kind == Access::read) {
    if ((cell.initialised & bytes) != bytes && is_new(me.place, 4)) {
      report("race: uninitialised read of %s%s+%zu by block %u thread %u (%s)",
             region.block >= 0 ? "shared " : "", region.name, word * 4, me.block, me.thread,
             source_line(me.place).c_str());
    }
    if (conflicts(cell.write)) race("write/read", region, word, cell.write, me);
    // Keep two readers that the next writer may not be ordered with.
    Stamp& first = cell.read[0];
    const bool replaces = first.bytes == 0 ||
                          (first.thread == me.thread && first.block == me.block) || ordered(first);
    (replaces ? first : cell.read[1]) = mine;
    return;
  }
  if (conflicts(cell.write)) race("write/write", region, word, cell.write, me);
  for (const Stamp& read : cell.read) {
    if (conflicts(read)) race("read/write", region, word, read, me);
  }
  cell.write = mine;
  cell.read[0] = cell.read[1] = Stamp{};
  if (kind == Access::write) {
    cell.initialised = static_cast<std::uint8_t>(cell.initialised | bytes);
  } else {
    cell.initialised = static_cast<std::uint8_t>(cell.initialised & ~bytes);
  }
}

void hook(const void* address, std::size_t bytes, Monitor::Access kind, const void* pc) {
  if (!g_monitor_paused) g_detector.touch(static_cast<const char*>(address), bytes, kind, pc);
}

}  // namespace

}  // namespace clipk::simt

using Access = clipk::simt::Monitor::Access;
#define CLIPK_SIMT_HOOK(name, bytes, kind)                                        \
  void name(void* address) {                                                      \
    clipk::simt::hook(address, bytes, Access::kind, __builtin_return_address(0)); \
  }
#define CLIPK_SIMT_HOOKS(bytes)                                       \
  CLIPK_SIMT_HOOK(__tsan_read##bytes, bytes, read)                    \
  CLIPK_SIMT_HOOK(__tsan_write##bytes, bytes, write)                  \
  CLIPK_SIMT_HOOK(__tsan_unaligned_read##bytes, bytes, read)          \
  CLIPK_SIMT_HOOK(__tsan_unaligned_write##bytes, bytes, write)        \
  CLIPK_SIMT_HOOK(__tsan_volatile_read##bytes, bytes, read)           \
  CLIPK_SIMT_HOOK(__tsan_volatile_write##bytes, bytes, write)         \
  CLIPK_SIMT_HOOK(__tsan_unaligned_volatile_read##bytes, bytes, read) \
  CLIPK_SIMT_HOOK(__tsan_unaligned_volatile_write##bytes, bytes, write)

extern "C" {
CLIPK_SIMT_HOOKS(1)
CLIPK_SIMT_HOOKS(2)
CLIPK_SIMT_HOOKS(4)
CLIPK_SIMT_HOOKS(8)
CLIPK_SIMT_HOOKS(16)
void __tsan_read_range(void* address, std::size_t bytes) {
  clipk::simt::hook(address, bytes, Access::read, __builtin_return_address(0));
}
void __tsan_write_range(void* address, std::size_t bytes) {
  clipk::simt::hook(address, bytes, Access::write, __builtin_return_address(0));
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void*, void*) {}
void __tsan_vptr_update(void*, void*) {}
}
