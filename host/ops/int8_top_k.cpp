#include "clipk/ops/int8_top_k.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "clipk/core/memory.hpp"
#include "clipk/ops/nearest.hpp"
#include "core/check.hpp"
#include "cpu/int8_top_k.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/int8_top_k.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "int8_top_k";

void check_arguments(const Context& context, MatrixView<const std::int8_t> queries,
                     MatrixView<const std::int8_t> database, VectorView<const float> scale,
                     MatrixView<std::int32_t> indices, MatrixView<float> scores) {
  check::matrix(kOp, "queries", context, queries, queries.rows, queries.cols);
  check::matrix(kOp, "database", context, database, database.rows, queries.cols);
  check::optional_vector(kOp, "scale", context, scale, database.rows);
  if (queries.cols < 1 || queries.cols > kMaxInt8Dim) {
    check::fail(kOp, "rows of 1 to " + std::to_string(kMaxInt8Dim) + " columns",
                std::to_string(queries.cols));
  }
  if (database.rows > std::numeric_limits<std::int32_t>::max()) {
    check::fail(kOp, "a database of less than 2^31 rows", std::to_string(database.rows));
  }
  check::matrix(kOp, "indices", context, indices, queries.rows, indices.cols);
  const std::int64_t most = std::min(database.rows, kMaxNeighbors);
  if (indices.cols < 1 || indices.cols > most) {
    check::fail(kOp,
                "indices of 1 to " + std::to_string(most) + " columns for a database of " +
                    std::to_string(database.rows) + " rows",
                std::to_string(indices.cols));
  }
  check::optional_matrix(kOp, "scores", context, scores, queries.rows, indices.cols);
}

}  // namespace

void int8_top_k(Context& context, MatrixView<const std::int8_t> queries,
                MatrixView<const std::int8_t> database, VectorView<const float> scale,
                MatrixView<std::int32_t> indices, MatrixView<float> scores) {
  check_arguments(context, queries, database, scale, indices, scores);
  if (queries.rows == 0) return;
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    const gpu::ScanPlan plan(queries.rows, database.rows, context.multiprocessors());
    std::uint64_t* lists =
        scratch.vector<std::uint64_t>(plan.chunks * queries.rows * indices.cols).data;
    return gpu::int8_top_k(plan, queries, database, scale.data, lists, indices, scores,
                           context.stream());
  }
#endif
  const cpu::ScanPlan plan(context.threads(), queries.rows, database.rows, indices.cols);
  const cpu::ScanScratch lists{
      scratch.vector<cpu::ScanCandidate>(context.threads() * plan.thread_candidates()).data,
      scratch.vector<cpu::ScanCandidate>(plan.chunk_candidates()).data};
  const std::int64_t work = context.threads() * cpu::int8_scratch_bytes(plan, queries.cols);
  cpu::int8_top_k(context.threads(), plan, lists, scratch.vector<std::uint8_t>(work).data, queries,
                  database, scale, indices, scores);
}

}  // namespace clipk
