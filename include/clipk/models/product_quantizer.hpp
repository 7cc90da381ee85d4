#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"

namespace clipk {

/// Whether a ProductQuantizer rotates rows before it cuts them into sub-vectors.
enum class PqRotation : std::uint8_t {
  none,     ///< the columns are cut as they come
  learned,  ///< by an orthogonal matrix that lowers the error of the codes (OPQ)
};

/// The name that files and options use.
const char* to_string(PqRotation rotation);

/// How ProductQuantizer::search compares a query with the rows that codes stand for.
enum class PqMetric : std::uint8_t {
  inner_product,      ///< the largest first
  squared_euclidean,  ///< the smallest first
};

/// What ProductQuantizer::search finds, on the context's device.
struct PqMatches {
  Matrix<std::int32_t> indices;  ///< [n, k] rows of codes, the best first
  Matrix<float> scores;          ///< [n, k] their inner products or squared distances
};

/// How a ProductQuantizer is fitted.
struct ProductQuantizerOptions {
  std::int64_t subvectors = 8;   ///< m, that a row is cut into: 1 to its columns
  std::int64_t centroids = 256;  ///< of each sub-vector: 256 (a byte a code) or 16 (half a byte)
  PqRotation rotation = PqRotation::none;  ///< before the cut
  /// 1, or more: each further level quantises what the levels before it leave, with as many bytes.
  std::int64_t levels = 1;
  std::int64_t iterations = 25;  ///< of k-means, the most for each sub-vector
  /// The most updates of a learned rotation. It ends earlier where one lowers the error by less
  /// than a part of 1e-4.
  std::int64_t rotation_iterations = 30;
};

/// Product quantisation: a row is cut into m sub-vectors, and each is replaced by the number of its
/// nearest centroid, found by k-means on that sub-vector of the training rows.
///
/// With D columns, the first D mod m sub-vectors have one column more than the others. A code of
/// one row has, for each level, the numbers of its m centroids in order: with 256 centroids one
/// byte each; with 16 two to a byte, the first in the low half (an odd last one fills a byte).
///
/// A learned rotation R starts at the principal axes, dealt out so that the products of the
/// sub-vectors' variances are alike. Then steps of k-means alternate with the R that is best for
/// the present codes: the polar factor of Y^T X, with Y the decoded and X the training rows.
///
/// k-means starts from k-means++ on 16 rows for each centroid. Of more than 65536 rows a random
/// sample of that size is used. An empty cluster gets the farthest sub-vector; where there are no
/// more different sub-vectors than centroids, these are the centroids. 256 centroids want many
/// rows: with few, they learn these by heart and serve new rows badly; use 16 then.
///
/// Deterministic: the same bytes for the same seed (the context's), data and device, for any number
/// of threads. The rotation and, with it, a code can differ between devices by rounding.
/// Sources: Jegou, Douze and Schmid, IEEE TPAMI 33 (2011); Ge, He, Ke and Sun, IEEE TPAMI 36
/// (2014); levels: Chen, Guan and Wang, Sensors 10 (2010).
class ProductQuantizer {
 public:
  /// @param rows [n, D] on any device, n >= centroids
  /// @throws Error for fewer rows than centroids, values that are not finite or beyond 1e15, or an
  ///   option that makes no sense.
  static ProductQuantizer fit(Context& context, MatrixView<const float> rows,
                              const ProductQuantizerOptions& options = {});

  std::int64_t dim() const { return codebooks_[0].cols(); }        ///< columns of a row
  std::int64_t subvectors() const { return subvectors_; }          ///< that a row is cut into
  std::int64_t centroids() const { return codebooks_[0].rows(); }  ///< of each sub-vector
  /// Levels of codes.
  std::int64_t levels() const { return static_cast<std::int64_t>(codebooks_.size()); }
  /// Bytes of one level of a row's code: m, or with 16 centroids half of that, rounded up.
  std::int64_t bytes_per_level() const;
  /// Bytes of a row's code.
  std::int64_t bytes_per_vector() const { return levels() * bytes_per_level(); }
  /// Where sub-vector s starts among the columns of a rotated row; of s = m the end.
  std::int64_t first_column(std::int64_t s) const;
  /// The rotation R [D, D] of rows x, R x; empty without one.
  const Matrix<float>& rotation() const { return rotation_; }
  /// The centroids of a level [centroids, D], of all sub-vectors side by side.
  const Matrix<float>& codebook(std::int64_t level) const {
    return codebooks_[static_cast<std::size_t>(level)];
  }

  /// The codes of any rows: of every sub-vector the nearest centroid, among ties the lower.
  /// @param rows [n, D], on any device
  /// @returns [n, bytes_per_vector()] on the context's device
  /// @throws Error for another width, or values that are not finite or beyond 1e15.
  Matrix<std::uint8_t> encode(Context& context, MatrixView<const float> rows) const;

  /// The rows that codes stand for: the sum of the levels' centroids, rotated back.
  /// @param codes [n, bytes], on any device: all levels, or the first of them alone
  /// @returns [n, D] on the context's device
  /// @throws Error for a width that is not that of one level or more.
  Matrix<float> decode(Context& context, MatrixView<const std::uint8_t> codes) const;

  /// The scores of queries with the first level's centroids, for pq_top_k: of query i, sub-vector s
  /// and centroid c in column s * centroids() + c.
  /// @param queries [n, D], on any device
  /// @returns [n, m centroids] on the context's device
  /// @throws Error for another width.
  Matrix<float> tables(Context& context, MatrixView<const float> queries, PqMetric metric) const;

  /// The k rows of codes that score best with each query, which is not quantised itself. The first
  /// level is scanned by pq_top_k. Where codes have further levels, the best of the scan, the
  /// shortlist, are scored again (on the host) with all levels, and the best k of them returned.
  /// @param queries [n, D], on any device
  /// @param codes [rows, bytes], on any device: all levels, or the first of them alone
  /// @param k 1 to the lesser of rows and kMaxNeighbors of nearest.hpp, as is the shortlist
  /// @param shortlist at least k; 0: four times k, as far as may be
  /// @throws Error for another width, or k or shortlist out of range.
  /// Deterministic: yes; among equal scores the lower row comes first.
  PqMatches search(Context& context, MatrixView<const float> queries,
                   MatrixView<const std::uint8_t> codes, std::int64_t k, std::int64_t shortlist = 0,
                   PqMetric metric = PqMetric::squared_euclidean) const;

  /// Writes the model as one archive of kind "product_quantizer model", atomically. @throws Error
  void save(const std::filesystem::path& path) const;
  /// @throws Error if the file is not a whole "product_quantizer model" archive.
  static ProductQuantizer load(const std::filesystem::path& path);

 private:
  ProductQuantizer() = default;
  // How many levels codes of this width have.
  std::int64_t levels_of(std::int64_t bytes) const;
  // Queries as R x on the context's device.
  Matrix<float> rotated(Context& context, MatrixView<const float> queries) const;

  std::int64_t subvectors_ = 0;
  Matrix<float> rotation_;
  std::vector<Matrix<float>> codebooks_;  // a level each
};

}  // namespace clipk
