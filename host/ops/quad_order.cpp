#include "clipk/ops/quad_order.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>

#include "clipk/ops/pairwise_distance.hpp"
#include "core/check.hpp"
#include "cpu/quad_order.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/quad_order.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kOp = "quad_order";

template <class T>
void check_target(const Context& context, const BasicTargetDistances<T>& target, bool self) {
  const auto rows_y = self ? target.rows_x : target.rows_y;
  const bool stored = !target.distances.empty();
  const std::int64_t n = stored ? target.distances.rows : target.rows_x.rows;
  const std::int64_t m = stored ? target.distances.cols : rows_y.rows;
  if (!stored && target.rows_x.cols < 1) {
    check::fail(kOp, "target distances, or rows of at least 1 column",
                check::shape(target.rows_x.rows, target.rows_x.cols));
  }
  check::matrix(kOp, "target distances", context, target.distances, stored ? n : 0,
                !stored ? 0
                : self  ? n
                        : m);
  if (!stored) {
    check::matrix(kOp, "target rows_x", context, target.rows_x, n, target.rows_x.cols);
    check::matrix(kOp, "target rows_y", context, rows_y, m, target.rows_x.cols);
  }
  const double pairs = static_cast<double>(n) * static_cast<double>(m);
  if (self ? n < 2 : pairs < 2) check::fail(kOp, "a block of at least 2 pairs", check::shape(n, m));
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (pairs > static_cast<double>(most)) {
    check::fail(kOp, "a block of at most " + std::to_string(most) + " pairs", check::shape(n, m));
  }
}

void check_near(const QuadOrderOptions& options, std::int64_t n, std::int64_t m) {
  if (options.draw != QuadDraw::query) {
    if (options.near == 0) return;
    check::fail(kOp, "near of 0 for a draw of all", std::to_string(options.near));
  }
  const std::int64_t candidates = options.one_set ? n - 1 : std::min(n, m);
  if (options.near < 0 || options.near > candidates) {
    check::fail(kOp, "near in 0 ... " + std::to_string(candidates), std::to_string(options.near));
  }
}

template <class T>
void check_finite(MatrixView<const T> d) {
  for (std::int64_t i = 0; i < d.rows; ++i) {
    for (std::int64_t j = 0; j < d.cols; ++j) {
      if (std::isfinite(d(i, j))) continue;
      check::fail(kOp, "finite target distances",
                  std::to_string(d(i, j)) + " in row " + std::to_string(i));
    }
  }
}

#if CLIPK_HAS_CUDA
void on_cuda(Context& context, const TargetDistances& target, QuadOrder& order) {
  constexpr std::int64_t kFields = sizeof(gpu::QuadOrderTotals) / sizeof(std::uint64_t);
  Matrix<std::uint64_t> totals(context, 1, kFields);
  gpu::quad_order(target, order, reinterpret_cast<gpu::QuadOrderTotals*>(totals.data()), context);
  const Matrix<std::uint64_t> host = totals.to_host(context);
  gpu::QuadOrderTotals found{};
  std::memcpy(&found, host.data(), sizeof found);
  if (found.not_finite > 0) {
    check::fail(kOp, "finite target distances", std::to_string(found.not_finite) + " that are not");
  }
  order.count = static_cast<std::int64_t>(found.count);
  order.ties = found.ties > 0;
}
#endif

template <class T>
QuadOrder run(Context& context, const BasicTargetDistances<T>& target,
              const QuadOrderOptions& options) {
  check_target(context, target, options.one_set);
  const MatrixView<const T> rows_y = options.one_set ? target.rows_x : target.rows_y;
  QuadOrder order;
  order.options = options;
  order.rows = target.distances.empty() ? target.rows_x.rows : target.distances.rows;
  order.cols = target.distances.empty() ? rows_y.rows : target.distances.cols;
  const std::int64_t n = order.rows, m = order.cols, near = options.near;
  check_near(options, n, m);

  const bool both = options.draw == QuadDraw::query && !options.one_set;
  order.of_rows = Matrix<std::int32_t>(context, n, m);
  if (both) order.of_cols = Matrix<std::int32_t>(context, m, n);
  if (near > 0) order.near_rows = Matrix<std::int32_t>(context, n, near);
  if (near > 0 && both) order.near_cols = Matrix<std::int32_t>(context, m, near);
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      on_cuda(context, target, order);
      return order;
    }
  }
#endif
  MatrixView<const T> d = target.distances;
  if (d.empty()) {
    const MatrixView<T> made = scratch.matrix<T>(n, m);
    // Only the order counts, so no roots.
    const bool cosine = target.metric == Metric::cosine;
    pairwise_distance(context, target.rows_x, rows_y,
                      cosine ? Metric::cosine : Metric::squared_euclidean, made);
    d = made;
  }
  check_finite(d);
  cpu::quad_order(context, d, order);
  return order;
}

}  // namespace

QuadOrder quad_order(Context& context, const TargetDistances& target,
                     const QuadOrderOptions& options) {
  return run(context, target, options);
}

QuadOrder quad_order(Context& context, const BasicTargetDistances<double>& target,
                     const QuadOrderOptions& options) {
  check::cpu_only(kOp, context);
  return run(context, target, options);
}

}  // namespace clipk
