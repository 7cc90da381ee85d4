#pragma once

#include <cstdint>

#include "clipk/train/training_options.hpp"

// Checks of the options that all trainings share. Messages begin with the model's name.
namespace clipk::train {

/// Epochs, rate and schedule.
void check_training(const char* model, const TrainingOptions& options);
void check_rate(const char* model, double rate);
void check_schedule(const char* model, const ScheduleOptions& schedule);
/// Rows of a mini-batch.
void check_batch(const char* model, std::int64_t batch);
/// "epochs of at least 0" for check_at_least(model, "epochs", 0, ...).
void check_at_least(const char* model, const char* name, std::int64_t least, std::int64_t value);

}  // namespace clipk::train
