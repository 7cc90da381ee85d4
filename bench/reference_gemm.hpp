#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace clipk::bench {

/// C [m, n] = A [m, k] B, row-major; B is [n, k] if `transposed`, else [k, n].
template <class T>
using GemmFunction = void (*)(int threads, bool transposed, std::int64_t m, std::int64_t n,
                              std::int64_t k, const T* a, const T* b, T* c);

/// The products of other libraries that CMake found, by name.
template <class T>
std::vector<std::pair<std::string, GemmFunction<T>>> reference_gemms();

}  // namespace clipk::bench
