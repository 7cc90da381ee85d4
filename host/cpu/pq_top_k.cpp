#include "cpu/pq_top_k.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pq_top_k.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/virtual_lanes-inl.hpp"
#include "shared/score_key.hpp"

// The tables of 16 queries are interleaved: [m][centroids][16]. A code then names 16 numbers that
// lie side by side, one for each query, so a vector load takes the place of 16 look-ups, and every
// query has sums of its own in the order of s, whatever the width of a vector. Sub-vectors are
// taken in blocks whose tables stay in cache, over a tile of rows whose sums do.

#ifndef CLIPK_PQ_TOP_K_CONSTANTS
#define CLIPK_PQ_TOP_K_CONSTANTS
namespace clipk::cpu {

inline constexpr std::int64_t kLanes = 16;      // queries that share a look-up
inline constexpr std::int64_t kTileRows = 512;  // codes
// Up to so many queries left over are looked up one by one: a group costs as much as three.
inline constexpr std::int64_t kFewPqQueries = 3;
// Sub-vectors of a block, whose tables take 256 or 32 KB.
template <int kCentroids>
inline constexpr std::int64_t kBlock = kCentroids == 256 ? 16 : 32;

}  // namespace clipk::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kSumVectors = kBlockVectors<float>;

// Adds the numbers of sub-vectors first ... first + count - 1 to the sums of a tile's rows.
// @param table [count, kCentroids, kLanes]  @param sums [rows, kLanes]; not read if `start`
template <int kCentroids, bool kStart>
void add_block(const float* table, std::int64_t first, std::int64_t count,
               MatrixView<const std::uint8_t> codes, float* sums) {
  const hn::ScalableTag<float> tag;
  constexpr std::int64_t kStep = kCentroids * kLanes, kVector = kVectorLanes<float>;
  for (std::int64_t i = 0; i < codes.rows; ++i) {
    const std::uint8_t* code = codes.row(i) + (kCentroids == 16 ? first / 2 : first);
    LaneSum<float> sum;
    float* to = sums + i * kLanes;
    for (int v = 0; v < kSumVectors; ++v) {
      if constexpr (!kStart) sum.vector[v] = hn::Load(tag, to + v * kVector);
    }
    const float* from = table;
    const auto add = [&](std::int64_t place) HWY_ATTR {
      for (int v = 0; v < kSumVectors; ++v) {
        sum.vector[v] = hn::Add(sum.vector[v], hn::Load(tag, from + place * kLanes + v * kVector));
      }
      from += kStep;
    };
    if constexpr (kCentroids == 256) {
      for (std::int64_t s = 0; s < count; ++s) add(code[s]);
    } else {
      for (std::int64_t s = 0; s + 1 < count; s += 2) {
        const int both = code[s / 2];
        add(both & 15);
        add(both >> 4);
      }
      if (count % 2 != 0) add(code[count / 2] & 15);
    }
    for (int v = 0; v < kSumVectors; ++v) hn::Store(sum.vector[v], tag, to + v * kVector);
  }
}

// Adds a score that is above the limit, or NaN, to a list. The limit is the list's as a score: NaN
// until the list is full.
void add_score(float score, std::int64_t row, ScanList& list, float& limit) {
  const std::uint32_t key = score_key(std::bit_cast<std::uint32_t>(score));
  if (!(key < list.limit)) return;
  list.add(key, static_cast<std::int32_t>(row));
  if (list.limit != std::numeric_limits<std::uint32_t>::max()) {
    limit = std::bit_cast<float>(score_bits(list.limit));
  }
}

// A tile's sums into the lists of the queries. @param limits [kLanes] their least scores of use
void select_tile(const float* sums, std::int64_t rows, std::int64_t first, float* limits,
                 std::int64_t queries, ScanList* lists) {
  const hn::ScalableTag<float> tag;
  constexpr std::int64_t kVector = kVectorLanes<float>;
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* row = sums + i * kLanes;
    for (int v = 0; v < kSumVectors; ++v) {
      // Also where one of them is NaN.
      const auto found =
          hn::Not(hn::Le(hn::Load(tag, row + v * kVector), hn::Load(tag, limits + v * kVector)));
      if (hn::AllFalse(tag, found)) continue;
      for (std::int64_t q = v * kVector; q < std::min(queries, (v + 1) * kVector); ++q) {
        if (!(row[q] <= limits[q])) add_score(row[q], first + i, lists[q], limits[q]);
      }
    }
  }
}

// [m, centroids] of some queries as [m, centroids, kLanes], times `sign`; 0 beyond the queries.
// @param size m centroids, a multiple of kLanes
void interleave(const float* tables, std::int64_t size, std::int64_t queries, float sign,
                float* out) {
  // Squares of 16 x 16: the tables lie at distances that share their places in cache.
  for (std::int64_t e = 0; e < size; e += kLanes) {
    for (std::int64_t q = 0; q < kLanes; ++q) {
      const float* from = tables + q * size + e;
      float* to = out + e * kLanes + q;
      for (std::int64_t i = 0; i < kLanes; ++i) to[i * kLanes] = q < queries ? sign * from[i] : 0.F;
    }
  }
}

