#pragma once

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/train/trainer.hpp"
#include "support/device_test.hpp"
#include "train/problems.hpp"

namespace clipk::test {

// A file that a test may use, and that is gone afterwards.
class TemporaryFile {
 public:
  TemporaryFile() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(test->test_suite_name()) + test->name();
    std::replace(name.begin(), name.end(), '/', '_');
    path_ = std::filesystem::temp_directory_path() / (name + ".clipk");
    std::filesystem::remove(path_);
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class TrainerTest : public DeviceTest {};

// Each step is run as it is: a Recorder reads back from the device.
inline TrainerOptions without_graph(std::int64_t epochs, std::int64_t batch = 256) {
  TrainerOptions options;
  options.epochs = epochs;
  options.batch = batch;
  options.graph = false;
  return options;
}

inline TrainerOptions full_options() {
  TrainerOptions options;
  options.epochs = 6;
  options.batch = 16;
  options.rate = 0.02;
  options.adam.weight_decay = 0.01F;
  options.schedule = {.kind = Schedule::cosine, .warmup_steps = 7};
  options.clip_norm = 1;
  options.early_stopping = {.patience = 50, .min_delta = 0};
  return options;
}

struct Trained {
  std::vector<float> parameters;
  TrainingResult result;
};

inline void expect_same(const Trained& a, const Trained& b) {
  ASSERT_EQ(a.parameters.size(), b.parameters.size());
  EXPECT_EQ(std::memcmp(a.parameters.data(), b.parameters.data(), a.parameters.size() * 4), 0);
  EXPECT_EQ(a.result.loss, b.result.loss);
  EXPECT_EQ(a.result.held_out_loss, b.result.held_out_loss);
  EXPECT_EQ(a.result.best_epoch, b.result.best_epoch);
  EXPECT_EQ(a.result.steps, b.result.steps);
}

inline Trained train(Context& context, const TrainerOptions& options) {
  Regression problem(context);
  const TrainingResult result = Trainer(context, problem, options).run();
  return {problem.values(context), result};
}

struct Killed {};

// Stops as a kill does: at this step, or right after this epoch.
inline void kill_at(Context& context, TrainerOptions options, std::int64_t step,
                    std::int64_t epoch) {
  Regression problem(context);
  options.progress = [=](const Progress& p) {
    if (p.step == step || (p.epoch_end && p.epoch == epoch)) throw Killed();
  };
  EXPECT_THROW(Trainer(context, problem, options).run(), Killed);
}

}  // namespace clipk::test
