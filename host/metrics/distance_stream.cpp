#include "metrics/distance_stream.hpp"

#include <cmath>

#include "clipk/core/check_finite.hpp"
#include "clipk/ops/pairwise_distance.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/unit_rows.hpp"
#include "linalg/matrix_algebra.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kBlockRows = 256;

Matrix<double> in_double(Context& context, const char* op, const std::string& name,
                         MatrixView<const float> rows, Metric metric) {
  const HostRows<float> host(context, rows);
  check_finite(host.view(), std::string(op) + " " + name);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    if (metric == Metric::cosine && is_zero_row(host.view().row(i), rows.cols)) {
      check::fail(op, name + " of length above 0 under cosine",
                  "a zero vector in row " + std::to_string(i));
    }
  }
  return cpu::cast<double>(host.view());
}

}  // namespace

DistanceSide::DistanceSide(Context& context, const char* op, const char* name,
                           const DistanceBlock& rows)
    : x(in_double(context, op, std::string(name) + ".x", rows.x, rows.metric)),
      y(in_double(context, op, std::string(name) + ".y", rows.y, rows.metric)),
      metric(rows.metric) {
  if (rows.x.cols < 1) check::fail(op, std::string(name) + ".x of 1 column or more", "0");
  if (rows.y.rows > 0 && rows.y.cols != rows.x.cols) {
    check::fail(op, std::string(name) + ".y of " + std::to_string(rows.x.cols) + " columns",
                std::to_string(rows.y.cols));
  }
}

double DistanceSide::distance(std::int64_t i, std::int64_t j) const {
  const double* a = x.view().row(i);
  const double* b = right().view().row(j);
  double scale_a = 1, scale_b = 1;
  if (metric == Metric::cosine) {
    double aa = 0, bb = 0;
    for (std::int64_t k = 0; k < x.cols(); ++k) {
      aa += a[k] * a[k];
      bb += b[k] * b[k];
    }
    scale_a = 1 / std::sqrt(aa);
    scale_b = 1 / std::sqrt(bb);
  }
  double square = 0;
  for (std::int64_t k = 0; k < x.cols(); ++k) {
    const double difference = scale_a * a[k] - scale_b * b[k];
    square += difference * difference;
  }
  switch (metric) {
    case Metric::euclidean:
      return std::sqrt(square);
    case Metric::cosine:
      return square / 2;
    case Metric::squared_euclidean:
      break;
  }
  return square;
}

DistanceStream::DistanceStream(Context& context, const char* op, const DistanceBlock& high,
                               const DistanceBlock& low)
    : cpu_(Context::cpu({.threads = context.threads()})),
      high_(context, op, "high", high),
      low_(context, op, "low", low),
      n_(high.x.rows),
      m_(high_.right().rows()),
      block_(std::min(kBlockRows, n_)),
      d_(block_, m_),
      e_(block_, m_) {
  if (low.x.rows != high.x.rows || low.y.rows != high.y.rows) {
    const auto text = [](const DistanceBlock& rows) {
      return std::to_string(rows.x.rows) + " and " + std::to_string(rows.y.rows);
    };
    check::fail(op, "low of " + text(high) + " rows", text(low));
  }
}

void DistanceStream::fill(std::int64_t row, std::int64_t count) {
  const std::int64_t first = high_.within() ? row : 0;
  const auto distances = [&](const DistanceSide& side, Matrix<double>& out) {
    pairwise_distance(cpu_, side.x.view().row_range(row, count),
                      side.right().view().row_range(first, m_ - first), side.metric,
                      out.view().row_range(0, count).col_range(0, m_ - first));
  };
  distances(high_, d_);
  distances(low_, e_);
}

}  // namespace clipk
