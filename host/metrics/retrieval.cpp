#include "clipk/metrics/retrieval.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/matrix.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "core/row_dot.hpp"
#include "linalg/gemm.hpp"
#include "metrics/check_owners.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "retrieval";
constexpr const char* kBiased = "retrieval_with_bias";
constexpr const char* kBiasedToAny = "retrieval_with_bias_to_any";
constexpr std::int64_t kTileRows = 256;
constexpr std::int64_t kTileCols = 1024;

// Rows as given, their lengths, and rows of length one for the float32 product.
struct Side {
  MatrixView<const float> rows;
  std::vector<double> lengths;
  Matrix<float> unit;
};

Side prepare(const char* op, int threads, MatrixView<const float> rows, const char* name) {
  check_finite(rows, std::string(op) + " " + name);
  Side side{rows, std::vector<double>(static_cast<std::size_t>(rows.rows)),
            Matrix<float>(rows.rows, rows.cols)};
  cpu::parallel_chunks(threads, rows.rows, 256, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      const float* row = rows.row(i);
      const double length = std::sqrt(row_dot(row, row, rows.cols));
      if (length == 0) {
        check::fail(op, std::string(name) + " of length above 0",
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

// A bias per candidate, added to its cosines. In float32 tiles the middle of all biases is
// subtracted first, so that rounding costs little.
struct Bias {
  std::span<const double> exact;
  std::vector<float> rounded;
  double window = 0;  // twice the largest rounding error that it adds to a similarity

  explicit Bias(std::span<const double> bias = {}) : exact(bias) {
    if (bias.empty()) return;
    const auto [lowest, highest] = std::minmax_element(bias.begin(), bias.end());
    middle_ = *lowest / 2 + *highest / 2;
    const double half = *highest - middle_;
    for (const double value : bias) rounded.push_back(static_cast<float>(value - middle_));
    window = 2 * (1 + half) * std::numeric_limits<float>::epsilon() +
             8 * std::max(std::fabs(*lowest), std::fabs(*highest)) *
                 std::numeric_limits<double>::epsilon();
  }
  double of(std::int64_t j) const { return exact.empty() ? 0 : exact[static_cast<std::size_t>(j)]; }
  // The unrounded value of `rounded`.
  double centred(std::int64_t j) const { return of(j) - middle_; }

 private:
  double middle_ = 0;
};

// Cosines in double, times the query's length: this saves a rounding and keeps the order.
double product(const Side& queries, std::int64_t i, const Side& candidates, std::int64_t j) {
  return row_dot(queries.rows.row(i), candidates.rows.row(j), queries.rows.cols) /
         candidates.lengths[static_cast<std::size_t>(j)];
}
double score(const Side& queries, std::int64_t i, const Side& candidates, std::int64_t j,
             const Bias& bias) {
  return product(queries, i, candidates, j) +
         bias.of(j) * queries.lengths[static_cast<std::size_t>(i)];
}

// One direction of retrieval: which candidates rank ahead of a query's partner. A float32
// similarity inside the window around the partner's is too close to decide. Nothing is ahead of a
// partner below 0, which is none.
class Direction {
 public:
  Direction(const Side& queries, const Side& candidates, const Bias& bias,
            std::span<const std::int32_t> partners)
      : queries_(queries), candidates_(candidates), bias_(bias), partners_(partners) {
    // Twice the largest rounding error of a float32 product of unit vectors: d + 4 half-epsilons.
    const double window =
        static_cast<double>(queries.rows.cols + 4) * std::numeric_limits<float>::epsilon() +
        bias.window;
    const auto n = static_cast<std::size_t>(queries.rows.rows);
    score_.reserve(n);
    low_.reserve(n);
    high_.reserve(n);
    for (std::int64_t i = 0; i < queries.rows.rows; ++i) {
      const std::int64_t partner = partner_of(i);
      if (partner < 0) {
        constexpr float kNever = std::numeric_limits<float>::infinity();
        score_.push_back(kNever);
        low_.push_back(kNever);
        high_.push_back(kNever);
        continue;
      }
      score_.push_back(score(queries, i, candidates, partner, bias));
      const double cosine =
          product(queries, i, candidates, partner) / queries.lengths[static_cast<std::size_t>(i)];
      low_.push_back(static_cast<float>(cosine + bias.centred(partner) - window));
      high_.push_back(static_cast<float>(cosine + bias.centred(partner) + window));
    }
  }

  std::int64_t partner_of(std::int64_t i) const {
    return partners_.empty() ? i : partners_[static_cast<std::size_t>(i)];
  }
  const float* low() const { return low_.data(); }
  const float* high() const { return high_.data(); }

  // The deciding comparison, in double: is candidate j ahead of the partner of query i?
  bool ahead(std::int64_t i, std::int64_t j) const {
    if (j == partner_of(i)) return false;
    const double other = score(queries_, i, candidates_, j, bias_);
    const double partner = score_[static_cast<std::size_t>(i)];
    return other > partner || (other == partner && j < partner_of(i));
  }
  // Whether a float32 similarity is too close to the partner's to decide.
  bool within(float similarity, std::int64_t i) const {
    const auto q = static_cast<std::size_t>(i);
    return similarity >= low_[q] && similarity <= high_[q];
  }

 private:
  const Side& queries_;
  const Side& candidates_;
  const Bias& bias_;
  std::span<const std::int32_t> partners_;
  std::vector<double> score_;  // of the partner
  std::vector<float> low_, high_;
};

// The best of the candidates that belong to each query, the lower index of equal ones; -1: none.
std::vector<std::int32_t> best_own(const Side& queries, const Side& candidates, const Bias& bias,
                                   std::span<const std::int32_t> query_of) {
  const auto n = static_cast<std::size_t>(queries.rows.rows);
  std::vector<std::int32_t> best(n, -1);
  std::vector<double> most(n);
  for (std::size_t j = 0; j < query_of.size(); ++j) {
    if (query_of[j] < 0) continue;
    const auto i = static_cast<std::size_t>(query_of[j]);
    const double value =
        score(queries, query_of[j], candidates, static_cast<std::int64_t>(j), bias);
    if (best[i] >= 0 && value <= most[i]) continue;
    best[i] = static_cast<std::int32_t>(j);
    most[i] = value;
  }
  return best;
}

// The ranks of the queries that have a partner.
std::vector<std::int32_t> ranks_of_partners(const std::vector<std::int32_t>& ranks,
                                            std::span<const std::int32_t> partners) {
  std::vector<std::int32_t> kept;
  kept.reserve(ranks.size());
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (partners[i] >= 0) kept.push_back(ranks[i]);
  }
  return kept;
}

// A tile of similarities of queries i = first_row... and candidates first_col..., by rows.
void count_rows(const Direction& direction, const float* tile, std::int64_t first_row,
                std::int64_t rows, std::int64_t first_col, std::int64_t cols, std::int32_t* ranks) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* s = tile + r * cols;
    const float low = direction.low()[first_row + r];
    const float high = direction.high()[first_row + r];
    std::int32_t better = 0, close = 0;
    for (std::int64_t c = 0; c < cols; ++c) {
      better += s[c] > high;
      close += (s[c] >= low) & (s[c] <= high);
    }
    for (std::int64_t c = 0; close > 0 && c < cols; ++c) {
      if (!direction.within(s[c], first_row + r)) continue;
      better += direction.ahead(first_row + r, first_col + c);
      --close;
    }
    ranks[r] += better;
  }
}

// The same tile by columns, which are the queries of the other direction.
void count_columns(const Direction& direction, const float* tile, std::int64_t first_row,
                   std::int64_t rows, std::int64_t first_col, std::int64_t cols,
                   std::int32_t* ranks) {
  const float* low = direction.low() + first_col;
  const float* high = direction.high() + first_col;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* s = tile + r * cols;
    std::int32_t close = 0;
    for (std::int64_t c = 0; c < cols; ++c) {
      ranks[c] += s[c] > high[c];
      close += (s[c] >= low[c]) & (s[c] <= high[c]);
    }
    for (std::int64_t c = 0; close > 0 && c < cols; ++c) {
      if (!direction.within(s[c], first_col + c)) continue;
      ranks[c] += direction.ahead(first_col + c, first_row + r);
      --close;
    }
  }
}

