#include "cpu/hamming_top_k.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/hamming_top_k.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "cpu/detail/code_scan.hpp"

// With many queries a group of codes is rearranged once for all of them: byte b of every code of
// the group side by side, cut into halves of 4 bits. A query's distance from a half is one of 16
// numbers, so a shuffle of 16 bytes looks up as many codes as a vector has bytes: two shuffles and
// two sums for a byte of a code, with neither a shift nor a sum across lanes. Where a vector counts
// the bits of its bytes in one instruction, it does so instead of the look-up. Sums of up to 31
// bytes fit a byte; longer codes add them up in 16 bits.

// Targets that count the bits of bytes in one instruction: NEON, and AVX-512 with BITALG.
#undef CLIPK_COUNTS_BYTES
#if HWY_ARCH_ARM || (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3_DL)
#define CLIPK_COUNTS_BYTES 1
#else
#define CLIPK_COUNTS_BYTES 0
#endif

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kVectors =
    4;  // of codes in a group: the bytes of a 32-bit lane after its transposition
constexpr std::int64_t kByteSums = 31;  // bytes whose differing bits a byte can count

const hn::ScalableTag<std::uint8_t> kBytes;
const hn::ScalableTag<std::uint16_t> kHalves;
const hn::ScalableTag<std::uint32_t> kWords;

inline std::int64_t byte_lanes() {
  return static_cast<std::int64_t>(hn::Lanes(kBytes));
}

#if CLIPK_COUNTS_BYTES
// A query's byte in all lanes of 16; a byte of the codes as it is.
constexpr std::int64_t kTableBytes = 16, kPlanes = 1;

inline void make_table(std::uint8_t query, std::uint8_t* table) {
  std::memset(table, query, 16);
}
#else
// For each half of a query's byte its distances from the 16 values of such a half.
constexpr std::int64_t kTableBytes = 32, kPlanes = 2;

inline void make_table(std::uint8_t query, std::uint8_t* table) {
  for (unsigned v = 0; v < 16; ++v) {
    table[v] = static_cast<std::uint8_t>(std::popcount((query & 15U) ^ v));
    table[16 + v] = static_cast<std::uint8_t>(std::popcount((query >> 4U) ^ v));
  }
}
#endif

// The bytes 4 w ... 4 w + 3 of every code of the group, as 4 planes of bytes (or of halves).
// @param words [4 lanes of 32 bits]: of code c the word, in lane c / 4 of vector c % 4
void store_planes(const std::uint32_t* words, std::uint8_t* planes) {
  const std::int64_t lanes = byte_lanes(), plane = kVectors * lanes;
  const auto low_bytes = hn::Set(kWords, 0x00FF00FFU), high_bytes = hn::Set(kWords, 0xFF00FF00U);
  const auto low_half = hn::Set(kWords, 0xFFFFU), high_half = hn::Set(kWords, 0xFFFF0000U);
  const auto store = [&](int byte, auto word) HWY_ATTR {
    const auto bytes = hn::BitCast(kBytes, word);
    std::uint8_t* to = planes + byte * kPlanes * plane;
#if CLIPK_COUNTS_BYTES
    hn::Store(bytes, kBytes, to);
#else
    const auto half = hn::Set(kBytes, std::uint8_t{15});
    hn::Store(hn::And(bytes, half), kBytes, to);
    hn::Store(hn::And(hn::BitCast(kBytes, hn::ShiftRight<4>(hn::BitCast(kHalves, bytes))), half),
              kBytes, to + plane);
#endif
  };
  const std::int64_t step = static_cast<std::int64_t>(hn::Lanes(kWords));
  const auto x0 = hn::Load(kWords, words), x1 = hn::Load(kWords, words + step);
  const auto x2 = hn::Load(kWords, words + 2 * step), x3 = hn::Load(kWords, words + 3 * step);
  // Bytes 0 and 2 of two codes side by side, then 1 and 3; from two such pairs one byte of four.
  const auto even01 = hn::Or(hn::And(x0, low_bytes), hn::ShiftLeft<8>(hn::And(x1, low_bytes)));
  const auto even23 = hn::Or(hn::And(x2, low_bytes), hn::ShiftLeft<8>(hn::And(x3, low_bytes)));
  const auto odd01 = hn::Or(hn::ShiftRight<8>(hn::And(x0, high_bytes)), hn::And(x1, high_bytes));
  const auto odd23 = hn::Or(hn::ShiftRight<8>(hn::And(x2, high_bytes)), hn::And(x3, high_bytes));
  store(0, hn::Or(hn::And(even01, low_half), hn::ShiftLeft<16>(even23)));
  store(1, hn::Or(hn::And(odd01, low_half), hn::ShiftLeft<16>(odd23)));
  store(2, hn::Or(hn::ShiftRight<16>(even01), hn::And(even23, high_half)));
  store(3, hn::Or(hn::ShiftRight<16>(odd01), hn::And(odd23, high_half)));
}

