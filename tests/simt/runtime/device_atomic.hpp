// Atomics, fences and cached loads. The overloads are CUDA's own, so that a type which nvcc would
// refuse is refused here as well.
#pragma once

#include "simt/runtime/kernel_api.hpp"

namespace clipk::simt {

template <class T, class Change>
T atomic_change(T* address, Change change) {
  before_atomic(address);
  g_in_atomic = true;
  const T old = *static_cast<volatile T*>(address);
  *static_cast<volatile T*>(address) = change(old);
  g_in_atomic = false;
  after_atomic();
  return old;
}

}  // namespace clipk::simt

#define CLIPK_SIMT_ATOMIC(name, T, changed)                                                      \
  inline T name(T* address, T value) {                                                           \
    return clipk::simt::atomic_change(address,                                                   \
                                      [value]([[maybe_unused]] T old) -> T { return changed; }); \
  }
#define CLIPK_SIMT_ATOMIC_INTEGERS(name, changed) \
  CLIPK_SIMT_ATOMIC(name, int, changed)           \
  CLIPK_SIMT_ATOMIC(name, unsigned, changed)      \
  CLIPK_SIMT_ATOMIC(name, unsigned long long, changed)

CLIPK_SIMT_ATOMIC(atomicAdd, int, static_cast<int>(static_cast<unsigned>(old) + value))
CLIPK_SIMT_ATOMIC(atomicAdd, unsigned, old + value)
CLIPK_SIMT_ATOMIC(atomicAdd, unsigned long long, old + value)
CLIPK_SIMT_ATOMIC(atomicAdd, float, old + value)
CLIPK_SIMT_ATOMIC(atomicAdd, double, old + value)
CLIPK_SIMT_ATOMIC(atomicSub, int, static_cast<int>(static_cast<unsigned>(old) - value))
CLIPK_SIMT_ATOMIC(atomicSub, unsigned, old - value)
CLIPK_SIMT_ATOMIC_INTEGERS(atomicMin, old < value ? old : value)
CLIPK_SIMT_ATOMIC_INTEGERS(atomicMax, old < value ? value : old)
CLIPK_SIMT_ATOMIC(atomicMin, long long, old < value ? old : value)
CLIPK_SIMT_ATOMIC(atomicMax, long long, old < value ? value : old)
CLIPK_SIMT_ATOMIC_INTEGERS(atomicExch, value)
CLIPK_SIMT_ATOMIC(atomicExch, float, value)
CLIPK_SIMT_ATOMIC_INTEGERS(atomicAnd, old& value)
CLIPK_SIMT_ATOMIC_INTEGERS(atomicOr, old | value)
CLIPK_SIMT_ATOMIC_INTEGERS(atomicXor, old ^ value)
CLIPK_SIMT_ATOMIC(atomicInc, unsigned, old >= value ? 0 : old + 1)
CLIPK_SIMT_ATOMIC(atomicDec, unsigned, old == 0 || old > value ? value : old - 1)

#define CLIPK_SIMT_CAS(T)                                                             \
  inline T atomicCAS(T* address, T expected, T value) {                               \
    return clipk::simt::atomic_change(                                                \
        address, [expected, value](T old) { return old == expected ? value : old; }); \
  }
CLIPK_SIMT_CAS(int)
CLIPK_SIMT_CAS(unsigned)
CLIPK_SIMT_CAS(unsigned long long)

#undef CLIPK_SIMT_CAS
#undef CLIPK_SIMT_ATOMIC_INTEGERS
#undef CLIPK_SIMT_ATOMIC

inline void __threadfence() {
  clipk::simt::fence();
}
inline void __threadfence_block() {}
inline void __threadfence_system() {
  clipk::simt::fence();
}
inline void __nanosleep(unsigned) {
  clipk::simt::after_atomic();
}

template <class T>
T __ldg(const T* address) {
  return *address;
}
template <class T>
T __ldcg(const T* address) {
  return *address;
}
template <class T>
T __ldcs(const T* address) {
  return *address;
}
template <class T>
T __ldca(const T* address) {
  return *address;
}
template <class T>
void __stcs(T* address, T value) {
  *address = value;
}
template <class T>
void __stcg(T* address, T value) {
  *address = value;
}
