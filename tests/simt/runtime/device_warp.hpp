// Barriers, shuffles, votes and reductions of a warp or block.
#pragma once

#include <cstring>
#include <type_traits>

#include "simt/runtime/kernel_api.hpp"

// As the last parameters of a function: the position of the call.
#define CLIPK_SIMT_WHERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

namespace clipk::simt {

inline bool has(unsigned lanes, int lane) {
  return (lanes >> lane & 1) != 0;
}

template <class T>
struct ShuffleLane {
  T in, out;
  int source;  // -1: keeps its own value
};

template <class T>
T shuffle(unsigned mask, T value, int source, Where where) {
  static_assert(std::is_trivially_copyable_v<T>);
  ShuffleLane<T> mine{value, value, source};
  warp_collective(
      Collective::shuffle, mask, &mine,
      [](void* const* lanes, unsigned present) {
        for (int lane = 0; lane < 32; ++lane) {
          if (!has(present, lane)) continue;
          auto* me = static_cast<ShuffleLane<T>*>(lanes[lane]);
          if (me->source < 0) continue;
          if (has(present, me->source)) {
            me->out = static_cast<ShuffleLane<T>*>(lanes[me->source])->in;
          } else {
            std::memset(static_cast<void*>(&me->out), 0xFF, sizeof(T));
            report("shuffle: lane %d reads lane %d, which does not take part", lane, me->source);
          }
        }
      },
      where);
  return mine.out;
}

struct VoteLane {
  bool in;
  unsigned out;
};

inline unsigned vote(unsigned mask, bool predicate, Where where) {
  VoteLane mine{predicate, 0};
  warp_collective(
      Collective::vote, mask, &mine,
      [](void* const* lanes, unsigned present) {
        unsigned result = 0;
        for (int lane = 0; lane < 32; ++lane) {
          if (has(present, lane) && static_cast<VoteLane*>(lanes[lane])->in) result |= 1u << lane;
        }
        for (int lane = 0; lane < 32; ++lane) {
          if (has(present, lane)) static_cast<VoteLane*>(lanes[lane])->out = result;
        }
      },
      where);
  return mine.out;
}

template <class T, class Op>
T reduce(unsigned mask, T value, Where where) {
  static_assert(sizeof(T) == 4 && std::is_integral_v<T>, "as on the GPU: 32-bit integers only");
  warp_collective(
      Collective::reduce, mask, &value,
      [](void* const* lanes, unsigned present) {
        T result{};
        bool first = true;
        for (int lane = 0; lane < 32; ++lane) {
          if (!has(present, lane)) continue;
          const T in = *static_cast<T*>(lanes[lane]);
          result = first ? in : Op{}(result, in);
          first = false;
        }
        for (int lane = 0; lane < 32; ++lane) {
          if (has(present, lane)) *static_cast<T*>(lanes[lane]) = result;
        }
      },
      where);
  return value;
}

template <class T>
struct MatchLane {
  T value;
  unsigned out;
};

template <class T>
unsigned match_any(unsigned mask, T value, Where where) {
  MatchLane<T> mine{value, 0};
  warp_collective(
      Collective::match, mask, &mine,
      [](void* const* lanes, unsigned present) {
        for (int lane = 0; lane < 32; ++lane) {
          if (!has(present, lane)) continue;
          auto* me = static_cast<MatchLane<T>*>(lanes[lane]);
          for (int other = 0; other < 32; ++other) {
            if (has(present, other) && static_cast<MatchLane<T>*>(lanes[other])->value == me->value)
              me->out |= 1u << other;
          }
        }
      },
      where);
  return mine.out;
}

struct Plus {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<unsigned>(a) + static_cast<unsigned>(b));
  }
};
struct Least {
  template <class T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct Most {
  template <class T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};
struct BitAnd {
  unsigned operator()(unsigned a, unsigned b) const { return a & b; }
};
struct BitOr {
  unsigned operator()(unsigned a, unsigned b) const { return a | b; }
};

/// First lane of the calling lane's group of `width` lanes.
inline int group_begin(int width) {
  return g_lane & ~(width - 1);
}

}  // namespace clipk::simt