// A group of codes: planes [bytes][kPlanes][4 vectors]; missing codes and bytes are 0.
void rearrange(const std::uint8_t* codes, std::int64_t stride, std::int64_t count,
               std::int64_t bytes, std::uint8_t* planes) {
  const std::int64_t lanes = byte_lanes(), group = kVectors * lanes;
  const auto step = static_cast<std::int64_t>(hn::Lanes(kWords));
  HWY_ALIGN std::uint32_t words[HWY_MAX_BYTES];  // of one vector of codes
  for (std::int64_t b = 0; b < bytes; b += 4) {
    const auto width = static_cast<std::size_t>(std::min<std::int64_t>(4, bytes - b));
    for (std::int64_t v = 0; v < kVectors; ++v) {
      for (std::int64_t c = 0; c < lanes; ++c) {
        std::uint32_t word = 0;
        const std::int64_t code = v * lanes + c;
        const std::uint8_t* from = codes + code * stride + b;
        if (code < count) {
          if (width == 4) {
            std::memcpy(&word, from, 4);
          } else {
            std::memcpy(&word, from, width);
          }
        }
        words[c % 4 * step + c / 4] = word;
      }
      store_planes(words, planes + b * kPlanes * group + v * lanes);
    }
  }
}

// Adds those of the group's codes that are nearer than the list's last.
// @param counts [4 vectors]
template <class T>
void take(const T* counts, std::int64_t count, std::int64_t first, ScanList& list) {
  for (std::int64_t c = 0; c < count; ++c) {
    if (counts[c] < list.limit) list.add(counts[c], static_cast<std::int32_t>(first + c));
  }
}

// Sums over the bytes first ... end - 1, of at most kByteSums.
template <class V>
HWY_INLINE void byte_sums(const std::uint8_t* table, const std::uint8_t* planes, std::int64_t first,
                          std::int64_t end, V& s0, V& s1, V& s2, V& s3) {
  const std::int64_t lanes = byte_lanes(), plane = kVectors * lanes;
  s0 = s1 = s2 = s3 = hn::Zero(kBytes);
  for (std::int64_t b = first; b < end; ++b) {
    const std::uint8_t* from = planes + b * kPlanes * plane;
#if CLIPK_COUNTS_BYTES
    const auto query = hn::LoadDup128(kBytes, table + b * kTableBytes);
    s0 = hn::Add(s0, hn::PopulationCount(hn::Xor(query, hn::Load(kBytes, from))));
    s1 = hn::Add(s1, hn::PopulationCount(hn::Xor(query, hn::Load(kBytes, from + lanes))));
    s2 = hn::Add(s2, hn::PopulationCount(hn::Xor(query, hn::Load(kBytes, from + 2 * lanes))));
    s3 = hn::Add(s3, hn::PopulationCount(hn::Xor(query, hn::Load(kBytes, from + 3 * lanes))));
#else
    const auto low = hn::LoadDup128(kBytes, table + b * kTableBytes);
    const auto high = hn::LoadDup128(kBytes, table + b * kTableBytes + 16);
    s0 = hn::Add(s0, hn::TableLookupBytes(low, hn::Load(kBytes, from)));
    s1 = hn::Add(s1, hn::TableLookupBytes(low, hn::Load(kBytes, from + lanes)));
    s2 = hn::Add(s2, hn::TableLookupBytes(low, hn::Load(kBytes, from + 2 * lanes)));
    s3 = hn::Add(s3, hn::TableLookupBytes(low, hn::Load(kBytes, from + 3 * lanes)));
    from += plane;
    s0 = hn::Add(s0, hn::TableLookupBytes(high, hn::Load(kBytes, from)));
    s1 = hn::Add(s1, hn::TableLookupBytes(high, hn::Load(kBytes, from + lanes)));
    s2 = hn::Add(s2, hn::TableLookupBytes(high, hn::Load(kBytes, from + 2 * lanes)));
    s3 = hn::Add(s3, hn::TableLookupBytes(high, hn::Load(kBytes, from + 3 * lanes)));
#endif
  }
}

