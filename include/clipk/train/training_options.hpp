#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "clipk/train/progress.hpp"
#include "clipk/train/schedule.hpp"

namespace clipk {

/// The common options of models that a Trainer trains. Each model has its own defaults, which the
/// constructor of its options sets. (ProbeOptions stands alone: its epochs are a lower bound.)
struct TrainingOptions {
  std::int64_t epochs = 100;      ///< passes over the rows, or as many steps as the model says
  double rate = 1e-3;             ///< learning rate, before the schedule
  ScheduleOptions schedule = {};  ///< of the learning rate
  /// The checkpoint file; empty for none. If it exists when the training begins, the training
  /// resumes from it and gives the same bytes as if it had never stopped. The caller removes it.
  std::filesystem::path checkpoint = {};
  /// Called after every step and every epoch. An exception from it ends the training; at the end of
  /// an epoch the checkpoint is written first.
  std::function<void(const Progress&)> progress = {};
};

}  // namespace clipk