// Calls visit(tile, first_row, rows, first_col, cols) for all tiles of the table of similarities;
// the tiles of one row of tiles come one after another.
template <class Visit>
void for_tiles(int threads, const Side& queries, const Side& candidates, Visit&& visit) {
  const std::int64_t m = candidates.rows.rows, d = queries.rows.cols;
  cpu::parallel_chunks(
      threads, queries.rows.rows, kTileRows, [&](std::int64_t row, std::int64_t rows) {
        std::vector<float> tile(static_cast<std::size_t>(rows * std::min(kTileCols, m)));
        for (std::int64_t col = 0; col < m; col += kTileCols) {
          const std::int64_t cols = std::min(kTileCols, m - col);
          cpu::gemm(1, cpu::Transpose::no, cpu::Transpose::yes, rows, cols, d, 1.0F,
                    queries.unit.view().row(row), d, candidates.unit.view().row(col), d, 0.0F,
                    tile.data(), cols);
          visit(tile.data(), row, rows, col, cols);
        }
      });
}

void check_bias(const char* op, std::span<const double> bias, std::int64_t candidates) {
  if (static_cast<std::int64_t>(bias.size()) != candidates) {
    check::fail(op, "a bias of size " + std::to_string(candidates), std::to_string(bias.size()));
  }
  const auto bad =
      std::find_if(bias.begin(), bias.end(), [](double b) { return !std::isfinite(b); });
  if (bad != bias.end()) {
    check::fail(op, "a finite bias",
                std::to_string(*bad) + " for candidate " + std::to_string(bad - bias.begin()));
  }
}

