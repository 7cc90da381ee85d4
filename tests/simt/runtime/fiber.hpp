// Stackful coroutines: one runs one CUDA thread at a time. Switching costs about 20 ns on x86-64,
// where a few lines of assembly do it; elsewhere ucontext does.
#pragma once

#include <cstddef>

#if defined(__x86_64__) && !defined(CLIPK_SIMT_UCONTEXT)
#define CLIPK_SIMT_ASM_SWITCH 1
#else
#define CLIPK_SIMT_ASM_SWITCH 0
#include <ucontext.h>
#endif

namespace clipk::simt {

struct Fiber {
  char* stack = nullptr;  // lowest address; null for the operating system's own stack
  std::size_t stack_bytes = 0;
#if CLIPK_SIMT_ASM_SWITCH
  void* stack_pointer = nullptr;
#else
  ucontext_t context{};
#endif
  // What AddressSanitizer wants to know about a stack that is left and entered again.
  void* fake_stack = nullptr;
  const void* bottom = nullptr;
  std::size_t bottom_bytes = 0;
};

/// Gives the fiber a stack (below it an unmapped page, so that an overflow faults).
void allocate_stack(Fiber& fiber, std::size_t bytes);
/// The next switch to the fiber calls entry, which must never return.
void arm(Fiber& fiber, void (*entry)());
void switch_fiber(Fiber& from, Fiber& to);

}  // namespace clipk::simt
