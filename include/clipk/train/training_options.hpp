#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "clipk/train/progress.hpp"
#include "clipk/train/schedule.hpp"

namespace clipk {

/// What the options of every model that a Trainer trains begin with. Each model has defaults of its
/// own, which its constructor of options sets.
struct TrainingOptions {
  std::int64_t epochs = 100;      ///< passes over the rows, or as many steps as the model says
  double rate = 1e-3;             ///< learning rate, before the schedule
  ScheduleOptions schedule = {};  ///< of the learning rate
  /// The file that the training is saved to; empty for none. Where it exists when the training
  /// begins, the training goes on from it, to the same bytes as if it had never stopped. The caller
  /// removes it.
  std::filesystem::path checkpoint = {};
  /// After every step and every epoch. What it throws ends the training; at the end of an epoch the
  /// checkpoint is written first.
  std::function<void(const Progress&)> progress = {};
};

}  // namespace clipk
