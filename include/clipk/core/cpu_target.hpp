#pragma once

#include <string>
#include <vector>

namespace clipk {

// Operations on the CPU are compiled for several sets of vector instructions, named as Highway
// names them, in lower case: avx2, avx3 (AVX-512), neon ... The best that the processor has runs.
// The environment variable CLIPK_CPU_TARGET limits that: the best one allowed is the one it names,
// in any case of letters. Results are the same on all of them.

/// Those that this build and this processor have, the best first, whatever CLIPK_CPU_TARGET says.
/// Empty on an x86 processor without AVX2 and FMA (x86-64-v3).
std::vector<std::string> cpu_targets();

/// Obeys CLIPK_CPU_TARGET as it is at the first call; every Context that is made calls it.
/// @returns the one that operations run on
/// @throws Error if the variable names none of cpu_targets(), or there are none.
std::string limit_cpu_target();

}  // namespace clipk
