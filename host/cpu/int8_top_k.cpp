#include "cpu/int8_top_k.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/int8_top_k.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "cpu/detail/code_scan.hpp"
#include "shared/score_key.hpp"

// With many queries a group of rows is rearranged once for all of them, so that a lane of 32 bits
// is a row and no product is summed across lanes: four columns of every row of the group side by
// side, then the next four. A query's four columns are one number, broadcast. Products of bytes are
// summed in 16-bit pairs (one multiply-add for two columns of each row); on processors with VNNI of
// four bytes at once, with the query's bytes moved up by 128, because VNNI takes one side without a
// sign. All sums are exact, so both give the same.

// AVX-512's VNNI, which Highway 1.0 has no target for. Whether the processor has it is asked at run
// time.
#undef CLIPK_VNNI
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
#define CLIPK_VNNI __attribute__((target(HWY_TARGET_STR ",avx512vnni")))
#endif

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int64_t kTileQueries = 4;  // that share the loads of rows
constexpr std::int64_t kVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

const hn::ScalableTag<std::int32_t> kWords;
const hn::ScalableTag<std::int16_t> kHalves;
const hn::ScalableTag<float> kFloats;
using Sums = hn::Vec<decltype(kWords)>;

inline std::int64_t lanes() {
  return static_cast<std::int64_t>(hn::Lanes(kWords));
}
inline std::int64_t group_rows() {
  return kVectors * lanes();
}
inline std::int64_t quads(std::int64_t cols) {
  return (cols + 3) / 4;
}

// Columns 4 t ... 4 t + 3 of a row as one number; columns behind the last are 0.
inline std::int32_t quad(const std::int8_t* row, std::int64_t t, std::int64_t cols) {
  std::int32_t word = 0;
  if (4 * t + 4 <= cols) {
    std::memcpy(&word, row + 4 * t, 4);
  } else {
    std::memcpy(&word, row + 4 * t, static_cast<std::size_t>(cols - 4 * t));
  }
  return word;
}

// Four columns of every row of a group; missing rows are 0.
void gather_quads(MatrixView<const std::int8_t> rows, std::int64_t t, std::int32_t* words) {
  const std::int64_t group = group_rows();
  for (std::int64_t r = 0; r < rows.rows; ++r) words[r] = quad(rows.row(r), t, rows.cols);
  std::fill(words + rows.rows, words + group, 0);
}

// Bytes 0 and 2 of every word, and bytes 1 and 3, as numbers of 16 bits.
template <class V>
HWY_INLINE V even_bytes(V words) {
  return hn::ShiftRight<8>(hn::ShiftLeft<8>(words));
}
template <class V>
HWY_INLINE V odd_bytes(V words) {
  return hn::ShiftRight<8>(words);
}

// Products of 16-bit pairs. A quad of a row or a query is two pairs: columns 0 and 2, 1 and 3.
struct PairMath {
  static constexpr std::int64_t kQuadBytes = 8;

  static void pack_query(const std::int8_t* query, std::int64_t cols, std::uint8_t* out) {
    for (std::int64_t t = 0; t < quads(cols); ++t, out += kQuadBytes) {
      const auto word = static_cast<std::uint32_t>(quad(query, t, cols));
      std::int16_t numbers[4];
      for (int b = 0; b < 4; ++b) {
        numbers[b % 2 * 2 + b / 2] = static_cast<std::int8_t>(word >> 8 * b & 0xFFU);
      }
      std::memcpy(out, numbers, sizeof(numbers));
    }
  }

  // out [quads][2 pairs][group] of 32 bits
  static void pack_rows(MatrixView<const std::int8_t> rows, std::uint8_t* out,
                        std::int32_t* /*start*/) {
    HWY_ALIGN std::int32_t words[4 * HWY_MAX_BYTES / 4];
    auto* to = reinterpret_cast<std::int16_t*>(out);
    const std::int64_t group = group_rows();
    for (std::int64_t t = 0; t < quads(rows.cols); ++t, to += 4 * group) {
      gather_quads(rows, t, words);
      for (std::int64_t v = 0; v < kVectors; ++v) {
        const auto word = hn::BitCast(kHalves, hn::Load(kWords, words + v * lanes()));
        hn::Store(even_bytes(word), kHalves, to + 2 * v * lanes());
        hn::Store(odd_bytes(word), kHalves, to + 2 * (group + v * lanes()));
      }
    }
  }

