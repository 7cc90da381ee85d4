#include "clipk/ops/nearest.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/nearest.hpp"
#include "ops/detail/distance_scales.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/nearest.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "nearest";

template <class T>
void check_arguments(const Context& context, MatrixView<const T> queries,
                     MatrixView<const T> database, const NearestOptions& options,
                     MatrixView<std::int32_t> indices, MatrixView<T> distances) {
  check::matrix(kOp, "queries", context, queries, queries.rows, queries.cols);
  check::matrix(kOp, "database", context, database, database.rows, queries.cols);
  if (queries.cols == 0) check::fail(kOp, "rows of at least 1 column", "0");
  if (database.rows > std::numeric_limits<std::int32_t>::max()) {
    check::fail(kOp, "a database of less than 2^31 rows", std::to_string(database.rows));
  }
  check::matrix(kOp, "indices", context, indices, queries.rows, indices.cols);
  const std::int64_t most = std::min(database.rows - options.exclude_self, kMaxNeighbors);
  if (indices.cols < 1 || indices.cols > most) {
    check::fail(kOp,
                "indices of 1 to " + std::to_string(std::max<std::int64_t>(most, 0)) +
                    " columns for a database of " + std::to_string(database.rows) + " rows",
                std::to_string(indices.cols));
  }
  check::optional_matrix(kOp, "distances", context, distances, queries.rows, indices.cols);
}

template <class T>
void search_on_cpu(Context& context, MatrixView<const T> queries, MatrixView<const T> database,
                   const NearestOptions& options, MatrixView<std::int32_t> indices,
                   MatrixView<T> distances) {
  Scratch scratch(context);
  const DistanceScales<T> scales(kOp, context, scratch, options.metric, BatchView<const T>(queries),
                                 "queries", BatchView<const T>(database), "database");
  const cpu::NearestPlan plan(queries.rows, database.rows, indices.cols);
  const std::int64_t rows = context.threads() * cpu::kTileRows;
  const cpu::NearestScratch<T> lists{
      scratch.vector<T>(rows * cpu::kTileCols).data,
      scratch.vector<cpu::Candidate<T>>(rows * plan.list_capacity).data,
      scratch.vector<cpu::Candidate<T>>(plan.chunk_list_size).data};
  cpu::nearest(context.threads(), plan, queries, database, options, scales.x.data, scales.y.data,
               lists, indices, distances);
}

#if CLIPK_HAS_CUDA
void search_on_cuda(Context& context, MatrixView<const float> queries,
                    MatrixView<const float> database, const NearestOptions& options,
                    MatrixView<std::int32_t> indices, MatrixView<float> distances) {
  Scratch scratch(context);
  const CudaOperands sides(context, scratch, options.metric, BatchView<const float>(queries),
                           BatchView<const float>(database));
  const gpu::ChunkPlan plan(queries.rows, database.rows, context.multiprocessors());
  const std::int64_t k = indices.cols;
  std::uint64_t* lists = scratch.vector<std::uint64_t>(plan.chunks * queries.rows * k).data;
  gpu::nearest(plan, options, context.precision(), queries.cols, k, sides.x, sides.y, lists,
               indices.data, indices.stride, distances.data, distances.stride, context.stream());
}
#endif

}  // namespace

void nearest(Context& context, MatrixView<const float> queries, MatrixView<const float> database,
             const NearestOptions& options, MatrixView<std::int32_t> indices,
             MatrixView<float> distances) {
  check_arguments(context, queries, database, options, indices, distances);
  if (queries.rows == 0) return;
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    return search_on_cuda(context, queries, database, options, indices, distances);
  }
#endif
  search_on_cpu(context, queries, database, options, indices, distances);
}
void nearest(Context& context, MatrixView<const double> queries, MatrixView<const double> database,
             const NearestOptions& options, MatrixView<std::int32_t> indices,
             MatrixView<double> distances) {
  check::cpu_only(kOp, context);
  check_arguments(context, queries, database, options, indices, distances);
  if (queries.rows == 0) return;
  search_on_cpu(context, queries, database, options, indices, distances);
}

}  // namespace clipk
