#include "metrics/exact_top_k.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/row_dot.hpp"
#include "core/unit_rows.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kBlock = 16384;  // queries at a time
constexpr std::int64_t kGrain = 64;

struct Top {
  double score;  // the product with the query over the candidate's length
  std::int32_t index;
  bool operator<(const Top& other) const {
    return score > other.score || (score == other.score && index < other.index);
  }
};

std::vector<double> lengths_of(int threads, MatrixView<const float> rows) {
  std::vector<double> lengths(static_cast<std::size_t>(rows.rows));
  cpu::parallel_chunks(threads, rows.rows, 1024, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      lengths[static_cast<std::size_t>(i)] =
          std::sqrt(row_dot(rows.row(i), rows.row(i), rows.cols));
    }
  });
  return lengths;
}

}  // namespace

void check_top_k(const char* op, std::int64_t k, std::int64_t rows, const char* rows_of) {
  const std::int64_t most = std::min(rows, kMaxTopK);
  if (k >= 1 && k <= most) return;
  check::fail(op,
              "k from 1 to " + std::to_string(most) + " for " + std::to_string(rows) + " rows of " +
                  rows_of,
              std::to_string(k));
}

void exact_top_k(int threads, MatrixView<const float> queries, MatrixView<const float> candidates,
                 std::int64_t k, const TopKVisitor& visit) {
  const std::int64_t m = candidates.rows, d = candidates.cols;
  const std::vector<double> lengths = lengths_of(threads, candidates);
  const std::int64_t found = std::min(m, k + kSpareNeighbors);
  const std::int64_t block = std::min(kBlock, queries.rows);
  // Twice the largest rounding error of a float32 cosine of unit vectors.
  const double window = static_cast<double>(d + 8) * std::numeric_limits<float>::epsilon();
  Context context = Context::cpu({.threads = threads});
  // Rows of length one, so that no float32 product overflows or underflows.
  const Matrix<float> unit = unit_rows(threads, candidates, "candidates");
  Matrix<std::int32_t> near(block, found), indices(block, k);
  Matrix<float> distances(block, found);
  Matrix<double> cosines(block, k);
  for (std::int64_t start = 0; start < queries.rows; start += block) {
    const std::int64_t rows = std::min(block, queries.rows - start);
    nearest(context, unit_rows(threads, queries.row_range(start, rows), "queries", start), unit,
            {.metric = Metric::cosine}, near.view().row_range(0, rows),
            distances.view().row_range(0, rows));
    cpu::parallel_chunks(threads, rows, kGrain, [&](std::int64_t first, std::int64_t count) {
      std::vector<Top> tops;
      for (std::int64_t i = first; i < first + count; ++i) {
        const float* query = queries.row(start + i);
        const double length = std::sqrt(row_dot(query, query, d));
        const auto add = [&](std::int32_t j) {
          tops.push_back(
              {row_dot(query, candidates.row(j), d) / lengths[static_cast<std::size_t>(j)], j});
        };
        tops.clear();
        for (std::int64_t p = 0; p < found; ++p) add(near(i, p));
        std::sort(tops.begin(), tops.end());
        const double last = tops[static_cast<std::size_t>(k - 1)].score / length;
        // Rows that were not found are at best as near as the last one that was found.
        if (found < m && 1 - static_cast<double>(distances(i, found - 1)) + window >= last) {
          tops.clear();
          for (std::int64_t j = 0; j < m; ++j) add(static_cast<std::int32_t>(j));
          std::partial_sort(tops.begin(), tops.begin() + k, tops.end());
        }
        for (std::int64_t p = 0; p < k; ++p) {
          const Top& top = tops[static_cast<std::size_t>(p)];
          indices(i, p) = top.index;
          cosines(i, p) = top.score / length;
        }
      }
    });
    visit(start, std::as_const(indices).view().row_range(0, rows),
          std::as_const(cosines).view().row_range(0, rows));
  }
}

}  // namespace clipk
