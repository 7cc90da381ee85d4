#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "clipk/core/check_finite.hpp"
#include "clipk/models/product_quantizer.hpp"
#include "clipk/ops/nearest.hpp"
#include "clipk/ops/pq_top_k.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "core/row_dot.hpp"
#include "models/quantization/pq_centroids.hpp"
#include "models/quantization/pq_codes.hpp"
#include "models/quantization/pq_rotation.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "product_quantizer";
constexpr std::int64_t kBlockQueries = 256;  // whose tables exist at a time
constexpr std::int64_t kShortlist = 4;       // for each of k, where nothing is said

// How many to find, 1 to the most that there can be.
void check_count(const char* name, std::int64_t least, std::int64_t rows, std::int64_t count) {
  const std::int64_t most = std::min(rows, kMaxNeighbors);
  if (count >= least && count <= most) return;
  check::fail(kName,
              std::string(name) + " from " + std::to_string(least) + " to " + std::to_string(most) +
                  " for " + std::to_string(rows) + " codes",
              std::to_string(count));
}

}  // namespace

Matrix<float> ProductQuantizer::rotated(Context& context, MatrixView<const float> queries) const {
  if (queries.cols != dim()) {
    check::fail(kName, "queries of shape " + check::shape(queries.rows, dim()),
                check::shape(queries.rows, queries.cols));
  }
  const HostRows<float> host(context, queries);
  check_finite(host.view(), std::string(kName) + " queries");
  Matrix<float> own = Matrix<float>::copy_of(context, queries);
  if (rotation_.empty()) return own;
  return pq_rotate(context, own, rotation_.to_device(context));
}

Matrix<float> ProductQuantizer::tables(Context& context, MatrixView<const float> queries,
                                       PqMetric metric) const {
  Matrix<float> result(context, queries.rows, subvectors_ * centroids());
  const Matrix<float> own = rotated(context, queries);
  if (queries.rows == 0) return result;
  pq_tables(context, own, subvectors_, codebook(0).to_device(context), metric, result.view());
  return result;
}

PqMatches ProductQuantizer::search(Context& context, MatrixView<const float> queries,
                                   MatrixView<const std::uint8_t> codes, std::int64_t k,
                                   std::int64_t shortlist, PqMetric metric) const {
  const std::int64_t bytes = bytes_per_level(), m = subvectors_;
  const std::int64_t used = levels_of(codes.cols);
  check_count("k", 1, codes.rows, k);
  if (shortlist == 0) shortlist = std::min({kShortlist * k, codes.rows, kMaxNeighbors});
  check_count("a shortlist", k, codes.rows, shortlist);
  const std::int64_t found = used > 1 ? shortlist : k;
  const bool largest = metric == PqMetric::inner_product;

  const Matrix<float> own = rotated(context, queries);
  const Matrix<float> first = codebook(0).to_device(context);
  Matrix<std::uint8_t> moved;
  MatrixView<const std::uint8_t> on_device = codes;
  if (codes.device != context.device()) {
    moved = Matrix<std::uint8_t>::copy_of(context, codes);
    on_device = std::as_const(moved).view();
  }
  Matrix<std::int32_t> indices(context, queries.rows, found);
  Matrix<float> scores(context, queries.rows, found);
  Matrix<float> tables(context, std::min(kBlockQueries, queries.rows), m * centroids());
  for (std::int64_t begin = 0; begin < queries.rows; begin += kBlockQueries) {
    const std::int64_t count = std::min(kBlockQueries, queries.rows - begin);
    pq_tables(context, own.view().row_range(begin, count), m, first, metric,
              tables.view().row_range(0, count));
    pq_top_k(
        context, BatchView<const float>(tables.data(), count, m, centroids(), context.device()),
        on_device.col_range(0, bytes), largest ? PqOrder::largest_first : PqOrder::smallest_first,
        indices.view().row_range(begin, count), scores.view().row_range(begin, count));
  }
  if (used == 1) return {std::move(indices), std::move(scores)};

  const HostRows<std::uint8_t> host_codes(context, codes);
  const Matrix<float> host_queries = own.to_host(context);
  const Matrix<std::int32_t> candidates = indices.to_host(context);
  Matrix<std::int32_t> best(queries.rows, k);
  Matrix<float> best_scores(queries.rows, k);
  cpu::parallel_chunks(context.threads(), queries.rows, 16, [&](std::int64_t from, std::int64_t n) {
    std::vector<float> row(static_cast<std::size_t>(dim()));
    std::vector<std::pair<float, std::int32_t>> again(static_cast<std::size_t>(found));
    for (std::int64_t i = from; i < from + n; ++i) {
      const float* const query = host_queries.view().row(i);
      for (std::int64_t p = 0; p < found; ++p) {
        const std::int32_t candidate = candidates(i, p);
        const std::uint8_t* const code = host_codes.view().row(candidate);
        std::fill(row.begin(), row.end(), 0.F);
        for (std::int64_t level = 0; level < used; ++level) {
          for (std::int64_t s = 0; s < m; ++s) {
            const float* const centroid =
                codebook(level).view().row(pq_code(code + level * bytes, centroids(), s));
            const std::int64_t end = first_column(s + 1);
            for (std::int64_t j = first_column(s); j < end; ++j) {
              row[static_cast<std::size_t>(j)] += centroid[j];
            }
          }
        }
        // The least is the best.
        const double score =
            largest ? -row_dot(query, row.data(), dim()) : lane_sum(dim(), [&](std::int64_t j) {
              const double apart = static_cast<double>(query[j]) -
                                   static_cast<double>(row[static_cast<std::size_t>(j)]);
              return apart * apart;
            });
        again[static_cast<std::size_t>(p)] = {static_cast<float>(score), candidate};
      }
      std::sort(again.begin(), again.end());
      for (std::int64_t p = 0; p < k; ++p) {
        const auto& [score, candidate] = again[static_cast<std::size_t>(p)];
        best(i, p) = candidate;
        best_scores(i, p) = largest ? 0.F - score : score;
      }
    }
  });
  return {best.to_device(context), best_scores.to_device(context)};
}

}  // namespace clipk
