#include "clipk/metrics/reranking.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "cpu/gemm.hpp"
#include "cpu/parallel.hpp"
#include "metrics/exact_tops.hpp"
#include "metrics/host_rows.hpp"
#include "metrics/unit_rows.hpp"
#include "ops/check.hpp"

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

// -log sum_j exp(beta S_ij + offset_j) of every row i.
std::vector<double> half_step(int threads, const Matrix<double>& table, double beta,
                              const std::vector<double>& offset) {
  std::vector<double> result(static_cast<std::size_t>(table.rows()));
  cpu::parallel_chunks(threads, table.rows(), 16, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      double most = -INFINITY, sum = 0;
      for (std::int64_t j = 0; j < table.cols(); ++j) {
        most = std::max(most, beta * table(i, j) + offset[static_cast<std::size_t>(j)]);
      }
      for (std::int64_t j = 0; j < table.cols(); ++j) {
        sum += std::exp(beta * table(i, j) + offset[static_cast<std::size_t>(j)] - most);
      }
      result[static_cast<std::size_t>(i)] = -most - std::log(sum);
    }
  });
  return result;
}

}  // namespace

std::vector<double> csls_bias(Context& context, MatrixView<const float> bank,
                              MatrixView<const float> candidates, std::int64_t k) {
  constexpr const char* kName = "csls_bias";
  check_sides(kName, bank, candidates);
  check_tops(kName, k, bank.rows, "the bank");
  const HostRows<float> host_bank(context, bank);
  const HostRows<float> host_candidates(context, candidates);
  check_nonzero_rows(host_bank.view(), "csls_bias bank");
  check_nonzero_rows(host_candidates.view(), "csls_bias candidates");
  std::vector<double> bias(static_cast<std::size_t>(candidates.rows));
  exact_tops(
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
  const HostRows<float> host_bank(context, bank);
  const HostRows<float> host_candidates(context, candidates);
  const int threads = context.threads();
  const Matrix<float> x = unit_rows(threads, host_bank.view(), "sinkhorn_bias bank");
  const Matrix<float> y = unit_rows(threads, host_candidates.view(), "sinkhorn_bias candidates");
  const std::int64_t b = x.rows(), m = y.rows(), d = x.cols();
  Matrix<float> cosines(b, m);
  cpu::gemm(threads, cpu::Transpose::no, cpu::Transpose::yes, b, m, d, 1.0F, x.data(), d, y.data(),
            d, 0.0F, cosines.data(), m);
  Matrix<double> table(b, m), transposed(m, b);
  for (std::int64_t i = 0; i < b; ++i) {
    for (std::int64_t j = 0; j < m; ++j) table(i, j) = transposed(j, i) = cosines(i, j);
  }
  // Logarithms of the factors. Rows are to sum to 1 and columns to b / m.
  std::vector<double> column(static_cast<std::size_t>(m));
  std::vector<double> row = half_step(threads, table, options.beta, column);
  const double share = std::log(static_cast<double>(b) / static_cast<double>(m));
  SinkhornBias result;
  do {
    column = half_step(threads, transposed, options.beta, row);
    for (double& value : column) value += share;
    const std::vector<double> next = half_step(threads, table, options.beta, column);
    result.residual = 0;
    for (std::size_t i = 0; i < next.size(); ++i) {
      result.residual = std::max(result.residual, std::fabs(std::expm1(row[i] - next[i])));
    }
    row = next;
  } while (++result.iterations < options.max_iterations && result.residual > options.tolerance);
  const double mean = std::accumulate(column.begin(), column.end(), 0.0) / static_cast<double>(m);
  for (const double value : column) result.bias.push_back((value - mean) / options.beta);
  return result;
}

}  // namespace clipk
