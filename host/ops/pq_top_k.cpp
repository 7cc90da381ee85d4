#include "clipk/ops/pq_top_k.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "clipk/core/memory.hpp"
#include "clipk/ops/nearest.hpp"
#include "core/check.hpp"
#include "cpu/pq_top_k.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/pq_top_k.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "pq_top_k";

void check_arguments(const Context& context, BatchView<const float> tables,
                     MatrixView<const std::uint8_t> codes, MatrixView<std::int32_t> indices,
                     MatrixView<float> scores) {
  if (tables.cols != 16 && tables.cols != 256) {
    check::fail(kOp, "tables of 16 or 256 centroids", std::to_string(tables.cols));
  }
  if (tables.rows < 1) check::fail(kOp, "tables of at least 1 sub-vector", "0");
  check::batch(kOp, "tables", context, tables, tables.batch, tables.rows, tables.cols);
  if (tables.stride != tables.cols || tables.batch_stride != tables.rows * tables.cols) {
    check::fail(
        kOp, "contiguous tables",
        "strides " + std::to_string(tables.batch_stride) + " and " + std::to_string(tables.stride));
  }
  const std::int64_t bytes = tables.cols == 16 ? (tables.rows + 1) / 2 : tables.rows;
  check::matrix(kOp, "codes", context, codes, codes.rows, bytes);
  if (codes.rows > std::numeric_limits<std::int32_t>::max()) {
    check::fail(kOp, "less than 2^31 codes", std::to_string(codes.rows));
  }
  check::matrix(kOp, "indices", context, indices, tables.batch, indices.cols);
  const std::int64_t most = std::min(codes.rows, kMaxNeighbors);
  if (indices.cols < 1 || indices.cols > most) {
    check::fail(kOp,
                "indices of 1 to " + std::to_string(most) + " columns for " +
                    std::to_string(codes.rows) + " codes",
                std::to_string(indices.cols));
  }
  check::optional_matrix(kOp, "scores", context, scores, tables.batch, indices.cols);
}

#if CLIPK_HAS_CUDA
void search_on_cuda(Context& context, BatchView<const float> tables,
                    MatrixView<const std::uint8_t> codes, PqOrder order,
                    MatrixView<std::int32_t> indices, MatrixView<float> scores) {
  Scratch scratch(context);
  const gpu::PqPlan plan(tables.batch, codes.rows, context.multiprocessors());
  std::uint64_t* lists =
      scratch.vector<std::uint64_t>(plan.lists * tables.batch * indices.cols).data;
  gpu::pq_top_k(plan, tables, codes, order, lists, indices, scores, context.stream());
}
#endif

}  // namespace

void pq_top_k(Context& context, BatchView<const float> tables, MatrixView<const std::uint8_t> codes,
              PqOrder order, MatrixView<std::int32_t> indices, MatrixView<float> scores) {
  check_arguments(context, tables, codes, indices, scores);
  if (tables.batch == 0) return;
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    return search_on_cuda(context, tables, codes, order, indices, scores);
  }
#endif
  const int threads = context.threads();
  const cpu::ScanPlan plan(threads, tables.batch, codes.rows, indices.cols);
  Scratch scratch(context);
  const cpu::ScanScratch lists{
      scratch.vector<cpu::ScanCandidate>(threads * plan.thread_candidates()).data,
      scratch.vector<cpu::ScanCandidate>(plan.chunk_candidates()).data};
  float* work =
      scratch.vector<float>(threads * cpu::pq_scratch_floats(tables.rows, tables.cols)).data;
  cpu::pq_top_k(threads, plan, lists, work, tables, codes, order, indices, scores);
}

}  // namespace clipk
