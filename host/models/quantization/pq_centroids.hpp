#pragma once

#include <cstdint>
#include <utility>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/models/product_quantizer.hpp"

namespace clipk {

/// Training rows on the host and on the context's device.
class PqRows {
 public:
  PqRows(Context& context, Matrix<float> host) : host_(std::move(host)) {
    if (context.device() != Device::cpu) moved_ = host_.to_device(context);
  }
  const Matrix<float>& host() const { return host_; }
  const Matrix<float>& device() const { return moved_.empty() ? host_ : moved_; }
  /// The host's rows, to be changed; this object is of no use afterwards.
  Matrix<float> take_host() { return std::move(host_); }

 private:
  Matrix<float> host_, moved_;
};

/// The centroids of all sub-vectors, side by side, and which of them the training rows have.
struct PqClusters {
  Matrix<float> codebook;       ///< [centroids, D]
  Matrix<std::int32_t> labels;  ///< [m, n]
  double error = 0;             ///< sum of squared distances
};

/// k-means of each of m sub-vectors from k-means++. All results are on the host.
/// @param first_step of the random numbers; every sub-vector takes one
PqClusters pq_cluster(Context& context, const PqRows& rows, std::int64_t m, std::int64_t centroids,
                      std::int64_t iterations, std::int64_t first_step);

/// k-means from a codebook.
PqClusters pq_recluster(Context& context, const PqRows& rows, std::int64_t m,
                        const Matrix<float>& codebook, std::int64_t iterations);

/// The nearest centroids [m, n] of any rows [n, D], on the host; among ties the lower.
/// @param rows and @param codebook on the context's device
Matrix<std::int32_t> pq_labels(Context& context, MatrixView<const float> rows, std::int64_t m,
                               MatrixView<const float> codebook);

/// The scores [n, m centroids] of rotated queries [n, D] with all centroids.
/// @param queries, codebook and @param[out] out on the context's device
void pq_tables(Context& context, MatrixView<const float> queries, std::int64_t m,
               MatrixView<const float> codebook, PqMetric metric, MatrixView<float> out);

/// out [n, D] = the centroids of labels [m, n], all on the host.
void pq_reconstruct(int threads, const Matrix<float>& codebook, const Matrix<std::int32_t>& labels,
                    MatrixView<float> out);

/// rows [n, D] -= the centroids of labels [m, n], all on the host.
void pq_subtract(int threads, const Matrix<float>& codebook, const Matrix<std::int32_t>& labels,
                 MatrixView<float> rows);

}  // namespace clipk
