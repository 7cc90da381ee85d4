// Barriers, warp collectives, and what their absence leads to.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "simt/runtime/monitor.hpp"
#include "simt/runtime/threads.hpp"
#include "simt/runtime/watchdog.hpp"

namespace clipk::simt {
namespace {

const char* name_of(Collective kind) {
  static const char* names[] = {"__syncwarp", "shuffle", "vote",    "reduce",
                                "match",      "mma",     "ldmatrix"};
  return names[static_cast<int>(kind)];
}

const char* file_name(Where where) {
  if (where.file == nullptr) return "?";
  const char* slash = std::strrchr(where.file, '/');
  return slash != nullptr ? slash + 1 : where.file;
}

bool same_place(Where a, Where b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

void release_barrier(Block& b) {
  ++g.stats.barriers;
  if (g_monitor != nullptr) g_monitor->barrier(b.linear);
  const int live = static_cast<int>(b.live);
  b.result = b.barrier == BarrierKind::count ? b.count
             : b.barrier == BarrierKind::all ? b.count == live
                                             : b.count > 0;
  b.at_barrier = 0;
  b.count = 0;
  g.ready.for_each_in_push_order(b.threads.size(), [&](std::size_t i) {
    if (b.threads[i].state == State::at_barrier) make_ready(&b.threads[i]);
  });
}

/// Runs the collective that `first` waits in if all its lanes have come.
void try_complete(Thread& first) {
  Block& b = *first.block;
  Warp& warp = b.warps[first.warp];
  const unsigned lanes = first.mask & warp.live;
  if ((warp.waiting & lanes) != lanes) return;
  void* data[32] = {};
  Thread* members = &b.threads[static_cast<std::size_t>(first.warp) * 32];
  for (int lane = 0; lane < 32; ++lane) {
    if ((lanes >> lane & 1) == 0) continue;
    Thread& other = members[lane];
    if (other.kind != first.kind || other.mask != first.mask ||
        !same_place(other.where, first.where)) {
      report("%s: divergent warp collective: %s mask %08x / %s mask %08x", g.launch.name,
             position(first).c_str(), first.mask, position(other).c_str(), other.mask);
      abandon();
    }
    data[lane] = other.data;
  }
  const bool paused = g_monitor_paused;
  g_monitor_paused = true;
  first.combine(data, lanes);
  g_monitor_paused = paused;
  warp.waiting &= ~lanes;
  if (first.kind == Collective::syncwarp && g_monitor != nullptr) {
    g_monitor->warp_sync(b.linear, first.warp, lanes);
  }
  g.ready.for_each_in_push_order(32, [&](std::size_t lane) {
    if (lanes >> lane & 1) make_ready(&members[lane]);
  });
}

}  // namespace

std::string position(const Thread& t) {
  const char* what = t.state == State::at_barrier      ? "__syncthreads"
                     : t.state == State::at_collective ? name_of(t.kind)
                                                       : "running";
  char text[200];
  std::snprintf(text, sizeof text, "block (%u,%u,%u) thread %u at %s %s:%d", t.block->index.x,
                t.block->index.y, t.block->index.z, t.id, what, file_name(t.where), t.where.line);
  return text;
}

void thread_ends(Thread& t) {
  Block& b = *t.block;
  Warp& warp = b.warps[t.warp];
  t.state = State::ended;
  t.copies.reset();
  warp.live &= ~(1u << t.lane);
  --b.live;
  b.some_ended = true;
  watchdog_progress();
  for (int lane = 0; warp.waiting != 0 && lane < 32; ++lane) {
    if ((warp.waiting >> lane & 1) == 0) continue;
    Thread& other = b.threads[static_cast<std::size_t>(t.warp) * 32 + lane];
    if ((other.mask >> t.lane & 1) == 0) continue;
    report("%s: thread %u ended while %s names its lane in mask %08x", g.launch.name, t.id,
           position(other).c_str(), other.mask);
    abandon();
  }
  if (b.live > 0 && b.at_barrier == b.live) {
    auto waiting = std::find_if(b.threads.begin(), b.threads.end(), [](const Thread& other) {
      return other.state == State::at_barrier;
    });
    report("%s: thread %u ended while others wait: %s", g.launch.name, t.id,
           position(*waiting).c_str());
    abandon();
  }
  if (b.live == 0) {
    if (g_monitor != nullptr) g_monitor->block_ends(b.linear);
    if (const char* name = b.shared.overrun()) {
      report("%s: block (%u,%u,%u) wrote past the end of shared %s", g.launch.name, b.index.x,
             b.index.y, b.index.z, name);
    }
    b.shared.end();
  }
}

void warp_collective(Collective kind, unsigned mask, void* data, Combine combine, Where where) {
  Thread& t = *g.current;
  ++g.stats.collectives;
  t.kind = kind;
  t.mask = mask;
  t.data = data;
  t.combine = combine;
  t.where = where;
  t.state = State::at_collective;
  if ((mask >> t.lane & 1) == 0) {
    report("%s: %s calls with mask %08x, which lacks its own lane", g.launch.name,
           position(t).c_str(), mask);
    abandon();
  }
  Warp& warp = t.block->warps[t.warp];
  if ((mask & ~warp.live) != 0 && t.block->threads.size() % 32 == 0) {
    report("%s: %s names lanes in mask %08x that have ended (live: %08x)", g.launch.name,
           position(t).c_str(), mask, warp.live);
    abandon();
  }
  warp.waiting |= 1u << t.lane;
  try_complete(t);
  hand_over();
}

int block_barrier(BarrierKind kind, bool predicate, Where where) {
  Thread& t = *g.current;
  Block& b = *t.block;
  t.where = where;
  t.state = State::at_barrier;
  if (b.some_ended) {
    report("%s: barrier after threads of the block have ended: %s", g.launch.name,
           position(t).c_str());
    abandon();
  }
  if (b.at_barrier == 0) {
    b.barrier = kind;
    b.barrier_where = where;
  } else if (b.barrier != kind || !same_place(b.barrier_where, where)) {
    report("%s: divergent __syncthreads: %s, others at %s:%d", g.launch.name, position(t).c_str(),
           file_name(b.barrier_where), b.barrier_where.line);
    abandon();
  }
  b.count += predicate;
  if (++b.at_barrier == b.live) release_barrier(b);
  hand_over();
  return b.result;
}

unsigned live_lanes() {
  return g.current->block->warps[g.current->warp].live;
}

}  // namespace clipk::simt
