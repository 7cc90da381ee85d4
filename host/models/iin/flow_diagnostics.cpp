#include "clipk/models/flow_diagnostics.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/core/memory.hpp"
#include "core/host_rows.hpp"
#include "core/math/math.hpp"
#include "linalg/fixed_dot.hpp"
#include "linalg/gemm.hpp"
#include "linalg/triangular.hpp"

namespace clipk {
namespace {

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// The normal distribution with the rows' mean and covariance (divided by n - 1).
struct Gaussian {
  int threads;
  std::vector<double> mean;
  Matrix<double> lower;  // of the covariance

  Gaussian(int of_threads, MatrixView<const float> train)
      : threads(of_threads), mean(static_cast<std::size_t>(train.cols)) {
    const std::int64_t n = train.rows, d = train.cols;
    if (n <= d) {
      throw Error("flow_diagnostics: expected more than " + std::to_string(d) +
                  " training rows, got " + std::to_string(n));
    }
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < d; ++j) mean[static_cast<std::size_t>(j)] += double{train(i, j)};
    }
    for (double& value : mean) value /= static_cast<double>(n);
    const Matrix<double> rows = centred(train);
    lower = Matrix<double>(d, d);
    cpu::gemm_symmetric(threads, cpu::Transpose::yes, d, n, 1 / static_cast<double>(n - 1),
                        rows.data(), d, 0.0, lower.data(), d);
    bool singular = !cpu::cholesky(lower.view());
    double largest = 0;
    for (std::int64_t j = 0; j < d; ++j) largest = std::max(largest, lower(j, j));
    for (std::int64_t j = 0; j < d; ++j) singular = singular || !(lower(j, j) > 1e-9 * largest);
    if (singular) {
      throw Error("flow_diagnostics: expected training rows that span all " + std::to_string(d) +
                  " columns, got a singular covariance of " + std::to_string(n) + " rows");
    }
  }

  Matrix<double> centred(MatrixView<const float> rows) const {
    Matrix<double> result(rows.rows, rows.cols);
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      for (std::int64_t j = 0; j < rows.cols; ++j) {
        result(i, j) = double{rows(i, j)} - mean[static_cast<std::size_t>(j)];
      }
    }
    return result;
  }

  // Mean -log density of rows.
  double nll(MatrixView<const float> rows) const {
    Matrix<double> white = centred(rows);
    cpu::solve_lower(threads, lower, white.view());
    double squares = 0;
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      squares += cpu::fixed_dot(white.view().row(i), white.view().row(i), rows.cols);
    }
    double log_volume = 0;
    for (std::int64_t j = 0; j < rows.cols; ++j) log_volume += math::log(lower(j, j));
    return .5 * squares / static_cast<double>(rows.rows) + log_volume +
           .5 * static_cast<double>(rows.cols) * math::log(2 * std::numbers::pi);
  }
};

double largest_difference(MatrixView<const float> a, MatrixView<const float> b) {
  double largest = 0;
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < a.cols; ++j) {
      const double difference = std::abs(double{a(i, j)} - double{b(i, j)});
      if (!(difference <= largest)) largest = difference;  // keeps a NaN
    }
  }
  return largest;
}

// The checks in double on one row.
class DoubleCheck {
 public:
  DoubleCheck(Context& context, const Flow& flow)
      : flow_(flow.to_double(context)),
        dim_(flow.dim()),
        workspace_(host_, flow_, dim_),
        x_(dim_, dim_),
        z_(dim_, dim_),
        identity_(dim_, dim_),
        log_det_(1, dim_) {
    for (std::int64_t i = 0; i < dim_; ++i) identity_(i, i) = 1;
  }

