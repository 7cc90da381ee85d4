#include "clipk/ops/pairwise_distance.hpp"

#include <cmath>
#include <string>

#include "clipk/core/memory.hpp"
#include "cpu/pairwise_distance.hpp"
#include "ops/check.hpp"

namespace clipk {
namespace {

constexpr const char* kForward = "pairwise_distance";

template <class T>
void check_batch(const char* op, const char* name, const Context& context, BatchView<T> x,
                 std::int64_t batch, std::int64_t rows, std::int64_t cols) {
  if (x.batch != batch) {
    check::fail(op, std::string(name) + " of " + std::to_string(batch) + " matrices",
                std::to_string(x.batch));
  }
  check::matrix(op, name, context, MatrixView<T>(x.data, x.rows, x.cols, x.stride, x.device), rows,
                cols);
}

template <class T>
void check_inputs(const char* op, const Context& context, BatchView<const T> x,
                  BatchView<const T> y) {
  check_batch(op, "x", context, x, x.batch, x.rows, x.cols);
  check_batch(op, "y", context, y, x.batch, y.rows, x.cols);
  if (x.cols == 0) check::fail(op, "rows of at least 1 column", "0");
}

// On the CPU: a row of length zero has no direction.
template <class T>
void check_lengths(const char* op, const char* name, Metric metric, std::int64_t rows,
                   VectorView<const T> scales) {
  if (metric != Metric::cosine) return;
  for (std::int64_t i = 0; i < scales.size; ++i) {
    if (std::isinf(scales[i])) {
      const std::string batch =
          scales.size > rows ? " of matrix " + std::to_string(i / rows) : std::string();
      check::fail(op,
                  std::string("rows of ") + name + batch + " with a length above 0 under cosine",
                  "length 0 in row " + std::to_string(i % rows));
    }
  }
}

template <class T>
struct Scales {
  VectorView<T> x, y;
};

// The scales of both sides; those of one side where both are the same memory.
template <class T>
Scales<T> cpu_scales(const char* op, Context& context, Scratch& scratch, BatchView<const T> x,
                     BatchView<const T> y, Metric metric) {
  Scales<T> scales;
  scales.x = scratch.vector<T>(x.batch * x.rows);
  cpu::batch_scales(context.threads(), metric, x, scales.x.data);
  check_lengths<T>(op, "x", metric, x.rows, scales.x);
  const bool same = x.data == y.data && x.rows == y.rows && x.stride == y.stride &&
                    x.batch_stride == y.batch_stride;
  if (same) {
    scales.y = scales.x;
    return scales;
  }
  scales.y = scratch.vector<T>(y.batch * y.rows);
  cpu::batch_scales(context.threads(), metric, y, scales.y.data);
  check_lengths<T>(op, "y", metric, y.rows, scales.y);
  return scales;
}

template <class T>
void forward(Context& context, BatchView<const T> x, BatchView<const T> y, Metric metric,
             BatchView<T> out) {
  check_inputs(kForward, context, x, y);
  check_batch(kForward, "out", context, out, x.batch, x.rows, y.rows);
  if (x.batch == 0 || x.rows == 0 || y.rows == 0) return;
  Scratch scratch(context);
  const Scales<T> scales = cpu_scales(kForward, context, scratch, x, y, metric);
  cpu::pairwise_distance(context.threads(), x, y, metric, scales.x.data, scales.y.data, out);
}

}  // namespace

void pairwise_distance(Context& context, BatchView<const float> x, BatchView<const float> y,
                       Metric metric, BatchView<float> out) {
  forward(context, x, y, metric, out);
}
void pairwise_distance(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                       Metric metric, MatrixView<float> out) {
  forward(context, BatchView<const float>(x), BatchView<const float>(y), metric,
          BatchView<float>(out));
}
void pairwise_distance(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                       Metric metric, MatrixView<double> out) {
  check::cpu_only(kForward, context);
  forward(context, BatchView<const double>(x), BatchView<const double>(y), metric,
          BatchView<double>(out));
}

}  // namespace clipk
