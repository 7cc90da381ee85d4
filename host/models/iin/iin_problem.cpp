#include "models/iin/iin_problem.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

#include "clipk/ops/factor_pair_loss.hpp"
#include "clipk/ops/gather_rows.hpp"
#include "clipk/ops/gaussian_posterior.hpp"
#include "core/math/math.hpp"
#include "models/rows_digest.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kEstimatePairs = 4096;  // for an estimate of rho
constexpr double kLargestRho = 0.999;

std::int64_t pairs_per_epoch(const IinOptions& options, const FactorPairs& pairs) {
  if (options.pairs_per_epoch > 0) return options.pairs_per_epoch;
  return pairs.factors() > 0 ? pairs.rows() : pairs.rows() / 2;
}

template <class T>
Matrix<T> on_device(Context& context, const std::vector<T>& values) {
  return Matrix<T>::copy_of(
      context, MatrixView<const T>(values.data(), 1, static_cast<std::int64_t>(values.size())));
}

}  // namespace

void IinRows::draw(Context& context, const std::vector<std::int32_t>& rows, std::uint64_t step,
                   IinSite site, MatrixView<float> out) const {
  const Matrix<std::int32_t> there = on_device(context, rows);
  gather_rows(context, means, there.flat(), out);
  if (log_variance.empty()) return;
  Matrix<float> variance(context, out.rows, out.cols);
  gather_rows(context, log_variance, there.flat(), variance);
  const Matrix<std::uint64_t> steps = on_device(context, std::vector<std::uint64_t>{step});
  const Matrix<float> mean = Matrix<float>::copy_of(context, out);
  gaussian_posterior(context, mean, variance, {.site = static_cast<std::uint32_t>(site)},
                     steps.flat(), out, {});
}

double likeliest_correlation(double squares, double products) {
  // -2 log-likelihood per pair, up to a constant. It has up to three extrema, so a grid finds the
  // basin and a golden-section search its minimum.
  const auto cost = [&](double rho) {
    const double rest = 1 - rho * rho;
    return math::log(rest) + 2 * (squares - rho * products) / rest;
  };
  constexpr int kGrid = 200;
  double best = 0;
  for (int i = 0; i <= kGrid; ++i) {
    const double rho = kLargestRho * i / kGrid;
    if (cost(rho) < cost(best)) best = rho;
  }
  double low = std::max(0.0, best - kLargestRho / kGrid);
  double high = std::min(kLargestRho, best + kLargestRho / kGrid);
  const double golden = (std::sqrt(5.0) - 1) / 2;
  for (int i = 0; i < 40; ++i) {
    const double left = high - golden * (high - low), right = low + golden * (high - low);
    (cost(left) < cost(right) ? high : low) = cost(left) < cost(right) ? right : left;
  }
  return (low + high) / 2;
}

IinProblem::IinProblem(Context& context, const IinRows& rows, const FactorPairs& pairs,
                       const std::vector<std::int64_t>& sizes, const IinOptions& options,
                       Flow& flow)
    : rows_(rows),
      pairs_(pairs),
      sizes_(sizes),
      options_(options),
      flow_(flow),
      data_(rows_digest(context, rows.means)),
      dim_(rows.means.cols),
      count_(pairs_per_epoch(options, pairs)),
      rho_(static_cast<std::size_t>(pairs.factors()), static_cast<float>(options.rho)) {
  const std::int64_t factors = pairs.factors(), batch = std::min(options.batch, count_);
  if (!rows.log_variance.empty()) data_ += ' ' + rows_digest(context, rows.log_variance);
  std::vector<std::int32_t> blocks(static_cast<std::size_t>(dim_), -1);
  auto at = blocks.begin();
  for (std::int64_t f = 0; f < factors; ++f) {
    at = std::fill_n(at, sizes[static_cast<std::size_t>(f)], static_cast<std::int32_t>(f));
  }
  blocks_ = on_device(context, blocks);
  rho_there_ = Matrix<float>(context, 1, factors);
  pool_ = Matrix<float>(context, count_, 2 * dim_ + factors);
  workspace_ = Flow::Workspace(context, flow, 2 * batch);
  x_ = Matrix<float>(context, 2 * batch, dim_);
  z_ = Matrix<float>(context, 2 * batch, dim_);
  grad_z_ = Matrix<float>(context, 2 * batch, dim_);
  log_det_ = Matrix<float>(context, 1, 2 * batch);
  grad_log_det_ = Matrix<float>(context, 1, 2 * batch);
  shared_ = Matrix<float>(context, batch, factors);
}

