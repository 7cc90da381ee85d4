#include "clipk/metrics/retrieval.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "clipk/core/matrix.hpp"
#include "clipk/io/check_finite.hpp"
#include "cpu/gemm.hpp"
#include "cpu/parallel.hpp"
#include "metrics/host_rows.hpp"
#include "ops/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "retrieval";
constexpr std::int64_t kTileRows = 256;
constexpr std::int64_t kTileCols = 1024;

// Rows as given, their lengths, and rows of length one for the float32 product.
struct Side {
  MatrixView<const float> rows;
  std::vector<double> lengths;
  Matrix<float> unit;
};

// In eight lanes, added in a fixed order: the same rows always give the same bits.
double dot(const float* a, const float* b, std::int64_t n) {
  std::array<double, 8> lanes{};
  std::int64_t k = 0;
  for (; k + 8 <= n; k += 8) {
    for (std::size_t l = 0; l < 8; ++l) {
      lanes[l] += static_cast<double>(a[k + static_cast<std::int64_t>(l)]) *
                  static_cast<double>(b[k + static_cast<std::int64_t>(l)]);
    }
  }
  double sum = std::accumulate(lanes.begin(), lanes.end(), 0.0);
  for (; k < n; ++k) sum += static_cast<double>(a[k]) * static_cast<double>(b[k]);
  return sum;
}

Side prepare(int threads, MatrixView<const float> rows, const char* name) {
  check_finite(rows, std::string(kName) + " " + name);
  Side side{rows, std::vector<double>(static_cast<std::size_t>(rows.rows)),
            Matrix<float>(rows.rows, rows.cols)};
  cpu::parallel_chunks(threads, rows.rows, 256, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      const float* row = rows.row(i);
      const double length = std::sqrt(dot(row, row, rows.cols));
      if (length == 0) {
        check::fail(kName, std::string(name) + " of length above 0",
                    "a zero vector in row " + std::to_string(i));
      }
      side.lengths[static_cast<std::size_t>(i)] = length;
      for (std::int64_t j = 0; j < rows.cols; ++j) {
        side.unit(i, j) = static_cast<float>(static_cast<double>(row[j]) / length);
      }
    }
  });
  return side;
}

// The comparison that counts, in double: is candidate j ahead of the partner of query i?
bool ahead(const Side& queries, const Side& candidates, std::int64_t i, std::int64_t j,
           double partner) {
  const double cosine = dot(queries.rows.row(i), candidates.rows.row(j), queries.rows.cols) /
                        candidates.lengths[static_cast<std::size_t>(j)];
  return cosine > partner || (cosine == partner && j < i);
}

// One tile of float32 similarities, compared with the partners' by rows and by columns. A
// similarity inside [low, high] of its query is too close to tell.
class Counter {
 public:
  Counter(const Side& images, const Side& texts)
      : images_(images), texts_(texts), n_(images.rows.rows) {
    // Twice the worst rounding of a float32 product of unit vectors: d + 4 half-epsilons.
    const double window =
        static_cast<double>(images.rows.cols + 4) * std::numeric_limits<float>::epsilon();
    for (std::int64_t i = 0; i < n_; ++i) {
      const double product = dot(images.rows.row(i), texts.rows.row(i), images.rows.cols);
      const auto s = static_cast<std::size_t>(i);
      by_image_.push_back(product / texts.lengths[s]);
      by_text_.push_back(product / images.lengths[s]);
      const double cosine = product / texts.lengths[s] / images.lengths[s];
      low_.push_back(static_cast<float>(cosine - window));
      high_.push_back(static_cast<float>(cosine + window));
    }
  }

  // tile [rows, cols] = similarities of images first_row... and texts first_col...
  void count(const float* tile, std::int64_t first_row, std::int64_t rows, std::int64_t first_col,
             std::int64_t cols, std::int32_t* image_ranks, std::int32_t* text_ranks) const {
    const float* low = low_.data() + first_col;
    const float* high = high_.data() + first_col;
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* s = tile + r * cols;
      const float row_low = low_[static_cast<std::size_t>(first_row + r)];
      const float row_high = high_[static_cast<std::size_t>(first_row + r)];
      std::int32_t better = 0, close = 0;
      for (std::int64_t c = 0; c < cols; ++c) {
        better += s[c] > row_high;
        text_ranks[c] += s[c] > high[c];
        close += (s[c] >= row_low) & (s[c] <= row_high);
        close += (s[c] >= low[c]) & (s[c] <= high[c]);
      }
      image_ranks[r] += better;
      if (close > 0) settle(s, first_row + r, first_col, cols, image_ranks[r], text_ranks);
    }
  }

 private:
  void settle(const float* s, std::int64_t i, std::int64_t first_col, std::int64_t cols,
              std::int32_t& image_rank, std::int32_t* text_ranks) const {
    const auto within = [&](float value, std::int64_t query) {
      const auto q = static_cast<std::size_t>(query);
      return value >= low_[q] && value <= high_[q];
    };
    for (std::int64_t c = 0; c < cols; ++c) {
      const std::int64_t j = first_col + c;
      if (j == i) continue;
      if (within(s[c], i)) {
        image_rank += ahead(images_, texts_, i, j, by_image_[static_cast<std::size_t>(i)]);
      }
      if (within(s[c], j)) {
        text_ranks[c] += ahead(texts_, images_, j, i, by_text_[static_cast<std::size_t>(j)]);
      }
    }
  }

  const Side& images_;
  const Side& texts_;
  std::int64_t n_;
  std::vector<double> by_image_, by_text_;  // the partner's product over the candidate's length
  std::vector<float> low_, high_;
};

}  // namespace

