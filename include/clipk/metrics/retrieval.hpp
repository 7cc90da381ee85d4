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

/// The same where an image may have several texts, as the five captions of COCO, or none.
///
/// Image to text: the rank of an image is that of the first of its own texts in the list of all m
/// texts by falling cosine, ties by rising index: the number of texts better than its best own one,
/// or as good with a lower index. Its other texts are never ahead of that one, so they displace
/// nothing; the texts of other images and those of no image do. Rank < k is a hit of
/// CLIP_benchmark's recall at k: any of its texts among the k best. Text to image: every text that
/// belongs to an image is a query, its rank that of the image among all n, as above.
///
/// `image_to_text.ranks` has one rank for each image that has a text, `text_to_image.ranks` one for
/// each text that has an image, both in the order of the rows. Images without a text, and texts
/// without an image, are candidates alone. With row i of texts belonging to image i these are the
/// ranks of the function above.
///
/// @param images [n, d]  @param texts [m, d]
/// @param image_of_text [m] the row of the image that each text belongs to, from 0; -1: none
/// @throws Error if a shape differs, there is no image, an entry is no row of the images and not
///   -1, no text has an image, a value is not finite, or a row has length zero.
/// Deterministic: yes. Memory: as above.
Retrieval retrieval(Context& context, MatrixView<const float> images, MatrixView<const float> texts,
                    std::span<const std::int32_t> image_of_text);

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

/// The same where several candidates may belong to a query, or none: the rank of a query is that of
/// the first of its own candidates by falling score, as in the retrieval of several texts.
///
/// @param bias [m], finite
/// @param query_of_candidate [m] the query that each candidate belongs to, from 0; -1: none
/// @return a rank for each query that has a candidate, in the order of the rows
/// @throws Error if a shape differs, there is no query, an entry is no row of the queries and not
///   -1, no query has a candidate, a value is not finite, or a row has length zero.
/// Deterministic: yes.
RetrievalScores retrieval_with_bias_to_any(Context& context, MatrixView<const float> queries,
                                           MatrixView<const float> candidates,
                                           std::span<const double> bias,
                                           std::span<const std::int32_t> query_of_candidate);

/// The scores that follow from ranks.
RetrievalScores retrieval_scores(std::vector<std::int32_t> ranks);

/// 1 for every query with rank below k, else 0: the input of the paired bootstrap.
std::vector<double> hits_at(const RetrievalScores& scores, std::int32_t k);

}  // namespace clipk
