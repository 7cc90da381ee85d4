#include "clipk/models/flow_diagnostics.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "clipk/core/error.hpp"
#include "clipk/core/memory.hpp"
#include "metrics/host_rows.hpp"
#include "models/dense_products.hpp"

namespace clipk {
namespace {

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

RowMajor doubled(MatrixView<const float> rows) {
  RowMajor result(rows.rows, rows.cols);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) result(i, j) = double{rows(i, j)};
  }
  return result;
}

// The normal distribution with the rows' mean and covariance (by n - 1).
struct Gaussian {
  Eigen::RowVectorXd mean;
  Eigen::LLT<Eigen::MatrixXd> cholesky;
  Eigen::VectorXd diagonal;  // of the factor

  Gaussian(int threads, MatrixView<const float> train) {
    if (train.rows <= train.cols) {
      throw Error("flow_diagnostics: expected more than " + std::to_string(train.cols) +
                  " training rows, got " + std::to_string(train.rows));
    }
    RowMajor rows = doubled(train);
    mean = rows.colwise().mean();
    rows.rowwise() -= mean;
    const Eigen::MatrixXd covariance = gram(threads, rows) / static_cast<double>(train.rows - 1);
    cholesky.compute(covariance);
    diagonal = Eigen::MatrixXd(cholesky.matrixL()).diagonal();
    const double largest = diagonal.size() > 0 ? diagonal.maxCoeff() : 0;
    if (cholesky.info() != Eigen::Success || !(diagonal.minCoeff() > 1e-9 * largest)) {
      throw Error("flow_diagnostics: expected training rows that span all " +
                  std::to_string(train.cols) + " columns, got a singular covariance of " +
                  std::to_string(train.rows) + " rows");
    }
  }

  // Mean -log density of rows.
  double nll(MatrixView<const float> rows) const {
    RowMajor tested = doubled(rows);
    tested.rowwise() -= mean;
    const Eigen::MatrixXd white = cholesky.matrixL().solve(tested.transpose());
    return .5 * white.squaredNorm() / static_cast<double>(rows.rows) +
           diagonal.array().log().sum() +
           .5 * static_cast<double>(rows.cols) * std::log(2 * std::numbers::pi);
  }
};

double largest_difference(MatrixView<const float> a, MatrixView<const float> b) {
  double largest = 0;
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < a.cols; ++j) {
      const double difference = std::abs(double{a(i, j)} - double{b(i, j)});
      if (!(difference <= largest)) largest = difference;  // a NaN stays
    }
  }
  return largest;
}

// The checks in double at one row.
class DoubleCheck {
 public:
  DoubleCheck(Context& context, const Flow& flow)
      : flow_(flow.to_double(context)),
        dim_(flow.dim()),
        workspace_(host_, flow_, dim_),
        x_(dim_, dim_),
        z_(dim_, dim_),
        identity_(dim_, dim_),
        jacobian_(dim_, dim_),
        log_det_(1, dim_) {
    for (std::int64_t i = 0; i < dim_; ++i) identity_(i, i) = 1;
  }

  void add(const float* row, FlowDiagnostics& into) {
    // One copy of the row an output: the backward pass then gives a row of the Jacobian each.
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
    flow_.backward(host_, x_, workspace_, identity_, {}, jacobian_.view());
    const Eigen::Map<const RowMajor> dense(jacobian_.data(), dim_, dim_);
    const Eigen::PartialPivLU<Eigen::MatrixXd> lu(dense);
    const double true_log_det = lu.matrixLU().diagonal().array().abs().log().sum();
    const double error = std::abs(told - true_log_det) / std::max(1.0, std::abs(true_log_det));
    if (!(error <= into.logdet_error)) into.logdet_error = error;
    ++into.sample;
  }

 private:
  Context host_ = Context::cpu();
  BasicFlow<double> flow_;
  std::int64_t dim_;
  BasicFlow<double>::Workspace workspace_;
  Matrix<double> x_, z_, identity_, jacobian_, log_det_;
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
