#include "clipk/models/probe.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/equal_rows.hpp"
#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/ops/gather_rows.hpp"
#include "clipk/ops/mse_loss.hpp"
#include "clipk/train/mlp.hpp"
#include "clipk/train/trainer.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/row_pieces.hpp"
#include "models/probes/probe_targets.hpp"
#include "train/check_training.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "probe";
constexpr double kLeastDeviation = 0.1;          // of a column, as a share of the median
constexpr std::uint32_t kFirstNetwork = 65'536;  // beyond the networks of the probed models

// The network's input for each column: (x - shift) factor.
struct Standardization {
  std::vector<double> shift, factor;

  explicit Standardization(MatrixView<const float> rows)
      : shift(static_cast<std::size_t>(rows.cols)), factor(shift.size()) {
    const auto count = static_cast<double>(rows.rows);
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      const float* row = rows.row(i);
      for (std::size_t j = 0; j < shift.size(); ++j) shift[j] += row[j];
    }
    for (double& mean : shift) mean /= count;
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      const float* row = rows.row(i);
      for (std::size_t j = 0; j < shift.size(); ++j) {
        factor[j] += (row[j] - shift[j]) * (row[j] - shift[j]);
      }
    }
    std::vector<double> deviations;  // of the columns that vary
    for (double& squares : factor) {
      squares = std::sqrt(squares / count);
      if (squares > 0) deviations.push_back(squares);
    }
    if (deviations.empty()) return;  // all factors are 0
    const auto middle = deviations.begin() + static_cast<std::ptrdiff_t>(deviations.size() / 2);
    std::nth_element(deviations.begin(), middle, deviations.end());
    for (double& f : factor) f = 1 / std::max(f, kLeastDeviation * *middle);
  }

  void apply(const float* from, float* to) const {
    for (std::size_t j = 0; j < shift.size(); ++j) {
      to[j] = static_cast<float>((from[j] - shift[j]) * factor[j]);
    }
  }
};

// Rows and their targets, on the context's device.
struct ProbeData {
  Matrix<float> x, target;  // [n, d], [n, t]

  ProbeData(Context& context, MatrixView<const float> rows, const Standardization& standardization,
            MatrixView<const float> targets, std::span<const std::int64_t> chosen) {
    Matrix<float> host_x = select_rows(rows, chosen), host_target = select_rows(targets, chosen);
    for (std::int64_t i = 0; i < host_x.rows(); ++i) {
      standardization.apply(host_x.view().row(i), host_x.view().row(i));
    }
    const auto there = [&](Matrix<float>& host) {
      return context.device() == Device::cpu ? std::move(host) : host.to_device(context);
    };
    x = there(host_x);
    target = there(host_target);
  }
};

class ProbeProblem : public TrainingProblem {
 public:
  ProbeProblem(Context& context, const ProbeData& train, const ProbeData& held_out,
               std::int64_t batch, Mlp& mlp)
      : train_(train),
        held_out_(held_out),
        mlp_(mlp),
        workspace_(context, mlp, batch),
        x_(context, batch, mlp.inputs()),
        target_(context, batch, mlp.outputs()),
        y_(context, batch, mlp.outputs()),
        grad_(context, batch, mlp.outputs()),
        held_out_y_(context, held_out.x.rows(), mlp.outputs()),
        held_out_sum_(context, 1, 1) {}

  VectorView<float> parameters() override { return mlp_.parameters(); }
  VectorView<float> gradients() override { return mlp_.gradients(); }
  std::int64_t rows() const override { return train_.x.rows(); }
  std::string fingerprint() const override { return kName; }

  void step(Context& context, const Batch& batch, VectorView<double> loss) override {
    const auto first_rows = [&](Matrix<float>& m) {
      return m.view().row_range(0, batch.rows.size);
    };
    const MatrixView<float> x = first_rows(x_), target = first_rows(target_), y = first_rows(y_);
    const MatrixView<float> grad = first_rows(grad_);
    gather_rows(context, train_.x, batch.rows, x);
    gather_rows(context, train_.target, batch.rows, target);
    mlp_.forward(context, x, workspace_, y);
    fill_zero(context, grad);
    masked_mse_loss(context, y, target, 1, loss, grad);
    mlp_.backward(context, x, workspace_, grad);
  }

  std::optional<double> held_out_loss(Context& context) override {
    if (held_out_.x.rows() == 0) return std::nullopt;
    mlp_.transform(context, held_out_.x, held_out_y_);
    fill_zero(context, held_out_sum_.view());
    masked_mse_loss(context, held_out_y_, held_out_.target, 1, held_out_sum_.flat(), {});
    return held_out_sum_.to_host(context)(0, 0);
  }

 private:
  const ProbeData& train_;
  const ProbeData& held_out_;
  Mlp& mlp_;
  Mlp::Workspace workspace_;
  Matrix<float> x_, target_, y_, grad_;  // [batch, ...]
  Matrix<float> held_out_y_;
  Matrix<double> held_out_sum_;
};

