#include "clipk/ops/pairwise_distance.hpp"

#include <string>

#include "cpu/pairwise_distance.hpp"
#include "ops/check.hpp"
#include "ops/distance_scales.hpp"

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

template <class T>
void forward(Context& context, BatchView<const T> x, BatchView<const T> y, Metric metric,
             BatchView<T> out) {
  check_inputs(kForward, context, x, y);
  check_batch(kForward, "out", context, out, x.batch, x.rows, y.rows);
  if (x.batch == 0 || x.rows == 0 || y.rows == 0) return;
  Scratch scratch(context);
  const DistanceScales<T> scales(kForward, context, scratch, metric, x, "x", y, "y");
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
