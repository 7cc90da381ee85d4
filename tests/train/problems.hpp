#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/memory.hpp"
#include "clipk/ops/gather_rows.hpp"
#include "clipk/ops/mse_loss.hpp"
#include "clipk/train/mlp.hpp"
#include "clipk/train/trainer.hpp"
#include "support/arrays.hpp"

namespace clipk::test {

/// One parameter with a gradient of 1, on the device; writes down what every step was given.
class Recorder : public TrainingProblem {
 public:
  Recorder(Context& context, std::int64_t rows)
      : context_(context), rows_(rows), parameter_(context, 1, 1), gradient_(context, 1, 1) {
    const float one = 1;
    copy<float>(context, VectorView<const float>(&one, 1), gradient_.flat());
  }

  std::vector<std::vector<std::int32_t>> batches;
  std::vector<std::uint64_t> steps;
  std::vector<float> parameter_before;
  std::vector<double> held_out;  ///< of the start and every epoch
  bool capture = false;
  std::function<double(std::size_t)> loss_of = [](std::size_t) { return 0.5; };

  float parameter() {
    float value = 0;
    copy<float>(context_, parameter_.flat(), VectorView<float>(&value, 1));
    return value;
  }

  VectorView<float> parameters() override { return parameter_.flat(); }
  VectorView<float> gradients() override { return gradient_.flat(); }
  std::int64_t rows() const override { return rows_; }
  std::string fingerprint() const override {
    return "recorder of " + std::to_string(rows_) + " rows";
  }
  bool capturable() const override { return capture; }
  void step(Context& context, const Batch& batch, VectorView<double> loss) override {
    std::vector<std::int32_t> rows(static_cast<std::size_t>(batch.rows.size));
    copy<std::int32_t>(context, batch.rows, VectorView<std::int32_t>(rows.data(), batch.rows.size));
    std::uint64_t step = 0;
    copy<std::uint64_t>(context, batch.step, VectorView<std::uint64_t>(&step, 1));
    double sum = 0;
    copy<double>(context, loss, VectorView<double>(&sum, 1));
    sum += loss_of(rows.size());
    copy<double>(context, VectorView<const double>(&sum, 1), loss);
    batches.push_back(rows);
    steps.push_back(step);
    parameter_before.push_back(parameter());
  }
  std::optional<double> held_out_loss(Context&) override {
    if (held_out.empty()) return std::nullopt;
    return held_out.at(evaluations_++);
  }

 private:
  Context& context_;
  std::int64_t rows_;
  std::size_t evaluations_ = 0;
  Matrix<float> parameter_, gradient_;
};

/// The mean squared error of a small network to a teacher: 75 rows, and 40 held out.
class Regression : public TrainingProblem {
 public:
  explicit Regression(Context& context)
      : mlp_(context, {.widths = {kIn, 12, kOut}, .activation = Activation::tanh}),
        workspace_(context, mlp_, kRows),
        x_(context, kRows, kIn),
        target_(context, kRows, kOut),
        x_held_(context, kHeld, kIn),
        target_held_(context, kHeld, kOut),
        batch_x_(context, kRows, kIn),
        batch_target_(context, kRows, kOut),
        y_(context, kRows, kOut),
        gradient_(context, kRows, kOut),
        held_out_(context, 1, 1) {
    set(context, x_, normals(kRows * kIn, 11));
    set(context, x_held_, normals(kHeld * kIn, 12));
    const Mlp teacher(context, {.widths = {kIn, kOut}, .network = 9});
    teacher.transform(context, x_, target_);
    teacher.transform(context, x_held_, target_held_);
  }

  std::vector<float> values(Context& context) {
    std::vector<float> result(static_cast<std::size_t>(mlp_.parameters().size));
    copy<float>(context, mlp_.parameters(),
                VectorView<float>(result.data(), mlp_.parameters().size));
    return result;
  }

  VectorView<float> parameters() override { return mlp_.parameters(); }
  VectorView<float> gradients() override { return mlp_.gradients(); }
  std::int64_t rows() const override { return kRows; }
  std::string fingerprint() const override { return "regression"; }
  void step(Context& context, const Batch& batch, VectorView<double> loss) override {
    const std::int64_t n = batch.rows.size;
    const auto first = [n](Matrix<float>& m) { return m.view().row_range(0, n); };
    gather_rows(context, x_, batch.rows, first(batch_x_));
    gather_rows(context, target_, batch.rows, first(batch_target_));
    mlp_.forward(context, first(batch_x_), workspace_, first(y_));
    fill_zero(context, first(gradient_));
    mse_loss(context, first(y_), first(batch_target_), 1, loss, first(gradient_));
    mlp_.backward(context, first(batch_x_), workspace_, first(gradient_));
  }
  std::optional<double> held_out_loss(Context& context) override {
    Scratch scratch(context);
    const MatrixView<float> y = scratch.matrix<float>(kHeld, kOut);
    mlp_.transform(context, x_held_, y);
    fill_zero(context, held_out_.view());
    mse_loss(context, y, target_held_, 1, held_out_.flat(), {});
    return held_out_.to_host(context)(0, 0);
  }

 private:
  static constexpr std::int64_t kRows = 75, kHeld = 40, kIn = 6, kOut = 3;

  static void set(Context& context, Matrix<float>& m, const std::vector<float>& values) {
    copy<float>(context, VectorView<const float>(values.data(), m.rows() * m.cols()), m.flat());
  }

  Mlp mlp_;
  Mlp::Workspace workspace_;
  Matrix<float> x_, target_, x_held_, target_held_, batch_x_, batch_target_, y_, gradient_;
  Matrix<double> held_out_;
};

}  // namespace clipk::test
