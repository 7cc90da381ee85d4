#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How well the queries of one direction find their partners.
struct RetrievalScores {
  /// [n] for every query the number of candidates that are better than its partner, or as good with
  /// a lower index. 0 is a match.
  std::vector<std::int32_t> ranks;
  std::int64_t matched = 0;  ///< queries with rank 0
  double top1 = 0;           ///< matched / n, which is R@1
  double r5 = 0;             ///< share of the queries with rank below 5
  double r10 = 0;            ///< share of the queries with rank below 10
  double mean_rank = 0;      ///< counted from 1
  double median_rank = 0;    ///< counted from 1; the mean of the middle two when n is even
};

/// The scores of both directions.
struct Retrieval {
  RetrievalScores image_to_text;  ///< images are the queries
  RetrievalScores text_to_image;  ///< texts are the queries
};

/// Retrieval by cosine in both directions among n pairs: row i of images belongs to row i of texts.
///
/// Ranks are those of float64 arithmetic: similarities are computed in float32, and those that
/// float32 cannot tell from the partner's are computed again. Equal rows therefore tie exactly. The
/// n x n matrix is never stored. Runs on the host whatever the context's device. Memory: the
/// normalised rows and one tile per thread.
///
/// @param images [n, d]  @param texts [n, d]
/// @throws Error if the shapes differ, a value is not finite, or a row has length zero.
/// Deterministic: yes.
Retrieval retrieval(Context& context, MatrixView<const float> images,
                    MatrixView<const float> texts);

/// One direction, with a number added to every candidate's cosine: score = cosine + bias. Biases
/// are those of reranking.hpp, or any.
///
/// Ranks are those of float64 arithmetic, as above; with all biases 0 they are retrieval's.
///
/// @param queries [n, d]  @param candidates [m, d]  @param bias [m], finite
/// @param partners [n] the candidate that belongs to each query; may be empty where m = n: row i
/// @throws Error if a shape differs, there is no query, a partner is not a candidate, a value is
///   not finite, or a row has length zero.
/// Deterministic: yes.
RetrievalScores retrieval_with_bias(Context& context, MatrixView<const float> queries,
                                    MatrixView<const float> candidates,
                                    std::span<const double> bias,
                                    std::span<const std::int32_t> partners = {});

/// The scores that follow from ranks.
RetrievalScores retrieval_scores(std::vector<std::int32_t> ranks);

/// 1 for every query with rank below k, else 0: the input of the paired bootstrap.
std::vector<double> hits_at(const RetrievalScores& scores, std::int32_t k);

}  // namespace clipk
