// Networks and what trains them, and numbers that are drawn.
#include "clipk/core/memory.hpp"
#include "clipk/core/random.hpp"
#include "clipk/io/synthetic_images.hpp"
#include "clipk/io/synthetic_pairs.hpp"
#include "clipk/ops/gather_rows.hpp"
#include "clipk/ops/mse_loss.hpp"
#include "clipk/train/lbfgs.hpp"
#include "clipk/train/mlp.hpp"
#include "clipk/train/schedule.hpp"
#include "clipk/train/trainer.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

template <class T>
void network_step(Run& run, const MlpOptions& options) {
  BasicMlp<T> mlp(run.context, options);
  typename BasicMlp<T>::Workspace workspace(run.context, mlp, 300);
  const auto x = run.inputs.uniform<T>(300, mlp.inputs());
  const auto grad_y = run.inputs.uniform<T>(300, mlp.outputs());
  Matrix<T> y(300, mlp.outputs()), z(300, mlp.outputs()), grad_x(300, mlp.inputs());
  mlp.forward(run.context, x, workspace, y);
  mlp.backward(run.context, x, workspace, grad_y, grad_x);
  mlp.transform(run.context, x, z);
  run.add(mlp.parameters(), y, z, mlp.gradients(), grad_x);
}

const Registered kMlpRelu = both("train/mlp/relu", [](Run& run, auto zero) {
  network_step<decltype(zero)>(run, {.widths = {37, 70, 33, 5}});
});

const Registered kMlpTanhSkip = both("train/mlp/tanh_skip", [](Run& run, auto zero) {
  network_step<decltype(zero)>(run, {.widths = {37, 70, 5},
                                     .activation = Activation::tanh,
                                     .init = Init::glorot_uniform,
                                     .skip = MlpSkip::trained});
});

const Registered kMlpTowers = both("train/mlp/towers", [](Run& run, auto zero) {
  network_step<decltype(zero)>(
      run, {.widths = {37, 70, 5}, .activation = Activation::leaky_relu, .towers = 2});
});

// A network that learns a target by least squares.
class Regression : public TrainingProblem {
 public:
  explicit Regression(Run& run)
      : x_(run.inputs.uniform(300, 20)),
        target_(run.inputs.uniform(300, 3)),
        mlp_(run.context, {.widths = {20, 33, 3}, .activation = Activation::sigmoid}),
        workspace_(run.context, mlp_, 300) {}

  VectorView<float> parameters() override { return mlp_.parameters(); }
  VectorView<float> gradients() override { return mlp_.gradients(); }
  std::int64_t rows() const override { return x_.rows(); }
  std::string fingerprint() const override { return "regression"; }
  void step(Context& context, const Batch& batch, VectorView<double> loss) override {
    Scratch scratch(context);
    const std::int64_t n = batch.rows.size;
    const auto x = scratch.matrix<float>(n, 20), target = scratch.matrix<float>(n, 3);
    const auto y = scratch.matrix<float>(n, 3), grad_y = scratch.matrix<float>(n, 3);
    gather_rows(context, x_, batch.rows, x);
    gather_rows(context, target_, batch.rows, target);
    mlp_.forward(context, x, workspace_, y);
    fill_zero(context, grad_y);
    mse_loss(context, y, target, 1, loss, grad_y);
    mlp_.backward(context, x, workspace_, grad_y);
  }

 private:
  Matrix<float> x_, target_;
  Mlp mlp_;
  Mlp::Workspace workspace_;
};

void trained(Run& run, const TrainerOptions& options) {
  Regression problem(run);
  const TrainingResult result = Trainer(run.context, problem, options).run();
  run.add(result.loss, problem.parameters());
}

const Registered kTrainerAdam = one("train/trainer/adam", [](Run& run) {
  TrainerOptions options;
  options.epochs = 5;
  options.batch = 64;
  options.adam = {.weight_decay = 0.01F};
  options.schedule = {.kind = Schedule::cosine, .warmup_steps = 3};
  options.clip_norm = 0.05F;
  trained(run, options);
});

const Registered kTrainerSgd = one("train/trainer/sgd", [](Run& run) {
  TrainerOptions options;
  options.epochs = 5;
  options.batch = 64;
  options.optimizer = Optimizer::sgd;
  options.rate = 0.1;
  options.schedule = {.kind = Schedule::step, .every = 2, .factor = 0.3};
  trained(run, options);
});

const Registered kScheduleShare = one("train/schedule/share", [](Run& run) {
  for (const Schedule kind :
       {Schedule::constant, Schedule::linear, Schedule::cosine, Schedule::step}) {
    const ScheduleOptions options{
        .kind = kind, .warmup_steps = 7, .final_share = 0.01, .every = 3, .factor = 0.3};
    for (std::int64_t step = 0; step < 100; ++step) {
      run.add(schedule_share(options, step, 100, 10));
    }
  }
});

const Registered kLbfgsMinimum = one("train/lbfgs/minimum", [](Run& run) {
  // Rosenbrock's valley.
  const auto valley = [](std::span<const double> x, std::span<double> gradient) {
    double value = 0;
    std::ranges::fill(gradient, 0);
    for (std::size_t i = 0; i + 1 < x.size(); ++i) {
      const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
      value += 100 * a * a + b * b;
      gradient[i] -= 400 * a * x[i] + 2 * b;
      gradient[i + 1] += 200 * a;
    }
    return value;
  };
  auto x = run.inputs.uniform<double>(1, 10);
  const LbfgsResult result = minimize_lbfgs(valley, {x.data(), 10}, {.max_iterations = 60});
  run.add(x, result.value, result.gradient, result.iterations);
});

const Registered kRandomNumbers = one("core/random/numbers", [](Run& run) {
  Random random(run.context.seed(), RandomStream{0}, 3);
  for (int i = 0; i < 10'000; ++i) {
    run.add(random.normal());
    run.add(random.uniform());
    run.add(random.below(1000));
  }
  run.add(random.permutation(1000));
});

const Registered kSyntheticPairsPairs = one("io/synthetic_pairs/pairs", [](Run& run) {
  const EmbeddingPairs pairs = synthetic_pairs({.pairs = 40, .dim = 64, .seed = 5});
  run.add(pairs.images, pairs.texts);
});

const Registered kSyntheticImagesImages = one("io/synthetic_images/images", [](Run& run) {
  const SyntheticImages images = synthetic_images({.images = 40, .seed = 5});
  run.add(images.pixels);
  for (const Factor& factor : images.factors) {
    run.add(factor.classes, factor.values);
  }
});

}  // namespace
}  // namespace clipk::golden
