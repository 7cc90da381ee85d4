#include "clipk/metrics/reranking.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "clipk/ops/log_sum_exp.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/math/math.hpp"
#include "core/unit_rows.hpp"
#include "metrics/exact_top_k.hpp"

namespace clipk {
namespace {

void check_sides(const char* op, MatrixView<const float> bank, MatrixView<const float> candidates) {
  if (bank.cols != candidates.cols) {
    check::fail(op, "a bank of " + std::to_string(candidates.cols) + " columns",
                std::to_string(bank.cols));
  }
  if (bank.rows < 1) check::fail(op, "a bank of at least 1 row", "0");
  if (candidates.rows < 1) check::fail(op, "at least 1 candidate", "0");
}

// Unit rows on the context's device.
Matrix<float> device_rows(Context& context, MatrixView<const float> rows, const char* name) {
  const HostRows<float> host(context, rows);
  Matrix<float> unit = unit_rows(context.threads(), host.view(), name);
  return context.device() == Device::cpu ? std::move(unit) : unit.to_device(context);
}

// The logarithms of one side's factors from those of the other: minus
// log sum_j exp(beta x_i . y_j + other_j).
class HalfStep {
 public:
  HalfStep(Context& context, const Matrix<float>& x, const Matrix<float>& y, double beta)
      : context_(context),
        x_(x),
        y_(y),
        beta_(beta),
        offset_(context, 1, y.rows()),
        sums_(context, 1, x.rows()) {}

  std::vector<double> operator()(const std::vector<double>& other) {
    copy<double>(context_, host_view(other), offset_.flat());
    log_sum_exp(context_, x_, y_, beta_, offset_.flat(), sums_.flat());
    std::vector<double> factors(static_cast<std::size_t>(x_.rows()));
    copy<double>(context_, sums_.flat(), VectorView<double>(factors.data(), x_.rows()));
    for (double& value : factors) value = -value;
    return factors;
  }

 private:
  static VectorView<const double> host_view(const std::vector<double>& values) {
    return {values.data(), static_cast<std::int64_t>(values.size())};
  }

  Context& context_;
  const Matrix<float>&x_, &y_;
  double beta_;
  Matrix<double> offset_, sums_;
};

}  // namespace

std::vector<double> csls_bias(Context& context, MatrixView<const float> bank,
                              MatrixView<const float> candidates, std::int64_t k) {
  constexpr const char* kName = "csls_bias";
  check_sides(kName, bank, candidates);
  check_top_k(kName, k, bank.rows, "the bank");
  const HostRows<float> host_bank(context, bank);
  const HostRows<float> host_candidates(context, candidates);
  check_nonzero_rows(host_bank.view(), "csls_bias bank");
  check_nonzero_rows(host_candidates.view(), "csls_bias candidates");
  std::vector<double> bias(static_cast<std::size_t>(candidates.rows));
  exact_top_k(
      context.threads(), host_candidates.view(), host_bank.view(), k,
      [&](std::int64_t first, MatrixView<const std::int32_t>, MatrixView<const double> cosines) {
        for (std::int64_t i = 0; i < cosines.rows; ++i) {
          const double* row = cosines.row(i);
          bias[static_cast<std::size_t>(first + i)] =
              -std::accumulate(row, row + k, 0.0) / static_cast<double>(2 * k);
        }
      });
  return bias;
}

SinkhornBias sinkhorn_bias(Context& context, MatrixView<const float> bank,
                           MatrixView<const float> candidates, const SinkhornOptions& options) {
  constexpr const char* kName = "sinkhorn_bias";
  check_sides(kName, bank, candidates);
  if (!(options.beta > 0) || !std::isfinite(options.beta)) {
    check::fail(kName, "beta above 0", std::to_string(options.beta));
  }
  if (options.max_iterations < 1) {
    check::fail(kName, "max_iterations of at least 1", std::to_string(options.max_iterations));
  }
  if (!(options.tolerance >= 0)) {
    check::fail(kName, "a tolerance of at least 0", std::to_string(options.tolerance));
  }
  const Matrix<float> x = device_rows(context, bank, "sinkhorn_bias bank");
  const Matrix<float> y = device_rows(context, candidates, "sinkhorn_bias candidates");
  HalfStep rows(context, x, y, options.beta), columns(context, y, x, options.beta);
  // Scales rows to sum to 1 and columns to b / m.
  const std::int64_t m = y.rows();
  const double share = math::log(static_cast<double>(x.rows()) / static_cast<double>(m));
  std::vector<double> row = rows(std::vector<double>(static_cast<std::size_t>(m))), column;
  SinkhornBias result;
  do {
    column = columns(row);
    for (double& value : column) value += share;
    const std::vector<double> next = rows(column);
    result.residual = 0;
    for (std::size_t i = 0; i < next.size(); ++i) {
      result.residual = std::max(result.residual, std::fabs(math::expm1(row[i] - next[i])));
    }
    row = next;
  } while (++result.iterations < options.max_iterations && result.residual > options.tolerance);
  const double mean = std::accumulate(column.begin(), column.end(), 0.0) / static_cast<double>(m);
  for (const double value : column) result.bias.push_back((value - mean) / options.beta);
  return result;
}

}  // namespace clipk