  // dots [kTileQueries][group]
  static HWY_NOINLINE void products(const std::uint8_t* const* queries, const std::uint8_t* rows,
                                    const std::int32_t* /*start*/, std::int64_t quads,
                                    std::int32_t* dots) {
    Sums sums[kTileQueries][kVectors], more[kTileQueries][kVectors];
    for (auto& of_query : sums) {
      for (Sums& sum : of_query) sum = hn::Zero(kWords);
    }
    for (auto& of_query : more) {
      for (Sums& sum : of_query) sum = hn::Zero(kWords);
    }
    const std::int64_t step = lanes();
    const auto* from = reinterpret_cast<const std::int16_t*>(rows);
    for (std::int64_t p = 0; p < 2 * quads; ++p, from += 2 * kVectors * step) {
      hn::Vec<decltype(kHalves)> pairs[kVectors];
      for (std::int64_t v = 0; v < kVectors; ++v) pairs[v] = hn::Load(kHalves, from + 2 * v * step);
      for (std::int64_t q = 0; q < kTileQueries; ++q) {
        std::int32_t word;
        std::memcpy(&word, queries[q] + 4 * p, 4);
        const auto query = hn::BitCast(kHalves, hn::Set(kWords, word));
        for (std::int64_t v = 0; v < kVectors; ++v) {
          sums[q][v] =
              hn::ReorderWidenMulAccumulate(kWords, pairs[v], query, sums[q][v], more[q][v]);
        }
      }
    }
    for (std::int64_t q = 0; q < kTileQueries; ++q) {
      for (std::int64_t v = 0; v < kVectors; ++v) {
        hn::Store(hn::RearrangeToOddPlusEven(sums[q][v], more[q][v]), kWords,
                  dots + (q * kVectors + v) * step);
      }
    }
  }
};

#ifdef CLIPK_VNNI
// Products of four bytes at once, of a query's bytes plus 128; the sums start at -128 times the sum
// of a row.
struct VnniMath {
  static constexpr std::int64_t kQuadBytes = 4;

  static void pack_query(const std::int8_t* query, std::int64_t cols, std::uint8_t* out) {
    for (std::int64_t t = 0; t < quads(cols); ++t) {
      const auto word = static_cast<std::uint32_t>(quad(query, t, cols)) ^ 0x80808080U;
      std::memcpy(out + 4 * t, &word, 4);
    }
  }

  // out [quads][group] of 32 bits
  static void pack_rows(MatrixView<const std::int8_t> rows, std::uint8_t* out,
                        std::int32_t* start) {
    const std::int64_t group = group_rows(), count = quads(rows.cols);
    auto* words = reinterpret_cast<std::int32_t*>(out);
    for (std::int64_t t = 0; t < count; ++t) gather_quads(rows, t, words + t * group);
    subtract_sums(words, count, start);
  }

  CLIPK_VNNI static HWY_NOINLINE void subtract_sums(const std::int32_t* words, std::int64_t quads,
                                                    std::int32_t* start) {
    const std::int64_t step = lanes();
    const auto ones = hn::Set(kWords, 0x01010101);
    for (std::int64_t v = 0; v < kVectors; ++v) {
      Sums sum = hn::Zero(kWords);
      for (std::int64_t t = 0; t < quads; ++t) {
        sum.raw = _mm512_dpbusd_epi32(sum.raw, ones.raw,
                                      hn::Load(kWords, words + (t * kVectors + v) * step).raw);
      }
      hn::Store(hn::Sub(hn::Zero(kWords), hn::ShiftLeft<7>(sum)), kWords, start + v * step);
    }
  }