void IinProblem::begin_epoch(Context& context, std::int64_t epoch) {
  const auto step = static_cast<std::uint32_t>(epoch);
  const FactorPairs::Draw draw = pairs_.draw(context.seed(), step, count_);
  rows_.draw(context, draw.first, step, IinSite::first, pool_.view().col_range(0, dim_));
  rows_.draw(context, draw.second, step, IinSite::second, pool_.view().col_range(dim_, dim_));
  if (rho_.empty()) return;
  copy<float>(context, draw.shared, pool_.view().col_range(2 * dim_, pairs_.factors()));

  // Discards the estimates of a failed training.
  if (epoch == 0) std::fill(rho_.begin(), rho_.end(), static_cast<float>(options_.rho));
  const double warmup = options_.rho_warmup * static_cast<double>(options_.epochs);
  const double warm = std::min(1.0, static_cast<double>(epoch + 1) / (warmup + 1));
  if (warm == 1 && options_.estimate_rho) {
    estimate_rho(context, draw.shared);
  } else {
    std::fill(rho_.begin(), rho_.end(), static_cast<float>(warm * options_.rho));
  }
  copy<float>(context, VectorView<const float>(rho_.data(), rho_there_.cols()), rho_there_.flat());
}

void IinProblem::estimate_rho(Context& context, const Matrix<float>& shared) {
  const std::int64_t count = std::min(count_, kEstimatePairs);
  const auto codes = [&](std::int64_t first) {
    Matrix<float> z(context, count, dim_);
    flow_.transform(context, std::as_const(pool_).view().row_range(0, count).col_range(first, dim_),
                    z);
    return z.to_host(context);
  };
  const Matrix<float> a = codes(0), b = codes(dim_);
  std::int64_t column = 0;
  for (std::size_t f = 0; f < rho_.size(); ++f) {
    double squares = 0, products = 0, pairs = 0;
    for (std::int64_t p = 0; p < count; ++p) {
      if (shared(p, static_cast<std::int64_t>(f)) == 0) continue;
      for (std::int64_t k = column; k < column + sizes_[f]; ++k) {
        const double x = a(p, k), y = b(p, k);
        squares += (x * x + y * y) / 2;
        products += x * y;
        ++pairs;
      }
    }
    if (pairs > 0) {
      rho_[f] = static_cast<float>(likeliest_correlation(squares / pairs, products / pairs));
    }
    column += sizes_[f];
  }
}

void IinProblem::step(Context& context, const Batch& batch, VectorView<double> loss) {
  const std::int64_t m = batch.rows.size, factors = pairs_.factors();
  const MatrixView<const float> pool = std::as_const(pool_).view();
  const auto both = [&](Matrix<float>& matrix) { return matrix.view().row_range(0, 2 * m); };
  const MatrixView<float> x = both(x_), z = both(z_), grad_z = both(grad_z_);
  const MatrixView<float> shared = shared_.view().row_range(0, m);
  const VectorView<float> log_det = log_det_.flat().slice(0, 2 * m);
  const VectorView<float> grad_log_det = grad_log_det_.flat().slice(0, 2 * m);
  gather_rows(context, pool.col_range(0, dim_), batch.rows, x.row_range(0, m));
  gather_rows(context, pool.col_range(dim_, dim_), batch.rows, x.row_range(m, m));
  if (factors > 0) gather_rows(context, pool.col_range(2 * dim_, factors), batch.rows, shared);
  flow_.forward(context, x, workspace_, z, log_det);
  factor_pair_loss(context, z, log_det, shared, blocks_.flat(), rho_there_.flat(), loss, grad_z,
                   grad_log_det);
  flow_.backward(context, x, workspace_, grad_z, grad_log_det);
}

std::string IinProblem::fingerprint() const {
  std::ostringstream text;
  const FlowOptions& flow = flow_.options();
  text << "iin " << dim_ << ", blocks";
  for (const std::int64_t size : sizes_) text << ' ' << size;
  text << ", flow " << flow.blocks << " x " << flow.width << " x " << flow.depth << ' '
       << to_string(flow.scale) << ' ' << flow.clamp << ' ' << flow.slope << ' '
       << to_string(flow.init) << ' ' << flow.zero_last << ", rho " << options_.rho << " after "
       << options_.rho_warmup << " of " << options_.epochs
       << (options_.estimate_rho ? ", estimated" : "") << ", " << count_ << " pairs ("
       << to_string(pairs_.options().marks) << ' ' << pairs_.options().tolerance << "), of "
       << pairs_.rows() << " rows " << data_ << ", factors " << pairs_.digest();
  return text.str();
}

}  // namespace clipk
