#pragma once

#include <cmath>
#include <string>

#include "clipk/core/memory.hpp"
#include "clipk/core/metric.hpp"
#include "core/check.hpp"
#include "cpu/pairwise_distance.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/pairwise_distance.hpp"
#endif

// What pairwise_distance and nearest share: the scales of the rows of both sides.
namespace clipk {

/// A row of length zero has no direction, and so no cosine.
template <class T>
void check_lengths(const char* op, const char* name, Metric metric, std::int64_t rows,
                   VectorView<const T> scales) {
  if (metric != Metric::cosine) return;
  for (std::int64_t i = 0; i < scales.size; ++i) {
    if (!std::isinf(scales[i])) continue;
    const std::string batch = scales.size > rows ? " of matrix " + std::to_string(i / rows) : "";
    check::fail(op, std::string("rows of ") + name + batch + " with a length above 0 under cosine",
                "length 0 in row " + std::to_string(i % rows));
  }
}

/// As row_scales makes them.
template <class T>
struct DistanceScales {
  VectorView<T> x, y;

  /// Computed once where x and y are the same memory.
  DistanceScales(const char* op, Context& context, Scratch& scratch, Metric metric,
                 BatchView<const T> x_rows, const char* x_name, BatchView<const T> y_rows,
                 const char* y_name) {
    const bool same = x_rows.data == y_rows.data && x_rows.rows == y_rows.rows &&
                      x_rows.stride == y_rows.stride && x_rows.batch_stride == y_rows.batch_stride;
    x = scratch.vector<T>(x_rows.batch * x_rows.rows);
    y = same ? x : scratch.vector<T>(y_rows.batch * y_rows.rows);
    cpu::batch_scales(context.threads(), metric, x_rows, x.data, y_rows, same ? nullptr : y.data);
    check_lengths<T>(op, x_name, metric, x_rows.rows, x);
    check_lengths<T>(op, y_name, metric, y_rows.rows, y);
  }
};

#if CLIPK_HAS_CUDA
/// Both sides with their scales, which are ready on the stream; nothing is checked.
struct CudaOperands {
  gpu::DistanceOperand x, y;

  /// Computed once where x and y are the same memory.
  CudaOperands(Context& context, Scratch& scratch, Metric metric, BatchView<const float> x_rows,
               BatchView<const float> y_rows) {
    const auto scaled = [&](BatchView<const float> rows) {
      float* scales = scratch.vector<float>(rows.batch * rows.rows).data;
      gpu::DistanceOperand side{rows.data, rows.rows, rows.stride, rows.batch_stride, scales};
      gpu::row_scales(metric, rows.batch, rows.cols, side, scales, context.stream());
      return side;
    };
    x = scaled(x_rows);
    const bool same = x_rows.data == y_rows.data && x_rows.rows == y_rows.rows &&
                      x_rows.stride == y_rows.stride && x_rows.batch_stride == y_rows.batch_stride;
    y = same ? x : scaled(y_rows);
  }
};
#endif

}  // namespace clipk
