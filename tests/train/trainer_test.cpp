#include "clipk/train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "support/error_of.hpp"
#include "train/trainings.hpp"

namespace clipk::test {
namespace {

TEST_P(TrainerTest, ARegressionConverges) {
  for (const Optimizer optimizer : {Optimizer::adam, Optimizer::sgd}) {
    Regression problem(context());
    if (simt() && optimizer == Optimizer::sgd) continue;
    TrainerOptions options;
    options.epochs = simt() ? 3 : 60;
    options.batch = 16;
    options.optimizer = optimizer;
    options.rate = optimizer == Optimizer::adam ? 0.01 : 0.05;
    options.schedule.kind = Schedule::cosine;
    options.clip_norm = 5;
    const TrainingResult result = Trainer(context(), problem, options).run();
    EXPECT_EQ(result.loss.size(), static_cast<std::size_t>(options.epochs));
    EXPECT_EQ(result.steps, options.epochs * 5);
    EXPECT_LT(result.loss.back(), result.loss.front() * (simt() ? 0.9 : 0.05));
    EXPECT_LT(result.held_out_loss.back(), result.held_out_loss.front() * (simt() ? 0.9 : 0.1));
  }
}

TEST_P(TrainerTest, EveryRowIsInOneBatchOfAnEpoch) {
  Recorder problem(context(), 45);
  Trainer(context(), problem, without_graph(3, 10)).run();
  ASSERT_EQ(problem.batches.size(), 15u);
  std::vector<std::vector<std::int32_t>> epochs(3);
  for (std::size_t s = 0; s < 15; ++s) {
    EXPECT_EQ(problem.batches[s].size(), s % 5 == 4 ? 5u : 10u);
    EXPECT_EQ(problem.steps[s], s);
    epochs[s / 5].insert(epochs[s / 5].end(), problem.batches[s].begin(), problem.batches[s].end());
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  std::vector<std::int32_t> all(45);
  std::iota(all.begin(), all.end(), 0);
  for (auto& epoch : epochs) {
    std::sort(epoch.begin(), epoch.end());
    EXPECT_EQ(epoch, all);
  }
}

TEST_P(TrainerTest, TheMeanLossWeighsTheShortBatchByItsRows) {
  Recorder problem(context(), 45);
  problem.loss_of = [](std::size_t rows) { return rows == 10 ? 1.0 : 10.0; };
  const TrainingResult result = Trainer(context(), problem, without_graph(2, 10)).run();
  EXPECT_DOUBLE_EQ(result.loss[0], 2);
  EXPECT_DOUBLE_EQ(result.loss[1], 2);
}

TEST_P(TrainerTest, AllRowsAtOnceComeInTheirOrder) {
  Recorder problem(context(), 45);
  TrainerOptions options = without_graph(2, 0);
  options.steps_per_epoch = 3;
  const TrainingResult result = Trainer(context(), problem, options).run();
  EXPECT_EQ(result.steps, 6);
  for (const auto& batch : problem.batches) EXPECT_TRUE(batch.empty());
}

// With a gradient of 1 and no momentum, every step lowers the parameter by its rate.
TEST_P(TrainerTest, RatesFollowTheSchedule) {
  Recorder problem(context(), 0);
  TrainerOptions options;
  options.epochs = 4;
  options.steps_per_epoch = 3;
  options.optimizer = Optimizer::sgd;
  options.sgd.momentum = 0;
  options.rate = 0.5;
  options.graph = false;
  options.schedule = {.kind = Schedule::linear, .warmup_steps = 2, .final_share = 0.1};
  Trainer(context(), problem, options).run();
  ASSERT_EQ(problem.parameter_before.size(), 12u);
  for (std::int64_t s = 0; s + 1 < 12; ++s) {
    const auto at = static_cast<std::size_t>(s);
    EXPECT_NEAR(problem.parameter_before[at] - problem.parameter_before[at + 1],
                0.5 * schedule_share(options.schedule, s, 12, 3), 1e-6);
  }
}

TEST_P(TrainerTest, EarlyStoppingRestoresTheBest) {
  Recorder problem(context(), 0);
  problem.held_out = {9, 7, 4, 4.5, 3.95, 6, 1};  // 3.95 is no better than 4 by 0.1
  TrainerOptions options = without_graph(20);
  options.optimizer = Optimizer::sgd;
  options.rate = 1;
  options.sgd.momentum = 0;
  options.early_stopping = {.patience = 3, .min_delta = 0.1};
  const TrainingResult result = Trainer(context(), problem, options).run();
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.epochs, 5);
  EXPECT_EQ(result.best_epoch, 2);
  EXPECT_EQ(result.best_held_out_loss, 4);
  EXPECT_EQ(result.held_out_loss, (std::vector<double>{9, 7, 4, 4.5, 3.95, 6}));
  EXPECT_EQ(problem.parameter(), -2);
}

TEST_P(TrainerTest, TheStartItselfMayBeBest) {
  Recorder problem(context(), 0);
  problem.held_out = {1, 2, 3, 4, 5};
  TrainerOptions options = without_graph(3);
  options.optimizer = Optimizer::sgd;
  options.rate = 1;
  options.early_stopping.patience = 10;
  const TrainingResult result = Trainer(context(), problem, options).run();
  EXPECT_FALSE(result.stopped_early);
  EXPECT_EQ(result.epochs, 3);
  EXPECT_EQ(result.best_epoch, 0);
  EXPECT_EQ(problem.parameter(), 0);
}

TEST_P(TrainerTest, ThreadsDoNotChangeTheBytes) {
  if (!on_cpu()) GTEST_SKIP() << "threads of the CPU";
  Context one = Context::cpu({.seed = 5, .threads = 1});
  Context two = Context::cpu({.seed = 5, .threads = 2});
  expect_same(train(one, full_options()), train(two, full_options()));
}

TEST_P(TrainerTest, NothingIsAllocatedAfterTheFirstEpoch) {
  Regression problem(context());
  TrainerOptions options = full_options();
  if (simt()) options.epochs = 2;
  std::vector<std::int64_t> allocations;
  options.progress = [&](const Progress& p) {
    if (p.epoch_end) allocations.push_back(context().scratch().allocations());
  };
  Trainer(context(), problem, options).run();
  for (const std::int64_t count : allocations) EXPECT_EQ(count, allocations.front());
}

TEST_P(TrainerTest, AGraphOfTheStepGivesTheSameBytes) {
  if (on_cpu()) GTEST_SKIP() << "graphs are CUDA's";
  TrainerOptions options = full_options();
  if (simt()) options.epochs = 2;
  Regression with(context()), without(context());
  Trainer graph(context(), with, options);
  const TrainingResult replayed = graph.run();
  options.graph = false;
  Trainer plain(context(), without, options);
  const TrainingResult run = plain.run();
  EXPECT_EQ(graph.graph_steps(), options.epochs * 4 - 1);  // all full batches but the first
  EXPECT_EQ(plain.graph_steps(), 0);
  expect_same({with.values(context()), replayed}, {without.values(context()), run});
}

// A step that reads back cannot be captured; it is run as it is.
TEST_P(TrainerTest, AStepThatCannotBeCapturedIsRun) {
  if (on_cpu()) GTEST_SKIP() << "graphs are CUDA's";
  Recorder problem(context(), 20);
  problem.capture = true;
  TrainerOptions options = without_graph(3, 10);
  options.graph = true;
  Trainer trainer(context(), problem, options);
  const TrainingResult result = trainer.run();
  EXPECT_EQ(trainer.graph_steps(), 0);
  EXPECT_EQ(result.loss, (std::vector<double>{0.5, 0.5, 0.5}));
}

TEST_P(TrainerTest, ProgressCountsStepsAndEpochs) {
  Recorder problem(context(), 30);
  std::vector<Progress> seen;
  TrainerOptions options = without_graph(2, 10);
  options.progress = [&](const Progress& p) { seen.push_back(p); };
  Trainer(context(), problem, options).run();
  ASSERT_EQ(seen.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(seen[i].step, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(seen[i].steps, 6);
    EXPECT_EQ(seen[i].epoch_end, i % 3 == 2);
    EXPECT_EQ(seen[i].done, i == 5);
    EXPECT_NEAR(seen[i].rate, 1e-3, 1e-9);
  }
}

// From the same parameters, in the same order, at a quarter of the rate.
TEST_P(TrainerTest, ATrainingThatFailsBeginsAgain) {
  Recorder problem(context(), 30);
  int calls = 0;
  problem.loss_of = [&](std::size_t) { return ++calls == 5 || calls == 7 ? NAN : 0.5; };
  const TrainingResult result = Trainer(context(), problem, without_graph(3, 10)).run();
  EXPECT_EQ(result.restarts, 2);
  EXPECT_EQ(result.rate, 1e-3 / 16);
  EXPECT_EQ(result.loss, (std::vector<double>{0.5, 0.5, 0.5}));
  ASSERT_EQ(problem.steps.size(), 6u + 3 + 9);  // to the ends of the second and the first epoch
  for (const std::size_t start : {0u, 6u, 9u}) {
    EXPECT_EQ(problem.steps[start], 0u);
    EXPECT_EQ(problem.parameter_before[start], 0);
    EXPECT_EQ(problem.batches[start], problem.batches[0]);
    const double rate = start == 0 ? 1e-3 : start == 6 ? 1e-3 / 4 : 1e-3 / 16;
    EXPECT_NEAR(problem.parameter_before[start + 1], -rate, 1e-3 * rate);  // as Adam begins
  }
}

// A problem that calls what it has come to useless until its parameter stays small.
class Picky : public Recorder {
 public:
  using Recorder::Recorder;
  std::optional<std::string> failure(Context&, const std::vector<double>& losses) override {
    EXPECT_EQ(losses.size(), 2u);
    if (std::fabs(parameter()) < 0.002) return std::nullopt;
    return "expected a parameter near 0, got another";
  }
};

TEST_P(TrainerTest, AProblemMayCallItsParametersUseless) {
  Picky problem(context(), 30);
  TrainerOptions options = without_graph(2, 10);
  EXPECT_EQ(Trainer(context(), problem, options).run().restarts, 1);  // 0.006, 0.0015
  options.restarts = 0;
  Picky other(context(), 30);
  EXPECT_EQ(error_of([&] { Trainer(context(), other, options).run(); }),
            "trainer: expected a parameter near 0, got another");
}

TEST_P(TrainerTest, WithEarlyStoppingTheBestEpochIsJudged) {
  for (const bool better : {true, false}) {
    Recorder problem(context(), 20);
    problem.held_out = {9, better ? 4.0 : 10.0, 20, 30};
    if (!better) problem.held_out.insert(problem.held_out.end(), {9, 4, 20, 30});
    int calls = 0;
    problem.loss_of = [&](std::size_t) { return ++calls <= 2 ? 0.5 : calls <= 6 ? 5.0 : 0.5; };
    TrainerOptions options = without_graph(3, 10);
    options.early_stopping.patience = 5;
    const TrainingResult result = Trainer(context(), problem, options).run();
    EXPECT_EQ(result.restarts, better ? 0 : 1);
    EXPECT_EQ(result.best_epoch, 1);
  }
}

// The loss of the last step is that of the parameters before it.
TEST_P(TrainerTest, ParametersThatAreNotFiniteBeginAgain) {
  TrainerOptions options = without_graph(3, 10);
  options.optimizer = Optimizer::sgd;
  options.sgd.momentum = 0;
  options.rate = 1e38;  // three steps reach -3e38, and four are too many
  const auto train = [&](std::int64_t stop_after) {
    Recorder problem(context(), 20);
    TrainerOptions stopped = options;
    stopped.progress = [&](const Progress& p) {
      if (p.epoch_end && p.epoch == stop_after) throw Killed();
    };
    const TrainingResult result = Trainer(context(), problem, stopped).run();
    EXPECT_EQ(result.restarts, 1);
    EXPECT_EQ(result.loss.size(), 3u);
    return problem.parameter();
  };
  const float whole = train(-1);
  EXPECT_NEAR(whole / 1e38F, -1.5, 1e-5);
  TemporaryFile file;
  options.checkpoint = file.path();
  for (const std::int64_t every : {1, 1000}) {
    options.checkpoint_every = every;
    for (const std::int64_t epoch : {1, 2, 3}) {
      EXPECT_THROW(train(epoch), Killed) << epoch;
    }
    EXPECT_EQ(train(-1), whole);
    std::filesystem::remove(file.path());
  }
  options.checkpoint.clear();
  options.restarts = 0;
  EXPECT_EQ(error_of([&] { train(-1); }),
            "trainer: expected finite parameters, got -inf after epoch 3");
}

TEST_P(TrainerTest, BadTrainingsAreNamed) {
  Recorder problem(context(), 20);
  const auto with = [&](auto&& change) {
    TrainerOptions options = without_graph(1);
    change(options);
    return error_of([&] { Trainer(context(), problem, options).run(); });
  };
  EXPECT_EQ(with([](TrainerOptions& o) { o.batch = -1; }),
            "trainer: expected batch of at least 0, got -1");
  EXPECT_EQ(with([](TrainerOptions& o) { o.rate = NAN; }),
            "trainer: expected a finite rate of at least 0, got nan");
  EXPECT_EQ(with([](TrainerOptions& o) { o.early_stopping.patience = 2; }),
            "trainer: expected a held-out loss for early stopping, got none");
  problem.loss_of = [](std::size_t) { return -NAN; };
  EXPECT_EQ(with([](TrainerOptions& o) { o.restarts = 0; }),
            "trainer: expected a finite loss, got nan in epoch 1");
  EXPECT_EQ(
      with([](TrainerOptions& o) { o.restarts = 2; }),
      "trainer: expected a finite loss, got nan in epoch 1: did not converge at any rate from "
      "0.001 down to 6.25e-05");
  EXPECT_THROW(Trainer(context(), problem, without_graph(1)).run(), NotConverged);
  EXPECT_EQ(with([](TrainerOptions& o) { o.restarts = -1; }),
            "trainer: expected restarts of at least 0, got -1");
  EXPECT_EQ(error_of([] { optimizer_named("lbfgs"); }),
            "optimizer: expected adam or sgd, got 'lbfgs'");
}

CLIPK_INSTANTIATE_DEVICE_TEST(TrainerTest);

}  // namespace
}  // namespace clipk::test
