#pragma once

#include <string>
#include <vector>

namespace clipk {

// Operations on the CPU are compiled for several sets of vector instructions, named as Highway
// names them, in lower case: avx2, avx3 (AVX-512), neon ... The library runs the best target that
// the processor has. The environment variable CLIPK_CPU_TARGET limits that to the target it names
// (upper or lower case) or a lesser one. Results are the same on all of them.

/// The targets that this build and this processor have, best first, whatever CLIPK_CPU_TARGET says.
/// Empty on an x86 processor without AVX2 and FMA (x86-64-v3).
std::vector<std::string> cpu_targets();

/// Applies the value that CLIPK_CPU_TARGET has at the first call. Every new Context calls it.
/// @returns the target that operations run on
/// @throws Error if the variable names none of cpu_targets(), or cpu_targets() is empty.
std::string limit_cpu_target();

}  // namespace clipk
