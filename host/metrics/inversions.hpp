#pragma once

#include <cstdint>

namespace clipk {

template <class T>
struct Sorted {
  T* values;                 ///< one of the two arrays of the arguments
  std::uint64_t inversions;  ///< number of i < j with values_i > values_j before sorting
};

/// Sorts by merging and counts inversions. Both arrays have n elements and both are overwritten.
/// The pieces of work depend only on n and the counts are integers, so any number of threads gives
/// the same result.
Sorted<std::uint32_t> sort_counting(int threads, std::uint32_t* values, std::uint32_t* buffer,
                                    std::int64_t n);
Sorted<std::uint64_t> sort_counting(int threads, std::uint64_t* values, std::uint64_t* buffer,
                                    std::int64_t n);

}  // namespace clipk