  CLIPK_VNNI static HWY_NOINLINE void products(const std::uint8_t* const* queries,
                                               const std::uint8_t* rows, const std::int32_t* start,
                                               std::int64_t quads, std::int32_t* dots) {
    const std::int64_t step = lanes();
    Sums sums[kTileQueries][kVectors];
    for (std::int64_t v = 0; v < kVectors; ++v) {
      for (auto& of_query : sums) of_query[v] = hn::Load(kWords, start + v * step);
    }
    const auto* from = reinterpret_cast<const std::int32_t*>(rows);
    for (std::int64_t t = 0; t < quads; ++t, from += kVectors * step) {
      Sums words[kVectors];
      for (std::int64_t v = 0; v < kVectors; ++v) words[v] = hn::Load(kWords, from + v * step);
      for (std::int64_t q = 0; q < kTileQueries; ++q) {
        std::int32_t word;
        std::memcpy(&word, queries[q] + 4 * t, 4);
        const auto query = hn::Set(kWords, word);
        for (std::int64_t v = 0; v < kVectors; ++v) {
          sums[q][v].raw = _mm512_dpbusd_epi32(sums[q][v].raw, query.raw, words[v].raw);
        }
      }
    }
    for (std::int64_t q = 0; q < kTileQueries; ++q) {
      for (std::int64_t v = 0; v < kVectors; ++v) {
        hn::Store(sums[q][v], kWords, dots + (q * kVectors + v) * step);
      }
    }
  }
};
#endif

inline void add_score(float score, std::int64_t index, ScanList& list) {
  const std::uint32_t key = score_key(std::bit_cast<std::uint32_t>(score));
  if (key < list.limit) list.add(key, static_cast<std::int32_t>(index));
}

// The products of one query with a group into its list. Few groups of a long search hold a row that
// is taken; the others are passed over by a compare.
void select(const std::int32_t* dots, const float* scale, std::int64_t count, std::int64_t first,
            ScanList& list) {
  HWY_ALIGN float scores[4 * HWY_MAX_BYTES / sizeof(float)];
  const std::int64_t step = lanes();
  const bool full = list.limit != std::numeric_limits<std::uint32_t>::max();
  const auto least = hn::Set(kFloats, full ? std::bit_cast<float>(score_bits(list.limit)) : 0);
  auto larger = hn::Lt(least, least);
  for (std::int64_t v = 0; v < kVectors; ++v) {
    const auto score = hn::Mul(hn::Load(kFloats, scale + v * step),
                               hn::ConvertTo(kFloats, hn::Load(kWords, dots + v * step)));
    hn::Store(score, kFloats, scores + v * step);
    larger = hn::Or(larger, hn::Gt(score, least));
  }
  if (full && hn::AllFalse(kFloats, larger)) return;
  for (std::int64_t r = 0; r < count; ++r) add_score(scores[r], first + r, list);
}

template <class Math>
void scan_groups(const ScanTask& task, MatrixView<const std::int8_t> queries,
                 MatrixView<const std::int8_t> database, VectorView<const float> scale,
                 std::uint8_t* work, ScanList* lists) {
  HWY_ALIGN std::int32_t start[4 * HWY_MAX_BYTES / sizeof(std::int32_t)];
  HWY_ALIGN float scales[4 * HWY_MAX_BYTES / sizeof(float)];
  HWY_ALIGN std::int32_t dots[kTileQueries * 4 * HWY_MAX_BYTES / sizeof(std::int32_t)];
  const std::int64_t count = quads(queries.cols), group = group_rows();
  const std::int64_t query_bytes = count * Math::kQuadBytes;
  std::uint8_t* const packed_rows = work;  // aligned, as the group is whole vectors
  std::uint8_t* const packed_queries = work + group * query_bytes;
  for (std::int64_t q = 0; q < task.queries; ++q) {
    Math::pack_query(queries.row(task.first_query + q), queries.cols,
                     packed_queries + q * query_bytes);
  }
  std::fill_n(scales, group, 1.0F);
  for (std::int64_t first = task.first; first < task.end; first += group) {
    const std::int64_t rows = std::min(group, task.end - first);
    Math::pack_rows(database.row_range(first, rows), packed_rows, start);
    if (!scale.empty()) std::copy_n(scale.data + first, rows, scales);
    for (std::int64_t q = 0; q < task.queries; q += kTileQueries) {
      const std::uint8_t* tile[kTileQueries];
      for (std::int64_t i = 0; i < kTileQueries; ++i) {
        tile[i] = packed_queries + std::min(q + i, task.queries - 1) * query_bytes;
      }
      Math::products(tile, packed_rows, start, count, dots);
      for (std::int64_t i = 0; i < std::min(kTileQueries, task.queries - q); ++i) {
        select(dots + i * group, scales, rows, first, lists[q + i]);
      }
    }
  }
}