inline void __syncthreads(CLIPK_SIMT_WHERE) {
  clipk::simt::block_barrier(clipk::simt::BarrierKind::plain, false, {file, line});
}
inline int __syncthreads_count(int predicate, CLIPK_SIMT_WHERE) {
  return clipk::simt::block_barrier(clipk::simt::BarrierKind::count, predicate != 0, {file, line});
}
inline int __syncthreads_and(int predicate, CLIPK_SIMT_WHERE) {
  return clipk::simt::block_barrier(clipk::simt::BarrierKind::all, predicate != 0, {file, line});
}
inline int __syncthreads_or(int predicate, CLIPK_SIMT_WHERE) {
  return clipk::simt::block_barrier(clipk::simt::BarrierKind::any, predicate != 0, {file, line});
}
inline void __syncwarp(unsigned mask = ~0u, CLIPK_SIMT_WHERE) {
  clipk::simt::warp_collective(clipk::simt::Collective::syncwarp, mask, nullptr,
                               [](void* const*, unsigned) {}, {file, line});
}
inline unsigned __activemask() {
  return clipk::simt::live_lanes();
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, CLIPK_SIMT_WHERE) {
  const int lane = clipk::simt::group_begin(width) + (source & (width - 1));
  return clipk::simt::shuffle(mask, value, lane, {file, line});
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, CLIPK_SIMT_WHERE) {
  const int lane = clipk::simt::g_lane ^ bits;
  const bool inside = lane < clipk::simt::group_begin(width) + width;
  return clipk::simt::shuffle(mask, value, inside ? lane : -1, {file, line});
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, CLIPK_SIMT_WHERE) {
  const int lane = clipk::simt::g_lane + static_cast<int>(delta);
  const bool inside = lane < clipk::simt::group_begin(width) + width;
  return clipk::simt::shuffle(mask, value, inside ? lane : -1, {file, line});
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, CLIPK_SIMT_WHERE) {
  const int lane = clipk::simt::g_lane - static_cast<int>(delta);
  const bool inside = lane >= clipk::simt::group_begin(width);
  return clipk::simt::shuffle(mask, value, inside ? lane : -1, {file, line});
}

inline unsigned __ballot_sync(unsigned mask, int predicate, CLIPK_SIMT_WHERE) {
  return clipk::simt::vote(mask, predicate != 0, {file, line});
}
inline int __any_sync(unsigned mask, int predicate, CLIPK_SIMT_WHERE) {
  return clipk::simt::vote(mask, predicate != 0, {file, line}) != 0;
}
inline int __all_sync(unsigned mask, int predicate, CLIPK_SIMT_WHERE) {
  return clipk::simt::vote(mask, predicate == 0, {file, line}) == 0;
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value, CLIPK_SIMT_WHERE) {
  return clipk::simt::match_any(mask, value, {file, line});
}
template <class T>
T __reduce_add_sync(unsigned mask, T value, CLIPK_SIMT_WHERE) {
  return clipk::simt::reduce<T, clipk::simt::Plus>(mask, value, {file, line});
}
template <class T>
T __reduce_min_sync(unsigned mask, T value, CLIPK_SIMT_WHERE) {
  return clipk::simt::reduce<T, clipk::simt::Least>(mask, value, {file, line});
}
template <class T>
T __reduce_max_sync(unsigned mask, T value, CLIPK_SIMT_WHERE) {
  return clipk::simt::reduce<T, clipk::simt::Most>(mask, value, {file, line});
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned value, CLIPK_SIMT_WHERE) {
  return clipk::simt::reduce<unsigned, clipk::simt::BitAnd>(mask, value, {file, line});
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value, CLIPK_SIMT_WHERE) {
  return clipk::simt::reduce<unsigned, clipk::simt::BitOr>(mask, value, {file, line});
}
