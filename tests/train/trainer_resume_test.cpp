// Trainings that stop and go on from a checkpoint.
#include <filesystem>
#include <fstream>
#include <string>

#include "support/error_of.hpp"
#include "train/trainings.hpp"

namespace clipk::test {
namespace {

TEST_P(TrainerTest, ResumingGivesTheSameBytes) {
  for (const Optimizer optimizer : {Optimizer::adam, Optimizer::sgd}) {
    TrainerOptions options = full_options();
    options.optimizer = optimizer;
    if (simt()) {
      if (optimizer == Optimizer::sgd) continue;
      options.epochs = 2;
    }
    const Trained whole = train(context(), options);
    TemporaryFile file;
    options.checkpoint = file.path();
    for (std::int64_t epoch = 1; epoch < options.epochs; ++epoch) {
      SCOPED_TRACE("after epoch " + std::to_string(epoch));
      kill_at(context(), options, -1, epoch);
      expect_same(train(context(), options), whole);
      expect_same(train(context(), options), whole);  // from the checkpoint of the end
      std::filesystem::remove(file.path());
    }
  }
}

TEST_P(TrainerTest, ResumingTwiceAndFromWithinAnEpoch) {
  if (simt()) GTEST_SKIP() << "nothing new on the device";
  TrainerOptions options = full_options();
  const Trained whole = train(context(), options);
  TemporaryFile file;
  options.checkpoint = file.path();
  options.checkpoint_every = 2;
  kill_at(context(), options, 3, -1);  // before the first checkpoint
  EXPECT_FALSE(std::filesystem::exists(file.path()));
  kill_at(context(), options, 14, -1);  // goes on from epoch 2
  kill_at(context(), options, 23, -1);  // and from epoch 4
  expect_same(train(context(), options), whole);
}

TEST_P(TrainerTest, WhoeverStopsItAtTheEndOfAnEpochLosesNothing) {
  if (simt()) GTEST_SKIP() << "nothing new on the device";
  TrainerOptions options = full_options();
  const Trained whole = train(context(), options);
  TemporaryFile file;
  options.checkpoint = file.path();
  options.checkpoint_every = 1000;
  kill_at(context(), options, -1, 3);
  ASSERT_TRUE(std::filesystem::exists(file.path()));
  std::int64_t first = -1;
  options.progress = [&](const Progress& p) {
    if (first < 0) first = p.step;
  };
  expect_same(train(context(), options), whole);
  EXPECT_EQ(first, 3 * whole.result.steps / options.epochs + 1);
}

TEST_P(TrainerTest, AForeignCheckpointIsRefused) {
  TemporaryFile file;
  TrainerOptions options;
  options.epochs = 1;
  options.batch = 10;
  options.checkpoint = file.path();
  Recorder problem(context(), 20), other(context(), 21);
  Trainer(context(), problem, options).run();
  const std::string rest =
      ", seed 1, batch 10, adam (0.899999976 0.999000013 9.99999994e-09 0), rate ";
  const std::string start = file.path().string() + ": expected a checkpoint of recorder of ";
  EXPECT_EQ(error_of([&] { Trainer(context(), other, options).run(); }),
            start + "21 rows" + rest + "0.001 constant, got one of recorder of 20 rows");
  options.rate = 0.002;
  EXPECT_EQ(error_of([&] { Trainer(context(), problem, options).run(); }),
            start + "20 rows" + rest + "0.002 constant, got one of rate 0.001 constant");
  ArchiveWriter("neural_mds model", 1).write(file.path());
  EXPECT_EQ(
      error_of([&] { Trainer(context(), problem, options).run(); }),
      file.path().string() + ": expected a clipk trainer checkpoint, got a clipk neural_mds model");
}

TEST_P(TrainerTest, AHalfWrittenCheckpointIsRefused) {
  TemporaryFile file;
  TrainerOptions options;
  options.epochs = 1;
  options.checkpoint = file.path();
  Recorder problem(context(), 20);
  Trainer(context(), problem, options).run();
  std::filesystem::resize_file(file.path(), std::filesystem::file_size(file.path()) / 2);
  EXPECT_NE(error_of([&] { Trainer(context(), problem, options).run(); }).find("cut short"),
            std::string::npos);
}

TEST_P(TrainerTest, RestartsResumeToTheSameBytes) {
  if (simt()) GTEST_SKIP() << "nothing new on the device";
  TrainerOptions options = full_options();
  options.optimizer = Optimizer::sgd;
  options.rate = 1e3;
  options.clip_norm = 0;
  const Trained whole = train(context(), options);
  ASSERT_GT(whole.result.restarts, 0);
  TemporaryFile file;
  options.checkpoint = file.path();
  for (const std::int64_t kill : {2, 6, 10, 14, 18, 22}) kill_at(context(), options, kill, -1);
  EXPECT_TRUE(std::filesystem::exists(file.path()));
  expect_same(train(context(), options), whole);
  expect_same(train(context(), options), whole);  // from the checkpoint of the end
}

TEST_P(TrainerTest, ACheckpointOfMoreRestartsIsRefused) {
  TemporaryFile file;
  TrainerOptions options = without_graph(2, 10);
  options.checkpoint = file.path();
  Recorder problem(context(), 20);
  int calls = 0;
  problem.loss_of = [&](std::size_t) { return ++calls <= 4 ? NAN : 0.5; };
  EXPECT_EQ(Trainer(context(), problem, options).run().restarts, 2);
  options.restarts = 1;
  EXPECT_EQ(error_of([&] { Trainer(context(), problem, options).run(); }),
            file.path().string() + ": expected a checkpoint of at most 1 restarts, got one of 2");
  options.restarts = 2;
  EXPECT_EQ(Trainer(context(), problem, options).run().restarts, 2);
}

}  // namespace
}  // namespace clipk::test
