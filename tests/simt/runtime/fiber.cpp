#include "simt/runtime/fiber.hpp"

#include <cstdio>
#include <cstdlib>

#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace clipk::simt {
namespace {

Fiber* g_left = nullptr;     // the fiber that was left by the switch under way
Fiber* g_entered = nullptr;  // the one it went to
void (*g_entry)() = nullptr;

void before_switch(Fiber& from, Fiber& to) {
  g_left = &from;
  g_entered = &to;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack ? to.stack : to.bottom,
                                 to.stack ? to.stack_bytes : to.bottom_bytes);
#endif
}

void after_switch() {
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(g_entered->fake_stack, &bottom, &bytes);
  if (g_left->stack == nullptr) {  // the way back to the operating system's stack
    g_left->bottom = bottom;
    g_left->bottom_bytes = bytes;
  }
#endif
}

void start() {
  after_switch();
  g_entry();
  std::abort();
}

}  // namespace

#if CLIPK_SIMT_ASM_SWITCH
// Saves the registers that a call must preserve on the old stack, and takes them from the new one.
extern "C" void clipk_simt_switch(void** save, void* load);
asm(R"(
.text
.p2align 4
.globl clipk_simt_switch
.hidden clipk_simt_switch
.type clipk_simt_switch, @function
clipk_simt_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size clipk_simt_switch, . - clipk_simt_switch
)");
#endif

void allocate_stack(Fiber& fiber, std::size_t bytes) {
  constexpr std::size_t kGuard = 4096;
  void* memory = mmap(nullptr, bytes + kGuard, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuard, PROT_NONE) != 0) {
    std::perror("simt: no memory for the stack of a thread");
    std::abort();
  }
  fiber.stack = static_cast<char*>(memory) + kGuard;
  fiber.stack_bytes = bytes;
}

void arm(Fiber& fiber, void (*entry)()) {
  g_entry = entry;
  fiber.fake_stack = nullptr;
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(fiber.stack, fiber.stack_bytes);  // frames that were abandoned
#endif
#if CLIPK_SIMT_ASM_SWITCH
  void** top = reinterpret_cast<void**>(fiber.stack + fiber.stack_bytes);
  *--top = nullptr;  // where start() would return to; keeps its frame aligned as after a call
  *--top = reinterpret_cast<void*>(&start);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  fiber.stack_pointer = top;
#else
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack;
  fiber.context.uc_stack.ss_size = fiber.stack_bytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, start, 0);
#endif
}

void switch_fiber(Fiber& from, Fiber& to) {
  before_switch(from, to);
#if CLIPK_SIMT_ASM_SWITCH
  clipk_simt_switch(&from.stack_pointer, to.stack_pointer);
#else
  swapcontext(&from.context, &to.context);
#endif
  after_switch();
}

}  // namespace clipk::simt