void check_options(const ProbeOptions& options) {
  for (const std::int64_t width : options.hidden) {
    if (width < 1) check::fail(kName, "layers of at least 1", std::to_string(width));
  }
  train::check_batch(kName, options.batch);
  if (options.least_steps < 0) {
    check::fail(kName, "least_steps of at least 0", std::to_string(options.least_steps));
  }
  if (!(options.held_out >= 0 && options.held_out < 1)) {
    check::fail(kName, "a held_out share from 0, below 1", std::to_string(options.held_out));
  }
}

TrainerOptions trainer_options(const ProbeOptions& options, std::int64_t rows, bool keep_best) {
  const std::int64_t batch = std::min(options.batch, rows);
  const std::int64_t steps = (rows + batch - 1) / batch;
  TrainerOptions trainer;
  trainer.epochs = std::max(options.epochs, (options.least_steps + steps - 1) / steps);
  trainer.batch = batch;
  trainer.adam.weight_decay = options.weight_decay;
  trainer.rate = options.rate;
  trainer.schedule = {.kind = Schedule::cosine};
  // It never stops early, because the rate falls until the last epoch; the best parameters
  // are restored.
  if (keep_best) trainer.early_stopping.patience = trainer.epochs;
  trainer.progress = options.progress;
  return trainer;
}

}  // namespace

struct Probe::Impl {
  Standardization standardization;
  ProbeTargets targets;
  Mlp mlp;
  std::vector<double> losses;
  std::int64_t best_epoch = 0;
};

Probe::Probe(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Probe::Probe(Probe&&) noexcept = default;
Probe& Probe::operator=(Probe&&) noexcept = default;
Probe::~Probe() = default;

Probe Probe::fit(Context& context, MatrixView<const float> rows, const std::vector<Factor>& factors,
                 const ProbeOptions& options) {
  check_options(options);
  if (rows.rows < 2) check::fail(kName, "at least 2 rows", std::to_string(rows.rows));
  if (rows.cols < 1) check::fail(kName, "rows of at least 1 column", "0");
  ProbeTargets targets(factors, rows.rows);
  const HostRows<float> host(context, rows);
  check_finite(host.view(), kName);
  Standardization standardization(host.view());

  const Matrix<float> encoded = targets.encode(factors);
  std::vector<std::int64_t> order =
      Random(context.seed(), RandomStream::probe_split).permutation(rows.rows);
  const std::int64_t held_out = set_groups_aside(
      order, static_cast<std::int64_t>(options.held_out * static_cast<double>(rows.rows)),
      same_row_groups(host.view()));
  const std::span<const std::int64_t> all = order;
  const auto aside = static_cast<std::size_t>(held_out);
  const ProbeData train(context, host.view(), standardization, encoded, all.subspan(aside));
  const ProbeData judge(context, host.view(), standardization, encoded, all.first(aside));

  // At first the network predicts the means, which need no input.
  MlpOptions shape{
      .widths = options.hidden, .zero_last = true, .network = kFirstNetwork + options.network};
  shape.widths.insert(shape.widths.begin(), rows.cols);
  shape.widths.push_back(targets.columns());
  Mlp mlp(context, std::move(shape));
  const TrainerOptions trainer = trainer_options(options, train.x.rows(), held_out > 0);
  ProbeProblem problem(context, train, judge, trainer.batch, mlp);
  TrainingResult result = Trainer(context, problem, trainer).run();
  return Probe(std::make_unique<Impl>(Impl{std::move(standardization), std::move(targets),
                                           std::move(mlp), std::move(result.loss),
                                           held_out > 0 ? result.best_epoch : result.epochs}));
}

std::int64_t Probe::input_dim() const {
  return impl_->mlp.inputs();
}
const std::vector<double>& Probe::losses() const {
  return impl_->losses;
}
std::int64_t Probe::best_epoch() const {
  return impl_->best_epoch;
}

std::vector<Factor> Probe::predict(Context& context, MatrixView<const float> rows) const {
  if (rows.cols != input_dim()) {
    check::fail(kName, "rows of width " + std::to_string(input_dim()), std::to_string(rows.cols));
  }
  Matrix<float> outputs(rows.rows, impl_->targets.columns());
  for_row_pieces(rows.rows, [&](std::int64_t first, std::int64_t count) {
    const HostRows<float> host(context, rows.row_range(first, count));
    Matrix<float> x(count, rows.cols);
    for (std::int64_t i = 0; i < count; ++i) {
      impl_->standardization.apply(host.view().row(i), x.view().row(i));
    }
    if (context.device() != Device::cpu) x = x.to_device(context);
    Matrix<float> y(context, count, outputs.cols());
    impl_->mlp.transform(context, x, y);
    copy<float>(context, y, outputs.view().row_range(first, count));
  });
  return impl_->targets.decode(outputs);
}

std::vector<double> Probe::scores(Context& context, MatrixView<const float> rows,
                                  const std::vector<Factor>& factors) const {
  return factor_scores(predict(context, rows), factors);
}

}  // namespace clipk
