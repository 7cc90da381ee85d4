#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/parallel.hpp"
#include "cpu/detail/candidate_list.hpp"

// The search for the best k of all codes of a database, for operations that compute a key of every
// query and code and store none: hamming_top_k, int8_top_k.
namespace clipk::cpu {

/// Queries that share a pass over the codes, which costs them the rearrangement of the codes once.
inline constexpr std::int64_t kScanQueries = 128;

/// How the work is cut: the queries into blocks, and the codes into chunks where there are fewer
/// blocks than threads. A candidate is a key and an index, whose order is total, so the result does
/// not depend on it.
struct ScanPlan {
  ScanPlan(int threads, std::int64_t n_, std::int64_t m_, std::int64_t k_)
      : n(n_), m(m_), k(k_), blocks((n_ + kScanQueries - 1) / kScanQueries) {
    constexpr std::int64_t kLeastChunk = 4096;
    const std::int64_t wanted = threads == 1 ? 1 : (2 * threads + blocks - 1) / blocks;
    chunk_rows = std::max(kLeastChunk, (m + wanted - 1) / wanted);
    chunks = (m + chunk_rows - 1) / chunk_rows;
    list_capacity = k <= kSortedList ? k : 2 * k;
  }
  /// Candidates of the lists of one thread, and of the lists of all queries and chunks.
  std::int64_t thread_candidates() const { return std::min(n, kScanQueries) * list_capacity; }
  std::int64_t chunk_candidates() const { return chunks > 1 ? chunks * n * k : 0; }

  std::int64_t n, m, k;
  std::int64_t blocks;
  std::int64_t chunk_rows = 0;
  std::int64_t chunks = 0;
  std::int64_t list_capacity = 0;
};

using ScanCandidate = Candidate<std::uint32_t>;
using ScanList = CandidateList<std::uint32_t>;

struct ScanScratch {
  ScanCandidate* candidates;   ///< [threads * plan.thread_candidates()]
  ScanCandidate* chunk_lists;  ///< [plan.chunk_candidates()]
};

/// A part of the work: `queries` queries from `first_query` on against the codes first ... end - 1.
struct ScanTask {
  std::int64_t first_query, queries;
  std::int64_t first, end;
  int thread;  ///< that runs it, for its scratch
};

/// search(task, lists) adds to lists[q] what query first_query + q finds, indices ascending;
/// write(query, place, candidate) receives the k best of every query, smallest key first.
template <class Search, class Write>
void scan_codes(int threads, const ScanPlan& plan, const ScanScratch& scratch, const Search& search,
                const Write& write) {
  const std::int64_t k = plan.k;
  parallel_for(threads, plan.blocks * plan.chunks, [&](std::int64_t index) {
    ScanTask task{};
    task.thread = omp_get_thread_num();
    task.first_query = index / plan.chunks * kScanQueries;
    task.queries = std::min(kScanQueries, plan.n - task.first_query);
    const std::int64_t chunk = index % plan.chunks;
    task.first = chunk * plan.chunk_rows;
    task.end = std::min(plan.m, task.first + plan.chunk_rows);
    ScanList lists[kScanQueries];
    ScanCandidate* items = scratch.candidates + task.thread * plan.thread_candidates();
    for (std::int64_t q = 0; q < task.queries; ++q) {
      lists[q] = ScanList(items + q * plan.list_capacity, static_cast<int>(k),
                          static_cast<int>(plan.list_capacity));
    }
    search(task, lists);
    for (std::int64_t q = 0; q < task.queries; ++q) {
      const std::int64_t found = lists[q].finish();
      if (plan.chunks > 1) {
        ScanCandidate* to = scratch.chunk_lists + (chunk * plan.n + task.first_query + q) * k;
        std::copy_n(lists[q].items, found, to);
        continue;
      }
      for (std::int64_t p = 0; p < k; ++p) write(task.first_query + q, p, lists[q].items[p]);
    }
  });
  if (plan.chunks == 1) return;
  parallel_chunks(threads, plan.n, kScanQueries, [&](std::int64_t first, std::int64_t count) {
    std::vector<ScanCandidate> all;
    for (std::int64_t i = first; i < first + count; ++i) {
      all.clear();
      for (std::int64_t c = 0; c < plan.chunks; ++c) {
        const std::int64_t rows = std::min(plan.m - c * plan.chunk_rows, plan.chunk_rows);
        const ScanCandidate* list = scratch.chunk_lists + (c * plan.n + i) * k;
        all.insert(all.end(), list, list + std::min(k, rows));
      }
      std::partial_sort(all.begin(), all.begin() + k, all.end());
      for (std::int64_t p = 0; p < k; ++p) write(i, p, all[static_cast<std::size_t>(p)]);
    }
  });
}

}  // namespace clipk::cpu