template <int kCentroids>
void scan_group(const ScanTask& task, std::int64_t m, MatrixView<const std::uint8_t> codes,
                std::int64_t queries, const float* table, float* sums, ScanList* lists) {
  HWY_ALIGN float limits[kLanes];
  // NaN lets all pass, infinity none.
  for (std::int64_t q = 0; q < kLanes; ++q) {
    limits[q] = q < queries ? std::numeric_limits<float>::quiet_NaN()
                            : std::numeric_limits<float>::infinity();
  }
  for (std::int64_t first = task.first; first < task.end; first += kTileRows) {
    const std::int64_t rows = std::min(kTileRows, task.end - first);
    const MatrixView<const std::uint8_t> tile = codes.row_range(first, rows);
    for (std::int64_t s = 0; s < m; s += kBlock<kCentroids>) {
      const float* block = table + s * kCentroids * kLanes;
      const std::int64_t count = std::min(kBlock<kCentroids>, m - s);
      if (s == 0) {
        add_block<kCentroids, true>(block, s, count, tile, sums);
      } else {
        add_block<kCentroids, false>(block, s, count, tile, sums);
      }
    }
    select_tile(sums, rows, first, limits, queries, lists);
  }
}

// A query's sums for eight rows of codes, none of which waits for another.
template <int kCentroids>
HWY_INLINE void sum_eight(const float* table, std::int64_t m, const std::uint8_t* const (&codes)[8],
                          float (&sums)[8]) {
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
  const auto add = [&](const float* from, const auto& place_of) {
    s0 += from[place_of(codes[0])];
    s1 += from[place_of(codes[1])];
    s2 += from[place_of(codes[2])];
    s3 += from[place_of(codes[3])];
    s4 += from[place_of(codes[4])];
    s5 += from[place_of(codes[5])];
    s6 += from[place_of(codes[6])];
    s7 += from[place_of(codes[7])];
  };
  if constexpr (kCentroids == 256) {
    for (std::int64_t s = 0; s < m; ++s) {
      add(table + s * kCentroids, [&](const std::uint8_t* code) { return code[s]; });
    }
  } else {
    for (std::int64_t s = 0; s + 1 < m; s += 2) {
      add(table + s * kCentroids, [&](const std::uint8_t* code) { return code[s / 2] & 15; });
      add(table + (s + 1) * kCentroids, [&](const std::uint8_t* code) { return code[s / 2] >> 4; });
    }
    if (m % 2 != 0) {
      add(table + (m - 1) * kCentroids, [&](const std::uint8_t* code) { return code[m / 2] & 15; });
    }
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  sums[4] = s4;
  sums[5] = s5;
  sums[6] = s6;
  sums[7] = s7;
}

// One query, whose table is read as it is.
template <int kCentroids>
void scan_one(const ScanTask& task, const float* table, std::int64_t m,
              MatrixView<const std::uint8_t> codes, float sign, ScanList& list) {
  float limit = std::numeric_limits<float>::quiet_NaN();
  for (std::int64_t first = task.first; first < task.end; first += 8) {
    const std::uint8_t* rows[8];
    float sums[8];
    for (std::int64_t r = 0; r < 8; ++r) rows[r] = codes.row(std::min(first + r, task.end - 1));
    sum_eight<kCentroids>(table, m, rows, sums);
    for (std::int64_t r = 0; r < std::min<std::int64_t>(8, task.end - first); ++r) {
      const float score = sign * sums[r];
      if (!(score <= limit)) add_score(score, first + r, list, limit);
    }
  }
}

void scan(const ScanTask& task, BatchView<const float> tables, MatrixView<const std::uint8_t> codes,
          float sign, float* work, ScanList* lists) {
  const std::int64_t size = tables.rows * tables.cols;
  float* sums = work + size * kLanes;
  for (std::int64_t q = 0; q < task.queries; q += kLanes) {
    const std::int64_t queries = std::min(kLanes, task.queries - q);
    const float* table = tables[task.first_query + q].data;
    if (queries <= kFewPqQueries) {
      for (std::int64_t one = 0; one < queries; ++one) {
        const float* from = table + one * size;
        if (tables.cols == 256) {
          scan_one<256>(task, from, tables.rows, codes, sign, lists[q + one]);
        } else {
          scan_one<16>(task, from, tables.rows, codes, sign, lists[q + one]);
        }
      }
      continue;
    }
    interleave(table, size, queries, sign, work);
    if (tables.cols == 256) {
      scan_group<256>(task, tables.rows, codes, queries, work, sums, lists + q);
    } else {
      scan_group<16>(task, tables.rows, codes, queries, work, sums, lists + q);
    }
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(scan);

std::int64_t pq_scratch_floats(std::int64_t m, std::int64_t centroids) {
  return (m * centroids + kTileRows) * kLanes;
}

void pq_top_k(int threads, const ScanPlan& plan, const ScanScratch& scratch, float* work,
              BatchView<const float> tables, MatrixView<const std::uint8_t> codes, PqOrder order,
              MatrixView<std::int32_t> indices, MatrixView<float> scores) {
  const float sign = order == PqOrder::largest_first ? 1.F : -1.F;
  const std::int64_t own = pq_scratch_floats(tables.rows, tables.cols);
  scan_codes(
      threads, plan, scratch,
      [&](const ScanTask& task, ScanList* lists) {
        HWY_DYNAMIC_DISPATCH(scan)(task, tables, codes, sign, work + task.thread * own, lists);
      },
      [&](std::int64_t query, std::int64_t place, ScanCandidate found) {
        indices.row(query)[place] = found.index();
        if (scores.data == nullptr) return;
        const float score = std::bit_cast<float>(score_bits(found.key()));
        // 0 - x, so that no zero gets a sign.
        scores.row(query)[place] = order == PqOrder::largest_first ? score : 0.F - score;
      });
}

}  // namespace clipk::cpu
#endif