void scan_many(const ScanTask& task, MatrixView<const std::int8_t> queries,
               MatrixView<const std::int8_t> database, VectorView<const float> scale,
               std::uint8_t* work, ScanList* lists) {
#ifdef CLIPK_VNNI
  static const bool has_vnni = __builtin_cpu_supports("avx512vnni") != 0;
  if (has_vnni) return scan_groups<VnniMath>(task, queries, database, scale, work, lists);
#endif
  scan_groups<PairMath>(task, queries, database, scale, work, lists);
}

std::int32_t dot(const std::int8_t* a, const std::int8_t* b, std::int64_t cols) {
  const hn::Rebind<std::int8_t, decltype(kHalves)> bytes;
  const auto step = static_cast<std::int64_t>(hn::Lanes(bytes));
  Sums even0 = hn::Zero(kWords), odd0 = even0, even1 = even0, odd1 = even0;
  std::int64_t j = 0;
  for (; j + 2 * step <= cols; j += 2 * step) {
    even0 =
        hn::ReorderWidenMulAccumulate(kWords, hn::PromoteTo(kHalves, hn::LoadU(bytes, a + j)),
                                      hn::PromoteTo(kHalves, hn::LoadU(bytes, b + j)), even0, odd0);
    even1 = hn::ReorderWidenMulAccumulate(
        kWords, hn::PromoteTo(kHalves, hn::LoadU(bytes, a + j + step)),
        hn::PromoteTo(kHalves, hn::LoadU(bytes, b + j + step)), even1, odd1);
  }
  std::int32_t sum =
      hn::GetLane(hn::SumOfLanes(kWords, hn::Add(hn::Add(even0, odd0), hn::Add(even1, odd1))));
  for (; j < cols; ++j) sum += a[j] * b[j];
  return sum;
}

// Rows as they lie.
void scan_few(const ScanTask& task, MatrixView<const std::int8_t> queries,
              MatrixView<const std::int8_t> database, VectorView<const float> scale,
              ScanList* lists) {
  for (std::int64_t j = task.first; j < task.end; ++j) {
    for (std::int64_t q = 0; q < task.queries; ++q) {
      const auto product =
          static_cast<float>(dot(queries.row(task.first_query + q), database.row(j), queries.cols));
      add_score(scale.empty() ? product : product * scale[j], j, lists[q]);
    }
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(scan_many);
HWY_EXPORT(scan_few);

namespace {

constexpr std::int64_t kFewQueries = 3;  // up to so many read the rows as they lie

}  // namespace

// Of the target that needs most: 4 vectors of 16 rows and the queries, in 16-bit numbers. Whole
// cache lines, so that every thread's part is aligned.
std::int64_t int8_scratch_bytes(const ScanPlan& plan, std::int64_t cols) {
  if (plan.n <= kFewQueries) return 0;
  const std::int64_t quad_bytes = (cols + 3) / 4 * 8;
  return (std::min(plan.n, kScanQueries) * quad_bytes + 63) / 64 * 64 + 64 * quad_bytes;
}

void int8_top_k(int threads, const ScanPlan& plan, const ScanScratch& scratch, std::uint8_t* work,
                MatrixView<const std::int8_t> queries, MatrixView<const std::int8_t> database,
                VectorView<const float> scale, MatrixView<std::int32_t> indices,
                MatrixView<float> scores) {
  const std::int64_t own = int8_scratch_bytes(plan, queries.cols);
  scan_codes(
      threads, plan, scratch,
      [&](const ScanTask& task, ScanList* lists) {
        if (plan.n <= kFewQueries) {
          HWY_DYNAMIC_DISPATCH(scan_few)(task, queries, database, scale, lists);
        } else {
          HWY_DYNAMIC_DISPATCH(scan_many)
          (task, queries, database, scale, work + task.thread * own, lists);
        }
      },
      [&](std::int64_t query, std::int64_t place, ScanCandidate found) {
        indices.row(query)[place] = found.index();
        if (scores.data != nullptr) {
          scores.row(query)[place] = std::bit_cast<float>(score_bits(found.key()));
        }
      });
}

}  // namespace clipk::cpu
#endif