void check_partners(std::span<const std::int32_t> partners, std::int64_t queries,
                    std::int64_t candidates) {
  if (partners.empty()) {
    if (queries != candidates) {
      check::fail(kBiased, std::to_string(queries) + " candidates, or partners",
                  std::to_string(candidates) + " candidates without partners");
    }
    return;
  }
  if (static_cast<std::int64_t>(partners.size()) != queries) {
    check::fail(kBiased, "partners of size " + std::to_string(queries),
                std::to_string(partners.size()));
  }
  for (std::size_t i = 0; i < partners.size(); ++i) {
    if (partners[i] >= 0 && partners[i] < candidates) continue;
    check::fail(kBiased, "partners from 0 to " + std::to_string(candidates - 1),
                std::to_string(partners[i]) + " for query " + std::to_string(i));
  }
}

// The ranks of both directions from one pass over the table.
struct BothRanks {
  std::vector<std::int32_t> images, texts;
};
BothRanks both_ranks(int threads, const Side& images, const Side& texts, const Direction& forward,
                     const Direction& backward) {
  BothRanks ranks{std::vector<std::int32_t>(static_cast<std::size_t>(images.rows.rows)),
                  std::vector<std::int32_t>(static_cast<std::size_t>(texts.rows.rows))};
  for_tiles(threads, images, texts,
            [&](const float* tile, std::int64_t row, std::int64_t rows, std::int64_t col,
                std::int64_t cols) {
              count_rows(forward, tile, row, rows, col, cols, ranks.images.data() + row);
              std::array<std::int32_t, kTileCols> counts{};
              count_columns(backward, tile, row, rows, col, cols, counts.data());
              for (std::int64_t c = 0; c < cols; ++c) {
                std::atomic_ref(ranks.texts[static_cast<std::size_t>(col + c)])
                    .fetch_add(counts[static_cast<std::size_t>(c)], std::memory_order_relaxed);
              }
            });
  return ranks;
}

// The ranks of queries whose candidates have a bias each.
std::vector<std::int32_t> biased_ranks(int threads, const Side& queries, const Side& candidates,
                                       const Bias& biases, const Direction& direction) {
  std::vector<std::int32_t> ranks(static_cast<std::size_t>(queries.rows.rows));
  for_tiles(
      threads, queries, candidates,
      [&](float* tile, std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
        const float* shift = biases.rounded.data() + col;
        for (std::int64_t r = 0; r < rows; ++r) {
          for (std::int64_t c = 0; c < cols; ++c) tile[r * cols + c] += shift[c];
        }
        count_rows(direction, tile, row, rows, col, cols, ranks.data() + row);
      });
  return ranks;
}

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
  const Side a = prepare(kName, threads, host_images.view(), "images");
  const Side b = prepare(kName, threads, host_texts.view(), "texts");
  const Bias none;
  const Direction forward(a, b, none, {});
  const Direction backward(b, a, none, {});
  BothRanks ranks = both_ranks(threads, a, b, forward, backward);
  return {retrieval_scores(std::move(ranks.images)), retrieval_scores(std::move(ranks.texts))};
}