RetrievalScores retrieval_scores(std::vector<std::int32_t> ranks) {
  RetrievalScores scores;
  scores.ranks = std::move(ranks);
  if (scores.ranks.empty()) check::fail(kName, "at least 1 query", "0");
  const auto n = static_cast<double>(scores.ranks.size());
  const auto below = [&](std::int32_t k) {
    return std::count_if(scores.ranks.begin(), scores.ranks.end(),
                         [k](std::int32_t rank) { return rank < k; });
  };
  scores.matched = below(1);
  scores.top1 = static_cast<double>(scores.matched) / n;
  scores.r5 = static_cast<double>(below(5)) / n;
  scores.r10 = static_cast<double>(below(10)) / n;
  const std::int64_t sum =
      std::accumulate(scores.ranks.begin(), scores.ranks.end(), std::int64_t{0});
  scores.mean_rank = static_cast<double>(sum) / n + 1;
  std::vector<std::int32_t> sorted = scores.ranks;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t half = sorted.size() / 2;
  const double upper = sorted[half];
  scores.median_rank = (sorted.size() % 2 == 1 ? upper : (sorted[half - 1] + upper) / 2) + 1;
  return scores;
}

std::vector<double> hits_at(const RetrievalScores& scores, std::int32_t k) {
  std::vector<double> hits(scores.ranks.size());
  std::transform(scores.ranks.begin(), scores.ranks.end(), hits.begin(),
                 [k](std::int32_t rank) { return rank < k ? 1.0 : 0.0; });
  return hits;
}

Retrieval retrieval(Context& context, MatrixView<const float> images,
                    MatrixView<const float> texts) {
  if (texts.rows != images.rows || texts.cols != images.cols) {
    check::fail(kName, "texts of shape " + check::shape(images.rows, images.cols),
                check::shape(texts.rows, texts.cols));
  }
  if (images.rows < 1) check::fail(kName, "at least 1 pair", "0");
  const HostRows<float> host_images(context, images);
  const HostRows<float> host_texts(context, texts);
  const int threads = context.threads();
  const Side a = prepare(threads, host_images.view(), "images");
  const Side b = prepare(threads, host_texts.view(), "texts");
  const Counter counter(a, b);
  const std::int64_t n = images.rows;
  const std::int64_t d = images.cols;
  std::vector<std::int32_t> image_ranks(static_cast<std::size_t>(n));
  std::vector<std::int32_t> text_ranks(static_cast<std::size_t>(n));
  cpu::parallel_chunks(threads, n, kTileRows, [&](std::int64_t row, std::int64_t rows) {
    std::vector<float> tile(static_cast<std::size_t>(rows * std::min(kTileCols, n)));
    std::vector<std::int32_t> counts(static_cast<std::size_t>(std::min(kTileCols, n)));
    for (std::int64_t col = 0; col < n; col += kTileCols) {
      const std::int64_t cols = std::min(kTileCols, n - col);
      cpu::gemm(1, cpu::Transpose::no, cpu::Transpose::yes, rows, cols, d, 1.0F,
                a.unit.view().row(row), d, b.unit.view().row(col), d, 0.0F, tile.data(), cols);
      std::fill(counts.begin(), counts.end(), 0);
      counter.count(tile.data(), row, rows, col, cols, image_ranks.data() + row, counts.data());
      for (std::int64_t c = 0; c < cols; ++c) {
        std::atomic_ref(text_ranks[static_cast<std::size_t>(col + c)])
            .fetch_add(counts[static_cast<std::size_t>(c)], std::memory_order_relaxed);
      }
    }
  });
  return {retrieval_scores(std::move(image_ranks)), retrieval_scores(std::move(text_ranks))};
}

}  // namespace clipk