  void add(const float* row, FlowDiagnostics& into) {
    // One copy of the row per output: the backward pass then gives one row of the Jacobian
    // for each.
    for (std::int64_t i = 0; i < dim_; ++i) {
      for (std::int64_t j = 0; j < dim_; ++j) x_(i, j) = double{row[j]};
    }
    const VectorView<double> log_det(log_det_.data(), dim_);
    flow_.forward(host_, x_, workspace_, z_.view(), log_det);
    const double told = log_det[0];
    Matrix<double> back(1, dim_);
    flow_.inverse(host_, MatrixView<const double>(z_.view()).row_range(0, 1), back.view());
    for (std::int64_t j = 0; j < dim_; ++j) {
      into.round_trip_max_double =
          std::max(into.round_trip_max_double, std::abs(back(0, j) - x_(0, j)));
    }
    Matrix<double> jacobian(dim_, dim_);
    flow_.backward(host_, x_, workspace_, identity_, {}, jacobian.view());
    const double true_log_det = cpu::log_abs_determinant(std::move(jacobian));
    const double error = std::abs(told - true_log_det) / std::max(1.0, std::abs(true_log_det));
    if (!(error <= into.logdet_error)) into.logdet_error = error;
    ++into.sample;
  }

 private:
  Context host_ = Context::cpu();
  BasicFlow<double> flow_;
  std::int64_t dim_;
  BasicFlow<double>::Workspace workspace_;
  Matrix<double> x_, z_, identity_, log_det_;
};

Matrix<float> columns_of(MatrixView<const float> codes, const IinBlock& block) {
  Matrix<float> result(codes.rows, block.size);
  for (std::int64_t i = 0; i < codes.rows; ++i) {
    std::copy_n(codes.row(i) + block.first, block.size, result.view().row(i));
  }
  return result;
}

}  // namespace

void check_diagnosable(Context& context, MatrixView<const float> train) {
  const Gaussian gaussian(context.threads(), HostRows(context, train).view());
}

FlowDiagnostics flow_diagnostics(Context& context, const Flow& flow, MatrixView<const float> train,
                                 MatrixView<const float> held_out, std::int64_t sample) {
  if (train.cols != flow.dim() || held_out.cols != flow.dim()) {
    throw Error("flow_diagnostics: expected rows of " + std::to_string(flow.dim()) +
                " columns, got " + std::to_string(train.cols) + " and " +
                std::to_string(held_out.cols));
  }
  if (held_out.rows < 1) throw Error("flow_diagnostics: expected a held-out row, got none");
  const HostRows train_rows(context, train), held_out_rows(context, held_out);
  FlowDiagnostics result;
  result.nll_gaussian = Gaussian(context.threads(), train_rows.view()).nll(held_out_rows.view());
  const Matrix<float> rows = Matrix<float>::copy_of(context, held_out_rows.view());
  std::vector<double> nll = flow.log_density(context, rows);
  result.nll = -mean_of(nll);
  Matrix<float> back(context, rows.rows(), rows.cols());
  flow.transform(context, rows, back.view());
  flow.inverse(context, back, back.view());
  result.round_trip_max = largest_difference(back.to_host(context), held_out_rows.view());

  DoubleCheck check(context, flow);
  sample = std::clamp<std::int64_t>(sample, 1, held_out.rows);
  for (std::int64_t s = 0; s < sample; ++s) {
    check.add(held_out_rows.view().row(s * held_out.rows / sample), result);
  }
  return result;
}

Leakage leakage(Context& context, const Iin& iin, MatrixView<const float> train,
                const std::vector<Factor>& train_factors, MatrixView<const float> held_out,
                const std::vector<Factor>& held_out_factors, const ProbeOptions& options) {
  Leakage result{.scores = {}, .chance = chance_scores(held_out_factors)};
  const Matrix<float> train_codes = iin.transform(context, train).to_host(context);
  const Matrix<float> held_out_codes = iin.transform(context, held_out).to_host(context);
  for (const IinBlock& block : iin.blocks()) {
    std::vector<double>& scores = result.scores.emplace_back();
    if (block.size == 0) continue;
    const Probe probe = Probe::fit(context, columns_of(train_codes, block), train_factors, options);
    scores = probe.scores(context, columns_of(held_out_codes, block), held_out_factors);
  }
  return result;
}

}  // namespace clipk