Retrieval retrieval(Context& context, MatrixView<const float> images, MatrixView<const float> texts,
                    std::span<const std::int32_t> image_of_text) {
  if (texts.cols != images.cols) {
    check::fail(kName, "texts of " + std::to_string(images.cols) + " columns",
                std::to_string(texts.cols));
  }
  if (images.rows < 1) check::fail(kName, "at least 1 image", "0");
  check_owners(kName, image_of_text, images.rows, texts.rows,
               {"image_of_text", "an image", "text"});
  const HostRows<float> host_images(context, images);
  const HostRows<float> host_texts(context, texts);
  const int threads = context.threads();
  const Side a = prepare(kName, threads, host_images.view(), "images");
  const Side b = prepare(kName, threads, host_texts.view(), "texts");
  const Bias none;
  const std::vector<std::int32_t> best = best_own(a, b, none, image_of_text);
  const Direction forward(a, b, none, best);
  const Direction backward(b, a, none, image_of_text);
  const BothRanks ranks = both_ranks(threads, a, b, forward, backward);
  return {retrieval_scores(ranks_of_partners(ranks.images, best)),
          retrieval_scores(ranks_of_partners(ranks.texts, image_of_text))};
}

RetrievalScores retrieval_with_bias(Context& context, MatrixView<const float> queries,
                                    MatrixView<const float> candidates,
                                    std::span<const double> bias,
                                    std::span<const std::int32_t> partners) {
  if (candidates.cols != queries.cols) {
    check::fail(kBiased, "candidates of " + std::to_string(queries.cols) + " columns",
                std::to_string(candidates.cols));
  }
  if (queries.rows < 1) check::fail(kBiased, "at least 1 query", "0");
  check_bias(kBiased, bias, candidates.rows);
  check_partners(partners, queries.rows, candidates.rows);
  const HostRows<float> host_queries(context, queries);
  const HostRows<float> host_candidates(context, candidates);
  const int threads = context.threads();
  const Side a = prepare(kBiased, threads, host_queries.view(), "queries");
  const Side b = prepare(kBiased, threads, host_candidates.view(), "candidates");
  const Bias biases(bias);
  const Direction direction(a, b, biases, partners);
  return retrieval_scores(biased_ranks(threads, a, b, biases, direction));
}

RetrievalScores retrieval_with_bias_to_any(Context& context, MatrixView<const float> queries,
                                           MatrixView<const float> candidates,
                                           std::span<const double> bias,
                                           std::span<const std::int32_t> query_of_candidate) {
  if (candidates.cols != queries.cols) {
    check::fail(kBiasedToAny, "candidates of " + std::to_string(queries.cols) + " columns",
                std::to_string(candidates.cols));
  }
  if (queries.rows < 1) check::fail(kBiasedToAny, "at least 1 query", "0");
  check_bias(kBiasedToAny, bias, candidates.rows);
  check_owners(kBiasedToAny, query_of_candidate, queries.rows, candidates.rows,
               {"query_of_candidate", "a query", "candidate"});
  const HostRows<float> host_queries(context, queries);
  const HostRows<float> host_candidates(context, candidates);
  const int threads = context.threads();
  const Side a = prepare(kBiasedToAny, threads, host_queries.view(), "queries");
  const Side b = prepare(kBiasedToAny, threads, host_candidates.view(), "candidates");
  const Bias biases(bias);
  const std::vector<std::int32_t> best = best_own(a, b, biases, query_of_candidate);
  const Direction direction(a, b, biases, best);
  return retrieval_scores(ranks_of_partners(biased_ranks(threads, a, b, biases, direction), best));
}

}  // namespace clipk
