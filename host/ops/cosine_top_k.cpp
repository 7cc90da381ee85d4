#include "clipk/ops/cosine_top_k.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "clipk/ops/nearest.hpp"
#include "core/check.hpp"
#include "cpu/cosine_top_k.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/cosine_top_k.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "cosine_top_k";

// @param from the name of the rows that are chosen from
void check_outputs(const Context& context, std::int64_t rows, std::int64_t candidates,
                   const char* from, const char* indices_name, MatrixView<std::int32_t> indices,
                   const char* cosines_name, MatrixView<float> cosines) {
  check::matrix(kOp, indices_name, context, indices, rows, indices.cols);
  const std::int64_t most = std::min(candidates, kMaxNeighbors);
  if (indices.cols < 1 || indices.cols > most) {
    check::fail(kOp,
                std::string(indices_name) + " of 1 to " + std::to_string(most) + " columns for " +
                    std::to_string(candidates) + " rows of " + from,
                std::to_string(indices.cols));
  }
  check::matrix(kOp, cosines_name, context, cosines, rows, indices.cols);
}

}  // namespace

void cosine_top_k(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                  MatrixView<std::int32_t> indices_of_x, MatrixView<float> cosines_of_x,
                  MatrixView<std::int32_t> indices_of_y, MatrixView<float> cosines_of_y) {
  check::matrix(kOp, "x", context, x, x.rows, x.cols);
  check::matrix(kOp, "y", context, y, y.rows, x.cols);
  if (x.empty() || y.empty()) {
    check::fail(kOp, "x and y of at least 1 row and 1 column",
                check::shape(x.rows, x.cols) + " and " + check::shape(y.rows, y.cols));
  }
  if (std::max(x.rows, y.rows) > std::numeric_limits<std::int32_t>::max()) {
    check::fail(kOp, "less than 2^31 rows", std::to_string(std::max(x.rows, y.rows)));
  }
  check_outputs(context, x.rows, y.rows, "y", "indices_of_x", indices_of_x, "cosines_of_x",
                cosines_of_x);
  check_outputs(context, y.rows, x.rows, "x", "indices_of_y", indices_of_y, "cosines_of_y",
                cosines_of_y);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    nearest(context, x, y, {.metric = Metric::cosine}, indices_of_x, cosines_of_x);
    nearest(context, y, x, {.metric = Metric::cosine}, indices_of_y, cosines_of_y);
    gpu::cosines_of_distances(cosines_of_x, context.stream());
    return gpu::cosines_of_distances(cosines_of_y, context.stream());
  }
#endif
  cpu::cosine_top_k(context.threads(), x, y, indices_of_x, cosines_of_x, indices_of_y,
                    cosines_of_y);
}

}  // namespace clipk