// Codes of up to kByteSums bytes.
void scan_short(const std::uint8_t* table, const std::uint8_t* planes, std::int64_t bytes,
                std::int64_t count, std::int64_t first, ScanList& list) {
  const std::int64_t lanes = byte_lanes();
  hn::Vec<decltype(kBytes)> s0, s1, s2, s3;
  byte_sums(table, planes, 0, bytes, s0, s1, s2, s3);
  // A limit above 255 lets all pass.
  if (list.limit <= 255) {
    const auto least = hn::Min(hn::Min(s0, s1), hn::Min(s2, s3));
    const auto limit = hn::Set(kBytes, static_cast<std::uint8_t>(list.limit));
    if (hn::AllFalse(kBytes, hn::Lt(least, limit))) return;
  }
  HWY_ALIGN std::uint8_t counts[kVectors * HWY_MAX_BYTES];
  hn::Store(s0, kBytes, counts);
  hn::Store(s1, kBytes, counts + lanes);
  hn::Store(s2, kBytes, counts + 2 * lanes);
  hn::Store(s3, kBytes, counts + 3 * lanes);
  take(counts, count, first, list);
}

// Any codes: sums of even and of odd lanes apart, in 16 bits.
void scan_long(const std::uint8_t* table, const std::uint8_t* planes, std::int64_t bytes,
               std::int64_t count, std::int64_t first, ScanList& list) {
  const std::int64_t lanes = byte_lanes();
  const auto low = hn::Set(kHalves, std::uint16_t{255});
  auto even0 = hn::Zero(kHalves), even1 = even0, even2 = even0, even3 = even0;
  auto odd0 = even0, odd1 = even0, odd2 = even0, odd3 = even0;
  const auto widen = [&](auto sums, auto& even, auto& odd) HWY_ATTR {
    const auto pairs = hn::BitCast(kHalves, sums);
    even = hn::Add(even, hn::And(pairs, low));
    odd = hn::Add(odd, hn::ShiftRight<8>(pairs));
  };
  for (std::int64_t b = 0; b < bytes; b += kByteSums) {
    hn::Vec<decltype(kBytes)> s0, s1, s2, s3;
    byte_sums(table, planes, b, std::min(bytes, b + kByteSums), s0, s1, s2, s3);
    widen(s0, even0, odd0);
    widen(s1, even1, odd1);
    widen(s2, even2, odd2);
    widen(s3, even3, odd3);
  }
  if (list.limit <= 32767) {
    const auto least = hn::Min(hn::Min(hn::Min(even0, even1), hn::Min(even2, even3)),
                               hn::Min(hn::Min(odd0, odd1), hn::Min(odd2, odd3)));
    const hn::RebindToSigned<decltype(kHalves)> numbers;
    const auto limit = hn::Set(numbers, static_cast<std::int16_t>(list.limit));
    if (hn::AllFalse(numbers, hn::Lt(hn::BitCast(numbers, least), limit))) return;
  }
  HWY_ALIGN std::uint16_t counts[kVectors * HWY_MAX_BYTES];
  hn::StoreInterleaved2(even0, odd0, kHalves, counts);
  hn::StoreInterleaved2(even1, odd1, kHalves, counts + lanes);
  hn::StoreInterleaved2(even2, odd2, kHalves, counts + 2 * lanes);
  hn::StoreInterleaved2(even3, odd3, kHalves, counts + 3 * lanes);
  take(counts, count, first, list);
}

// @param work [hamming_scratch_bytes]: the queries' tables, then the planes of a group
void scan_many(const ScanTask& task, MatrixView<const std::uint8_t> queries,
               MatrixView<const std::uint8_t> database, std::uint8_t* work, ScanList* lists) {
  const std::int64_t bytes = queries.cols, group = kVectors * byte_lanes();
  for (std::int64_t q = 0; q < task.queries; ++q) {
    for (std::int64_t b = 0; b < bytes; ++b) {
      make_table(queries.row(task.first_query + q)[b], work + (q * bytes + b) * kTableBytes);
    }
  }
  // Behind the tables, at a vector's alignment.
  const std::int64_t tables = task.queries * bytes * kTableBytes;
  std::uint8_t* const planes = work + (tables + 63) / 64 * 64;
  for (std::int64_t first = task.first; first < task.end; first += group) {
    const std::int64_t count = std::min(group, task.end - first);
    rearrange(database.row(first), database.stride, count, bytes, planes);
    for (std::int64_t q = 0; q < task.queries; ++q) {
      const std::uint8_t* table = work + q * bytes * kTableBytes;
      if (bytes <= kByteSums) {
        scan_short(table, planes, bytes, count, first, lists[q]);
      } else {
        scan_long(table, planes, bytes, count, first, lists[q]);
      }
    }
  }
}

