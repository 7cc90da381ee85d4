#include "clipk/models/manifold_denoising.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "clipk/core/check_finite.hpp"
#include "clipk/ops/nearest.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "denoise_manifold";
constexpr std::int64_t kGrain = 1024;  // rows per task

Matrix<float> averaged(Context& context, const Matrix<float>& rows,
                       const Matrix<std::int32_t>& neighbors) {
  Matrix<float> means(rows.rows(), rows.cols());
  const std::int64_t d = rows.cols();
  cpu::parallel_chunks(
      context.threads(), rows.rows(), kGrain, [&](std::int64_t first, std::int64_t count) {
        std::vector<double> sums(static_cast<std::size_t>(d));
        for (std::int64_t i = first; i < first + count; ++i) {
          std::fill(sums.begin(), sums.end(), 0.0);
          for (std::int64_t j = 0; j < neighbors.cols(); ++j) {
            const float* row = rows.view().row(neighbors(i, j));
            for (std::int64_t c = 0; c < d; ++c) sums[static_cast<std::size_t>(c)] += row[c];
          }
          for (std::int64_t c = 0; c < d; ++c) {
            means(i, c) = static_cast<float>(sums[static_cast<std::size_t>(c)] /
                                             static_cast<double>(neighbors.cols()));
          }
        }
      });
  return means;
}

}  // namespace

Matrix<float> denoise_manifold(Context& context, MatrixView<const float> rows,
                               const ManifoldDenoisingOptions& options) {
  if (options.neighbors < 2 || options.neighbors > kMaxNeighbors) {
    check::fail(kName, "2 to " + std::to_string(kMaxNeighbors) + " neighbors",
                std::to_string(options.neighbors));
  }
  if (options.iterations < 1) {
    check::fail(kName, "at least 1 iteration", std::to_string(options.iterations));
  }
  if (rows.rows < options.neighbors) {
    check::fail(kName, "at least " + std::to_string(options.neighbors) + " rows, one a neighbour",
                std::to_string(rows.rows));
  }
  const Matrix<float> given = Matrix<float>::copy_of(context, rows);
  Matrix<float> current = given.to_host(context);
  check_finite(current, kName);
  Matrix<std::int32_t> neighbors(context, rows.rows, options.neighbors);
  nearest(context, given, given, {}, neighbors, MatrixView<float>{});
  const Matrix<std::int32_t> found = neighbors.to_host(context);
  for (std::int64_t i = 0; i < options.iterations; ++i) current = averaged(context, current, found);
  return current;
}

}  // namespace clipk
