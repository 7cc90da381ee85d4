#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/memory.hpp"
#include "clipk/ops/gather_rows.hpp"
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
  bool capturable() const override { return false; }
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

/// Half the mean squared error of a small network to a teacher: 75 rows, and 40 held out. The
/// gradient is made of products alone, so that a step can stay on the device.
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
        identity_(context, kOut, kOut),
        minus_identity_(context, kOut, kOut) {
    set(context, x_, normals(kRows * kIn, 11));
    set(context, x_held_, normals(kHeld * kIn, 12));
    const Mlp teacher(context, {.widths = {kIn, kOut}, .network = 9});
    teacher.transform(context, x_, target_);
    teacher.transform(context, x_held_, target_held_);
    std::vector<float> one(kOut * kOut), minus(kOut * kOut);
    for (std::size_t i = 0; i < kOut; ++i) {
      one[i * kOut + i] = 1.0F / 16;  // the gradient of a mean over the batch of 16
      minus[i * kOut + i] = -1.0F / 16;
    }
    set(context, identity_, one);
    set(context, minus_identity_, minus);
  }

  bool device_only = false;  ///< leaves the loss at 0, and reads nothing back

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
  bool capturable() const override { return device_only; }
  void step(Context& context, const Batch& batch, VectorView<double> loss) override {
    const std::int64_t n = batch.rows.size;
    const auto first = [n](Matrix<float>& m) { return m.view().row_range(0, n); };
    gather_rows(context, x_, batch.rows, first(batch_x_));
    gather_rows(context, target_, batch.rows, first(batch_target_));
    mlp_.forward(context, first(batch_x_), workspace_, first(y_));
    fill_zero(context, first(gradient_));
    dense_add(context, first(y_), identity_, first(gradient_));
    dense_add(context, first(batch_target_), minus_identity_, first(gradient_));
    mlp_.backward(context, first(batch_x_), workspace_, first(gradient_));
    if (device_only) return;
    double sum = 0;
    copy<double>(context, loss, VectorView<double>(&sum, 1));
    sum += half_error(context, first(y_), first(batch_target_));
    copy<double>(context, VectorView<const double>(&sum, 1), loss);
  }
  std::optional<double> held_out_loss(Context& context) override {
    if (device_only) return std::nullopt;
    Scratch scratch(context);
    const MatrixView<float> y = scratch.matrix<float>(kHeld, kOut);
    mlp_.transform(context, x_held_, y);
    return half_error(context, y, target_held_);
  }

 private:
  static constexpr std::int64_t kRows = 75, kHeld = 40, kIn = 6, kOut = 3;

  static void set(Context& context, Matrix<float>& m, const std::vector<float>& values) {
    copy<float>(context, VectorView<const float>(values.data(), m.rows() * m.cols()), m.flat());
  }
  static double half_error(Context& context, MatrixView<const float> y,
                           MatrixView<const float> target) {
    Matrix<float> a(y.rows, y.cols), b(y.rows, y.cols);
    copy<float>(context, y, a.view());
    copy<float>(context, target, b.view());
    double sum = 0;
    for (std::int64_t i = 0; i < y.rows * y.cols; ++i) {
      const double d = static_cast<double>(a.data()[i]) - b.data()[i];
      sum += d * d / 2;
    }
    return sum / static_cast<double>(y.rows);
  }

  Mlp mlp_;
  Mlp::Workspace workspace_;
  Matrix<float> x_, target_, x_held_, target_held_, batch_x_, batch_target_, y_, gradient_;
  Matrix<float> identity_, minus_identity_;
};

}  // namespace clipk::test