// The bits that differ, 8 bytes at a time. kWords: how many times 8 bytes there are; 0 for any
// number of bytes.
template <int kWords>
HWY_INLINE std::uint32_t distance(const std::uint8_t* x, const std::uint8_t* y,
                                  std::int64_t bytes) {
  const std::int64_t words = kWords > 0 ? kWords : bytes / 8;
  std::int64_t bits = 0;
  for (std::int64_t w = 0; w < words; ++w) {
    std::uint64_t a, b;
    std::memcpy(&a, x + 8 * w, 8);
    std::memcpy(&b, y + 8 * w, 8);
    bits += std::popcount(a ^ b);
  }
  for (std::int64_t b = 8 * words; kWords == 0 && b < bytes; ++b) {
    bits += std::popcount(static_cast<unsigned>(x[b] ^ y[b]));
  }
  return static_cast<std::uint32_t>(bits);
}

// A block of codes stays in L1 for all queries.
template <int kWords>
void scan_as_they_lie(const ScanTask& task, MatrixView<const std::uint8_t> queries,
                      MatrixView<const std::uint8_t> database, ScanList* lists) {
  const std::int64_t block = std::max<std::int64_t>(1, 16384 / database.cols);
  for (std::int64_t first = task.first; first < task.end; first += block) {
    const std::int64_t end = std::min(task.end, first + block);
    for (std::int64_t q = 0; q < task.queries; ++q) {
      const std::uint8_t* query = queries.row(task.first_query + q);
      std::uint32_t limit = lists[q].limit;
      for (std::int64_t j = first; j < end; ++j) {
        const std::uint32_t bits = distance<kWords>(query, database.row(j), database.cols);
        if (bits >= limit) continue;
        lists[q].add(bits, static_cast<std::int32_t>(j));
        limit = lists[q].limit;
      }
    }
  }
}

void scan_few(const ScanTask& task, MatrixView<const std::uint8_t> queries,
              MatrixView<const std::uint8_t> database, ScanList* lists) {
  switch (database.cols) {
    case 8:
      return scan_as_they_lie<1>(task, queries, database, lists);
    case 16:
      return scan_as_they_lie<2>(task, queries, database, lists);
    case 32:
      return scan_as_they_lie<4>(task, queries, database, lists);
    case 64:
      return scan_as_they_lie<8>(task, queries, database, lists);
    default:
      return scan_as_they_lie<0>(task, queries, database, lists);
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(scan_many);
HWY_EXPORT(scan_few);

namespace {

constexpr std::int64_t kFewQueries = 8;     // up to so many read the codes as they lie
constexpr std::int64_t kWidestVector = 64;  // in bytes, of any target

std::int64_t whole_vectors(std::int64_t bytes) {
  return (bytes + kWidestVector - 1) / kWidestVector * kWidestVector;
}

}  // namespace

// Of the target that needs most: tables of 32 bytes, and of 4 vectors of codes two planes a byte,
// for whole words.
std::int64_t hamming_scratch_bytes(const ScanPlan& plan, std::int64_t bytes) {
  if (plan.n <= kFewQueries) return 0;
  const std::int64_t whole_words = (bytes + 3) / 4 * 4;
  return whole_vectors(std::min(plan.n, kScanQueries) * bytes * 32) +
         2 * 4 * kWidestVector * whole_words;
}

void hamming_top_k(int threads, const ScanPlan& plan, const ScanScratch& scratch,
                   std::uint8_t* work, MatrixView<const std::uint8_t> queries,
                   MatrixView<const std::uint8_t> database, MatrixView<std::int32_t> indices,
                   MatrixView<std::int32_t> distances) {
  const std::int64_t own = hamming_scratch_bytes(plan, queries.cols);
  scan_codes(
      threads, plan, scratch,
      [&](const ScanTask& task, ScanList* lists) {
        if (plan.n <= kFewQueries) {
          HWY_DYNAMIC_DISPATCH(scan_few)(task, queries, database, lists);
        } else {
          HWY_DYNAMIC_DISPATCH(scan_many)
          (task, queries, database, work + task.thread * own, lists);
        }
      },
      [&](std::int64_t query, std::int64_t place, ScanCandidate found) {
        indices.row(query)[place] = found.index();
        if (distances.data != nullptr) {
          distances.row(query)[place] = static_cast<std::int32_t>(found.key());
        }
      });
}

}  // namespace clipk::cpu
#endif
