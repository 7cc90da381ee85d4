#include "clipk/ops/hamming_top_k.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "clipk/core/memory.hpp"
#include "clipk/ops/nearest.hpp"
#include "core/check.hpp"
#include "cpu/hamming_top_k.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/hamming_top_k.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "hamming_top_k";

void check_arguments(const Context& context, MatrixView<const std::uint8_t> queries,
                     MatrixView<const std::uint8_t> database, MatrixView<std::int32_t> indices,
                     MatrixView<std::int32_t> distances) {
  check::matrix(kOp, "queries", context, queries, queries.rows, queries.cols);
  check::matrix(kOp, "database", context, database, database.rows, queries.cols);
  if (queries.cols < 1 || queries.cols > kMaxHammingBytes) {
    check::fail(kOp, "codes of 1 to " + std::to_string(kMaxHammingBytes) + " bytes",
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
  check::optional_matrix(kOp, "distances", context, distances, queries.rows, indices.cols);
}

}  // namespace

void hamming_top_k(Context& context, MatrixView<const std::uint8_t> queries,
                   MatrixView<const std::uint8_t> database, MatrixView<std::int32_t> indices,
                   MatrixView<std::int32_t> distances) {
  check_arguments(context, queries, database, indices, distances);
  if (queries.rows == 0) return;
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    const gpu::ScanPlan plan(queries.rows, database.rows, context.multiprocessors());
    std::uint64_t* lists =
        scratch.vector<std::uint64_t>(plan.chunks * queries.rows * indices.cols).data;
    return gpu::hamming_top_k(plan, queries, database, lists, indices, distances, context.stream());
  }
#endif
  const cpu::ScanPlan plan(context.threads(), queries.rows, database.rows, indices.cols);
  const cpu::ScanScratch lists{
      scratch.vector<cpu::ScanCandidate>(context.threads() * plan.thread_candidates()).data,
      scratch.vector<cpu::ScanCandidate>(plan.chunk_candidates()).data};
  const std::int64_t work = context.threads() * cpu::hamming_scratch_bytes(plan, queries.cols);
  cpu::hamming_top_k(context.threads(), plan, lists, scratch.vector<std::uint8_t>(work).data,
                     queries, database, indices, distances);
}

}  // namespace clipk
