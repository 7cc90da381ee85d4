// The threads that may run, and the order in which they are taken.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "simt/runtime/simt.hpp"

namespace clipk::simt {

/// A ring: a queue in forward order, a stack in reverse and greedy order, a bag in random order.
template <class Thread>
class ReadyList {
 public:
  void reset(Order order, std::uint64_t seed, std::size_t capacity) {
    order_ = order;
    state_ = seed;
    ring_.resize(std::bit_ceil(capacity + 1));
    head_ = count_ = 0;
  }

  void push(Thread* t) { at(count_++) = t; }

  /// Null when there is none.
  Thread* pick() {
    if (count_ == 0) return nullptr;
    if (order_ == Order::forward) {
      Thread* t = at(0);
      ++head_;
      --count_;
      return t;
    }
    if (order_ == Order::random) std::swap(at(random() % count_), at(count_ - 1));
    return at(--count_);
  }

  /// Calls f(i) for i < n in the order in which threads must be pushed to be taken as Order says.
  template <class F>
  void for_each_in_push_order(std::size_t n, F f) const {
    if (order_ == Order::greedy) {
      for (std::size_t i = n; i > 0; --i) f(i - 1);
    } else {
      for (std::size_t i = 0; i < n; ++i) f(i);
    }
  }

  std::uint64_t random() {  // splitmix64
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
  }

 private:
  Thread*& at(std::size_t i) { return ring_[(head_ + i) & (ring_.size() - 1)]; }

  Order order_ = Order::forward;
  std::uint64_t state_ = 0;
  std::vector<Thread*> ring_;
  std::size_t head_ = 0, count_ = 0;
};

}  // namespace clipk::simt
